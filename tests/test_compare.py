"""Revisions of a real repository side by side: what is shown, what is refused."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import RIGHT, SPLIT, Repository, predictions, swapped

from pipeline import compare
from pipeline.pages.comparison import page
from pipeline.comparison.text import MOST_CHANGED, text
from pipeline.base.errors import PipelineError
from pipeline.base.entry import run_stage
from pipeline.features.registry import FEATURES
from pipeline.evaluation.intervals import accuracy_interval, difference_interval
from pipeline.comparison.paired import judgement
from pipeline.comparison.report import as_json, build_report
from pipeline.comparison.revisions import Revision, read_revision, require_comparable

HOSTILE = '<script>alert("&")</script>'
ARTISTS = list("AABBCCDDEEFF")
# Of the twelve tracks main has 8 right, better 11; one is right in main alone.
MAIN = swapped({0: "rock", 1: "rock", 5: "rock", 9: "blues"})
BETTER = swapped({2: "metal"})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Branches that can be compared with main, and branches that cannot."""
    found = Repository(tmp_path_factory.mktemp("repository"), dvc=True)
    found.write(predictions(MAIN), split=None)
    found.commit("older than the record of folds")
    found.run("git", "tag", "old")
    found.write(predictions(MAIN), summary={"track_accuracy": 0.6667, "track_macro_f1": 0.654})
    found.commit("main")
    found.run("git", "tag", "v1")
    found.write(predictions(BETTER), model="ann")
    found.run("dvc", "exp", "save", "-q", "-n", "trial")
    other = {"protocol": "artist", "folds_digest": "e" * 64, "dataset_digest": "c" * 64}
    for key, value in other.items():
        found.write(predictions(BETTER), {**SPLIT, key: value})
        found.commit(key, f"other-{key}")
        found.run("git", "checkout", "-q", "main")
    found.write(predictions(BETTER), {**SPLIT, "protocol": "clip"})
    found.commit("leaky", "leaky")
    found.write()
    found.commit("none", "empty")
    found.write(predictions(BETTER)[1:])
    found.commit("other tracks", "fewer")
    found.write(predictions(BETTER), {"protocol": "song"})
    found.commit("keys", "keyless")
    found.write(predictions(BETTER))
    (found.folder / "metrics/split.json").write_text("{")
    found.lock(model="cnn", feature="mel")
    found.commit("broken", "broken")
    found.write([{k: v for k, v in row.items() if k[:2] != "p_"} for row in predictions(MAIN)])
    found.commit("votes alone", "votes")
    found.write(predictions(BETTER, fold=1))
    found.commit("other fold", "refolded")
    found.write([row for fold in range(3) for row in predictions(MAIN, fold=fold)])
    found.commit("three seeds", "seeds")
    found.write(
        predictions(MAIN, ARTISTS)
        + predictions(BETTER, ARTISTS, 1)
        + predictions(BETTER, ARTISTS, 2)
    )
    found.commit("three seeds, and artists", "better-seeds")
    found.write(predictions(MAIN))
    found.write_params(model="ann", feature="grey")
    found.commit("another is asked for", "asked")
    for name in ("predictions.csv", "split.json", "summary.json"):
        found.write(predictions(MAIN))
        with (found.folder / "metrics" / name).open("a") as file:
            file.write("\n")
        found.commit("edited", f"edited-{name}")
    found.write(predictions(MAIN))
    (found.folder / "dvc.lock").unlink()
    found.commit("no lock", "lockless")
    found.run("git", "checkout", "-q", "main")
    found.write(predictions(BETTER), model="ann", feature="grey")
    return found


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments)])
    run_stage(compare.main)


def report(*names: str) -> Any:
    revisions = [read_revision(name) for name in names]
    require_comparable(revisions)
    return build_report(revisions)


def test_one_revision_is_compared_with_the_workspace(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, "main", "--json")
    found = json.loads(capsys.readouterr().out)
    main, workspace = found["sides"]
    right = [np.array(names) == np.array(RIGHT) for names in (MAIN, BETTER)]
    assert found["reference"] == main["name"] == "main"
    assert main["commit"] == repository.run("git", "rev-parse", "main")[:7]
    assert (main["model"], main["feature"]) == ("cnn", "mel")
    assert main["accuracy"] == pytest.approx(8 / 12)
    assert (main["low"], main["high"]) == accuracy_interval(right[0], np.arange(12), 0)
    assert (workspace["name"], workspace["commit"]) == ("workspace", "")
    assert (workspace["model"], workspace["feature"]) == ("ann", "grey")
    [difference] = found["differences"]
    assert difference["revision"] == "workspace"
    assert difference["difference"] == pytest.approx(3 / 12)
    expected = difference_interval(right[0], right[1], np.arange(12), 0)
    assert (difference["low"], difference["high"]) == expected
    assert difference["p_value"] == difference["p_holm"] == pytest.approx(2 * 6 / 2**5)
    assert [track["track_id"] for track in difference["gained"]] == [
        "blues/00",
        "blues/01",
        "metal/05",
        "rock/09",
    ]
    assert difference["lost"] == [
        {"track_id": "blues/02", "actual": "blues", "before": "blues", "after": "metal"}
    ]
    assert difference["genres"][0] == {
        "genre": "blues",
        "tracks": 4,
        "before": 2,
        "after": 3,
        "gained": 2,
        "lost": 1,
    }


def test_every_kind_of_name_is_a_revision(repository: Repository) -> None:
    """An experiment by its name and its commit; main by tag, hash and short hash."""
    trial = repository.run("git", "for-each-ref", "--format=%(objectname)", "refs/exps/*/*/trial")
    main = repository.run("git", "rev-parse", "main")
    expected = read_revision("trial").judgement.predicted
    assert expected.tolist() == BETTER
    assert read_revision(trial[:9]).judgement.predicted.tolist() == BETTER
    for name in ("v1", "HEAD", main, main[:8], "v1~0"):
        assert read_revision(name).judgement.predicted.tolist() == MAIN
        assert read_revision(name).commit == main[:7]


def test_model_and_feature_are_of_the_run_and_not_what_is_asked_for_since() -> None:
    asked = read_revision("asked")
    assert (asked.model, asked.feature) == ("cnn", "mel")


def test_json_reads_back_as_it_was() -> None:
    content = as_json(report("seeds", "better-seeds"))
    assert json.loads(json.dumps(content)) == content


def test_text_shows_sides_difference_genres_and_tracks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, "main", "trial")
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r"  +", line) for line in lines]
    assert lines[0] == "12 tracks, split by song"
    [main] = [row for row in cells if row[0] == "main"]
    assert (main[2:6], main[-2:]) == (["cnn", "mel", "1", "66.7"], ["0.654", "-"])
    [difference] = [row for row in cells if row[0] == "trial - main"]
    assert (difference[1], difference[3:]) == ("+25.0", ["4", "1", "0.375"])
    assert ["metal/05", "metal", "rock", "metal"] in cells
    assert ["turned right in trial: 4"] in cells
    assert ["blues", "4", "2", "3", "+1", "2", "1"] in cells
    assert "Holm" not in "".join(lines)


def test_columns_are_aligned() -> None:
    table = text(report("main", "trial", "v1")).split("\n\n")[1].splitlines()
    starts = {line.index(re.findall("feature|mel", line)[0]) for line in table}
    ends = {re.search(r"interval|\d to +\d+\.\d", line).end() for line in table}  # type: ignore[union-attr]
    assert len(table) == 4
    assert len(starts) == len(ends) == 1


def test_several_are_each_compared_with_the_first_and_corrected() -> None:
    found = report("main", "trial", "workspace", "v1")
    plain = [each.p_value for each in found.differences]
    assert [each.p_holm for each in found.differences] == pytest.approx(
        [min(1, 3 * plain[0]), min(1, 3 * plain[1]), 1]
    )
    assert "Holm p: corrected for 3 comparisons with main" in text(found)
    assert found.differences[2].difference == 0
    assert found.differences[2].low < 0 < found.differences[2].high


def test_seeds_are_averaged_and_artists_drawn_together() -> None:
    found = report("seeds", "better-seeds")
    seeds = found.sides[1]
    assert seeds.seeds == 3
    assert seeds.accuracy == pytest.approx((8 + 2 * 11) / 36)
    assert (found.tracks, found.groups) == (12, 6)
    [difference] = found.differences
    before, after = (np.array(names) == np.array(RIGHT) for names in (MAIN, BETTER))
    mean = (before + 2.0 * after) / 3
    expected = difference_interval(before, mean, np.array(ARTISTS), 0)
    assert (difference.low, difference.high) == pytest.approx(expected)
    assert [track.track_id for track in difference.lost] == ["blues/02"]  # by mean probability
    assert "mean over seeds" in text(found)
    assert "12 tracks in 6 groups" in text(found)


def test_long_lists_are_cut_with_a_count() -> None:
    revisions = [read_revision("main"), read_revision("trial")]
    found = build_report(revisions)
    many = found.differences[0].gained * 5
    object.__setattr__(found.differences[0], "gained", many)
    shown = text(found)
    assert f"turned right in trial: {len(many)}" in shown
    assert f"... and {len(many) - MOST_CHANGED} more" in shown
    assert len(as_json(found)["differences"][0]["gained"]) == len(many)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("nope",), "'nope' is no branch, commit, tag or experiment"),
        (("",), "'' is no branch"),
        (("empty",), "empty has no metrics/predictions.csv; run `dvc repro`"),
        (("old",), "old has no metrics/split.json; it is older than this record"),
        (("lockless",), "lockless has no dvc.lock; nothing says which model made its figures"),
        *(
            ((f"edited-{file}",), f"^metrics/{file} of edited-{file} is not what the last `dvc")
            for file in ("predictions.csv", "split.json", "summary.json")
        ),
        (("leaky",), "leaky was split by the protocol 'clip': it leaks"),
        (("keyless",), r"split.json of keyless has no key 'dataset_digest'"),
        (("broken",), r"metrics/split.json of broken is not JSON"),
        (("main", "other-protocol"), "protocols differ, .*: song in main, artist in other-"),
        (("main", "other-dataset_digest"), "datasets differ, .*: dddddddddddd in main, cccc"),
        (("main", "other-folds_digest"), "folds differ, .*: ffffffffffff in main, eeee"),
        (("main", "trial", "other-folds_digest"), "folds differ"),
        (("main", "fewer"), "main and fewer judged different tracks"),
        (("main", "refolded"), "main and refolded judged different tracks, genres or folds"),
        (("votes",), "predictions.csv of votes has no column 'p_<genre>'; run `dvc repro` there"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        report(*names)
    assert "\n" not in str(caught.value)


def test_a_refusal_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(monkeypatch, "main", "nope", "--json")
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: 'nope' is no branch")


def test_a_page_that_is_a_folder_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(monkeypatch, "main", "--html", tmp_path)
    assert capsys.readouterr() == (
        "",
        f"error: --html {tmp_path}: is a folder; name a file in it\n",
    )


def test_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="not a git repository"):
        read_revision("main")


class Tags(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def hostile(name: str, predicted: list[str]) -> Revision:
    """A revision whose name, model, tracks and genres would be tags if they could."""
    rows = [
        {key: str(value).replace("blues", HOSTILE) for key, value in row.items()}
        for row in predictions(predicted)
    ]
    return Revision(
        name + HOSTILE, "abc", HOSTILE, HOSTILE, {"protocol": HOSTILE}, {}, judgement(rows)
    )


def test_page_escapes_every_name() -> None:
    found = build_report([hostile("main", MAIN), hostile("better", BETTER)])
    content = page(found)
    seen = Tags(content)
    assert "script" not in seen.tags
    assert HOSTILE not in content
    assert f"{HOSTILE}/00" in seen.text
    assert seen.text.count(HOSTILE) > 5


def test_page_holds_all_and_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "page.html"
    command(monkeypatch, "main", "trial", "workspace", "--html", target)
    assert "trial - main" in capsys.readouterr().out
    content = target.read_text(encoding="utf-8")
    seen = Tags(content)
    assert seen.links == []
    assert not {"script", "link", "img", "iframe"} & set(seen.tags)
    assert not re.search(r"url\(|@import", content)
    assert seen.tags.count("svg") == 2 + 2  # accuracies, differences, genres of each of two
    assert seen.tags.count("circle") == 3 + 2
    assert "12 tracks, split by song; dots are" in content
    assert "+25.0" in seen.text
    assert "metal/05" in seen.text


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("model", ["cnn", "m" * 50])
def test_pictures_cut_names_but_no_figures(feature: str, model: str) -> None:
    main, trial = (read_revision(name) for name in ("main", "trial"))
    other = replace(trial, name="n" * 50, model=model, feature=feature)
    content = page(build_report([main, other]))
    shown = re.findall(r'<text class="(?:label|note)" x="0.0"[^>]*>([^<]*)<', content)
    names, accuracy, less, points = shown[2:6]
    assert names == less == f"{'n' * 31}…"
    before, _, figures = accuracy.rpartition(" · ")
    assert before == (f"cnn · {feature}" if model == "cnn" else f"{'m' * 17}…")
    assert re.fullmatch(r"91\.7 % \(\d+\.\d.100\.0\)", figures)
    assert re.fullmatch(r"\+25\.0 \(.\d+\.\d to \+\d+\.\d\)", points)
    assert f"<title>{model} · {feature} · {figures}</title>" in content


def test_every_class_of_a_picture_has_a_style() -> None:
    content = page(report("main", "trial", "workspace"))
    used = {
        name
        for names in re.findall(r'<(?:text|line|g|rect) class="([^"]+)"', content)
        for name in names.split()
    }
    assert used >= {"end", "middle", "note", "lost", "gained"}
    assert [name for name in used if f".{name} {{" not in content] == []


def test_control_characters_do_not_reach_the_terminal() -> None:
    found = build_report([hostile("main\x1b[2J", MAIN), hostile("better", BETTER)])
    assert "\x1b" not in text(found)
