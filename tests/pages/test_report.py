"""The page of a run as text: all of its parts, and nothing that comes from elsewhere."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import UNLABELLED
from outcomes import SPLIT, Row, clip_rows, write_outcome

from pipeline.base.files import CLIPS, FEATURE_STORES, write_csv
from pipeline.dataset.tracks import COLUMNS
from pipeline.features.centroid import Centroid
from pipeline.pages import listening as run_of
from pipeline.pages.listening import Run, read_run, with_media
from pipeline.pages.media import inside, open_studio
from pipeline.pages.report_page import page

GENRES = ["high", "low"]
SURE, UNSURE = [0.1, 0.9], [0.55, 0.45]
# Of the small project's tracks: what their clips are heard as.
HEARD = {"high/0": [SURE, SURE], "high/1": [UNSURE, UNSURE], "low/0": [UNSURE, UNSURE]}


def heard_rows(track_id: str) -> list[Row]:
    return clip_rows(track_id, track_id.split("/")[0], GENRES, HEARD[track_id])


def write_run(**changes: Any) -> None:
    clips = [heard_rows(name) for name in HEARD]
    unlabelled = [clip_rows(name, "", GENRES, [SURE, UNSURE]) for name in UNLABELLED]
    same = {"track_id": "high/0", "same_as": "low/0", "kind": "near"}
    write_outcome(clips, unlabelled, [same], {**SPLIT, **changes})


def made(tracks: str | int = "all") -> str:
    with open_studio(CLIPS, FEATURE_STORES / "centroid", inside) as studio:
        return page(read_run("music"), tracks, studio)


def data_of(content: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', content, re.S)
    assert found
    return dict(json.loads(found[1]))


def listed(content: str, which: int) -> list[dict[str, Any]]:
    return list(data_of(content)["sets"][which]["tracks"])


@pytest.fixture
def run(augmented: Path) -> Run:
    assert augmented.is_dir()
    write_run()
    return read_run("music")


@pytest.mark.usefixtures("run")
def test_the_headline_is_from_the_records() -> None:
    content = made()
    title = re.search(r"<h1>(.*?)</h1>", content)
    assert title
    assert title[1] == "What ann on centroid heard"
    facts = dict(re.findall(r"<span>(\w+) <b>(.*?)</b>", content))
    assert facts == {
        "model": "ann",
        "feature": "centroid",
        "dataset": f"music ({SPLIT['dataset_digest']})",
        "protocol": "song, 2 folds",
        "tracks": "3",
        "genres": "2",
    }
    assert "No artist is known" in content
    made_of = dict(re.findall(r'<th scope="row">(.*?)</th><td class="path">(.*?)</td>', content))
    assert made_of["epochs"] == "2"
    assert made_of["all folds, one after another"] == "4 s"


@pytest.mark.usefixtures("run")
def test_tracks_come_with_all_that_is_known_of_them() -> None:
    first, second, third = listed(made(), 0)
    assert [each["id"] for each in (first, second, third)] == ["high/0", "low/0", "high/1"]
    assert first["facts"] == ["the same recording as low/0 (near)"]
    assert first["replica"]
    assert not third["replica"]
    assert first["sound"].startswith("data:audio/ogg")
    assert first["picture"].startswith("data:image/webp")
    assert [each["id"] for each in listed(made(), 1)] == list(UNLABELLED)


@pytest.mark.parametrize(
    ("tracks", "labelled", "unlabelled"),
    [("all", 3, 2), ("wrong", 2, 2), (1, 1, 1), (0, 0, 0), (99, 3, 2)],
)
def test_sound_and_pictures_are_of_those_that_were_asked_for(
    run: Run, tracks: str | int, labelled: int, unlabelled: int
) -> None:
    content = made(tracks)
    for which, number in ((0, labelled), (1, unlabelled)):
        tracks_there = listed(content, which)
        assert [bool(each["sound"]) for each in tracks_there] == [
            place < number for place in range(len(tracks_there))
        ]
    left_out = 5 - labelled - unlabelled
    assert len(with_media(run, tracks)) == labelled + unlabelled
    assert (f"{left_out} tracks are without sound" in content) == bool(left_out)


def test_many_unlabelled_tracks_are_heard_only_if_all_are(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_of, "MOST_UNLABELLED", 1)
    assert len(with_media(run, "wrong")) == 3
    assert len(with_media(run, "all")) == 5


@pytest.mark.usefixtures("run")
def test_tags_are_told_where_the_feature_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {tuple(each["tags"]) for each in listed(made(0), 0)} == {()}
    monkeypatch.setattr(Centroid, "tag_names", ("bright", "dark"))
    monkeypatch.setattr(Centroid, "tags", lambda _, rows: np.tile([0.25, 0.75], (len(rows), 1)))
    for which in (0, 1):
        assert {tuple(each["tags"]) for each in listed(made(0), which)} == {
            ("dark 75 %", "bright 25 %")
        }


@pytest.mark.usefixtures("run")
def test_the_artist_and_the_status_of_a_file_are_told() -> None:
    row = {"track_id": "high/0", "artist": "A & B", "status": "truncated", "genre": "high"}
    write_csv(Path("data/tracks.csv"), COLUMNS, [row])
    assert listed(made(0), 0)[0]["facts"][:2] == ["by A & B", "truncated"]


@pytest.mark.usefixtures("augmented")
def test_folds_by_clip_say_so_and_have_no_figures_of_tracks() -> None:
    write_run(protocol="clip")
    rows = [
        row for name in HEARD for row in clip_rows(name, name.split("/")[0], GENRES, HEARD[name])
    ]
    write_csv(Path("metrics/predictions.csv"), list(rows[0]), rows)
    content = made(0)
    assert "say nothing about other music" in content
    assert list(data_of(content)["confusion"]) == ["clips"]
    assert "How the clips of a track vote" not in content
    assert "Tracks right" not in content


@pytest.mark.usefixtures("run")
def test_nothing_comes_from_elsewhere_and_our_scripts_alone_may_run() -> None:
    content = made()
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', content)
    assert policy
    scripts = re.findall(r"<script>(.*?)</script>", content, re.S)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"&#39;sha256-{digest}&#39;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")
    namespaces = r"http://www\.w3\.org/(2000/svg|1999/xlink)"
    assert "://" not in re.sub(namespaces, "", content)
    assert not re.search(r"\son\w+=", re.sub(r"<script.*?</script>", "", content, flags=re.S))


@pytest.mark.usefixtures("augmented")
def test_an_unknown_record_leaves_its_place_empty() -> None:
    write_run()
    Path("metrics/training.json").write_text('{"backend": "tensorflow"}', encoding="utf-8")
    assert "<h1>What the models heard</h1>" in made(0)
