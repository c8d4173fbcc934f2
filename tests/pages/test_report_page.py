"""The page of a run as text: all of its parts, and nothing that comes from elsewhere."""

import base64
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers import OFFLINE, UNLABELLED
from outcomes import SPLIT, clips_of, page_data, write_outcome

from pipeline.audio.clips import from_pcm
from pipeline.augmentation.samples import read_samples
from pipeline.augmentation.sounds import Noise
from pipeline.base.files import (
    AUGMENTED,
    CLIPS,
    FEATURE_STORES,
    PREDICTIONS,
    TRAINING,
    write_csv,
)
from pipeline.base.files import UNLABELLED as UNLABELLED_TABLE
from pipeline.dataset.tracks import COLUMNS
from pipeline.features.centroid import Centroid
from pipeline.pages import track_list
from pipeline.pages.media import inside, open_media
from pipeline.pages.report_page import how_it_was_made, page, read_run, sample_pairs
from pipeline.store.store import Store

CENTROID = FEATURE_STORES / "centroid"
GENRES = ["high", "low"]
SURE, UNSURE = [0.1, 0.9], [0.55, 0.45]
# Of the small project's tracks: the probabilities of their two clips.
CHANCES = {"high/0": [SURE, SURE], "high/1": [UNSURE, UNSURE], "low/0": [UNSURE, UNSURE]}


def write_run(**split: Any) -> None:
    actual = {name: name.split("/")[0] for name in CHANCES}
    unlabelled = clips_of(GENRES, {name: [SURE, UNSURE] for name in UNLABELLED})
    same = {"track_id": "high/0", "same_as": "low/0", "kind": "near"}
    write_outcome(clips_of(GENRES, CHANCES, actual), unlabelled, [same], **split)


def made(tracks: str | int = "all") -> str:
    with open_media(CLIPS, CENTROID, inside) as media:
        return page(read_run("music"), tracks, media)


def listed(content: str, which: int) -> list[dict[str, Any]]:
    return list(page_data(content)["sets"][which]["tracks"])


@pytest.fixture(autouse=True)
def _run(augmented: Path) -> None:
    assert augmented.is_dir()
    write_run()


def test_the_headline_is_from_the_records() -> None:
    content = made()
    assert re.findall(r"<h1>(.*?)</h1>", content) == ["Predictions of ann on centroid"]
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
    cells = dict(re.findall(r'<th scope="row">(.*?)</th><td class="path">(.*?)</td>', content))
    assert cells["epochs"] == "2"
    assert cells["all folds, one after another"] == "4 s"


def test_tracks_come_with_all_that_is_known_of_them() -> None:
    row = {"track_id": "high/0", "artist": "A & B", "status": "truncated", "genre": "high"}
    write_csv(Path("data/tracks.csv"), COLUMNS, [row])
    first, second, third = listed(made(), 0)
    assert [each["id"] for each in (first, second, third)] == ["high/0", "low/0", "high/1"]
    assert first["facts"] == ["by A & B", "truncated", "the same recording as low/0 (near)"]
    assert first["copy"]
    assert not third["copy"]
    assert first["sound"].startswith("data:audio/ogg")
    assert first["picture"].startswith("data:image/webp")
    assert [each["id"] for each in listed(made(), 1)] == list(UNLABELLED)


def test_a_list_that_is_cut_says_so_and_the_figures_still_count_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = made()
    assert "The list ends" not in whole
    monkeypatch.setattr(track_list, "MOST_LISTED", 1)
    content = made()
    for which, (left, table) in enumerate([(2, PREDICTIONS), (1, UNLABELLED_TABLE)]):
        assert listed(content, which) == listed(whole, which)[:1]
        said = f"ends before {left} more tracks, .*; <code>{table}</code> has them all"
        assert re.search(said, content)
    assert page_data(content)["confusion"] == page_data(whole)["confusion"]
    assert "<span>tracks <b>3</b>" in content


def test_tracks_have_tags_where_the_feature_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {tuple(each["tags"]) for each in listed(made(0), 0)} == {()}
    monkeypatch.setattr(Centroid, "tag_names", ("bright", "dark"))
    monkeypatch.setattr(Centroid, "tags", lambda _, rows: np.tile([0.25, 0.75], (len(rows), 1)))
    for which in (0, 1):
        tags = {tuple(each["tags"]) for each in listed(made(0), which)}
        assert tags == {("dark 75 %", "bright 25 %")}


def test_folds_by_clip_say_so_and_have_no_figures_of_tracks() -> None:
    write_run(protocol="clip")
    content = made(0)
    assert "say nothing about other music" in content
    assert list(page_data(content)["confusion"]) == ["clips"]
    assert "How the clips of a track vote" not in content
    assert "Tracks right" not in content
    assert "Clips right" in content
    assert "0.250" in content  # macro F1: 0.5 of high, 0 of low


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


def test_an_unknown_record_leaves_its_place_empty() -> None:
    TRAINING.write_text('{"backend": "tensorflow"}', encoding="utf-8")
    assert "<h1>Predictions of the models</h1>" in made(0)


@pytest.fixture
def samples() -> list[dict[str, str]]:
    with open_media(CLIPS, CENTROID, inside) as media:
        return sample_pairs(AUGMENTED, media)


def test_there_are_samples_of_every_chain_and_genre(samples: list[dict[str, str]]) -> None:
    """With sounds where the chain begins with sound."""
    expected = {(chain, genre) for chain in OFFLINE["augment.kinds"] for genre in ("high", "low")}
    assert {(each["chain"], each["parent"].split("/")[0]) for each in samples} == expected
    assert len(samples) == len(expected)
    for each in samples:
        assert each["picture"] != each["parent_picture"]
        assert bool(each["sound"]) == bool(each["parent_sound"]) == (each["chain"] == "noise")


def test_the_sound_is_the_parents_with_what_was_drawn(samples: list[dict[str, str]]) -> None:
    """The noise has the ratio to the sound that the state names."""
    noisy = next(each for each in samples if each["chain"] == "noise")
    before, after = (
        soundfile.read(io.BytesIO(base64.b64decode(noisy[name].partition(",")[2])))[0]
        for name in ("parent_sound", "sound")
    )
    name = ("noise", noisy["parent"].partition(",")[0])
    sample = next(s for s in read_samples(AUGMENTED) if (s.chain, s.track_id) == name)
    with Store(CLIPS) as store:
        sound = from_pcm(store.rows(sample.track_id)[sample.clip])
    expected = Noise.apply(sound, sample.states[0])
    assert np.std(after) / np.std(before) == pytest.approx(
        np.std(expected) / np.std(sound), rel=0.05
    )
    assert noisy["drawn"].startswith("snr_db ")


def test_without_samples_there_are_no_pairs(tmp_path: Path) -> None:
    table = (AUGMENTED / "samples.csv").read_text(encoding="utf-8")
    (tmp_path / "samples.csv").write_text(table.splitlines()[0], encoding="utf-8")
    with open_media(CLIPS, CENTROID, inside) as media:
        assert sample_pairs(tmp_path, media) == []


def test_there_is_a_table_for_each_section_of_a_record() -> None:
    record = {
        "parameters": {"model": "cnn", "models": {"cnn": {"filters": [64, 128], "epochs": 5}}},
        "backend": "tensorflow",
        "versions": {"python": "3.11.2"},
        "seconds": 150.0,
        "seconds_of_folds": {"1": 120.0},
    }
    tables = {table.title: dict(table.rows) for table in how_it_was_made(record, {"folds": 2})}
    assert tables == {
        "Run": {"model": "cnn"},
        "models.cnn": {"filters": "64, 128", "epochs": "5"},
        "Training": {"backend": "tensorflow"},
        "Versions": {"python": "3.11.2"},
        "Time of training": {"fold 1": "2 min", "all folds, one after another": "2 min"},
        "Folds": {"folds": "2"},
    }
    assert how_it_was_made({}, {}) == []
