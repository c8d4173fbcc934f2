"""The sheet shows every kind that can change the feature, and its bytes repeat."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from helpers import OFFLINE, small_experiment, write_project
from PIL import Image

from pipeline.augmentation import sheet
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.sheet import PANEL, SAMPLES, Strip, write_pair, write_sheet
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.dataset.tracks import Track, read_tracks
from pipeline.store.store import Store, write_store
from pipeline.training.cross_validation import Experiment

NOT_RANDOM = [name for name, kind in augmentations().items() if not fields(kind)]


def kinds_for(*needs: str, sound: bool = True) -> list[str]:
    """Names of the kinds with one of these needs; without those on sound where there is none."""
    known = augmentations().items()
    return [n for n, kind in known if kind.needs in needs and (sound or kind.acts_on != "sound")]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Strip]:
    """The strips of the sheet that is written."""
    found: list[Strip] = []
    compose = sheet._compose

    def recorded(strips: Sequence[Strip], *sizes: int) -> Image.Image:
        found[:] = strips
        return compose(strips, *sizes)

    monkeypatch.setattr(sheet, "_compose", recorded)
    return found


def write(experiment: Experiment, path: str = "sheet.png") -> bytes:
    asked = (experiment.augment, experiment.feature, read_tracks(), experiment.seed)
    write_sheet(*asked, Path(path))
    return Path(path).read_bytes()


@pytest.mark.parametrize(
    ("feature", "kinds"),
    [("centroid", kinds_for("any feature")), ("colour", kinds_for("any feature", "picture"))],
)
def test_sheet_has_every_applicable_kind_and_the_same_bytes_again(
    feature: str, kinds: list[str], drawn: list[Strip]
) -> None:
    experiment = write_project(Path(), {**OFFLINE, "feature": feature})
    first = write(experiment)
    used = {"stretch", "time_mask+blur", "noise"}
    expected = [f"{name} (in use)" if name in used else name for name in kinds]
    assert [strip.title for strip in drawn] == [*expected, "time_mask+blur (in use)"]
    for strip in drawn:
        kind = strip.title.split()[0]
        assert len(strip.panels) == 1 + (1 if kind in NOT_RANDOM else SAMPLES)
        pictures = [panel.picture.tobytes() for panel in strip.panels]
        assert len(set(pictures)) == len(pictures), kind
        assert {panel.picture.size for panel in strip.panels} == {PANEL}
    assert write(experiment, "again.png") == first
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")


def test_sheet_of_a_spectrogram_in_decibels_has_every_kind(drawn: list[Strip]) -> None:
    write(write_project(Path(), {"feature": "mel", "extract.mel.n_fft": 512}))
    assert [strip.title for strip in drawn] == list(augmentations())  # none of which is in use


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((5,), "f4"), ((9, 8), "f4"), ((9, 8, 1), "u1"), ((9, 8, 2), "f4"), ((9, 8, 3), "f4")],
    ids=str,
)
def test_sheet_of_a_feature_of_ones_own_has_the_kinds_without_sound(
    shape: tuple[int, ...], dtype: str, drawn: list[Strip]
) -> None:
    rows = np.random.default_rng(0).uniform(0, 200, (2, *shape)).astype(dtype)
    write_project(Path())
    with Store(CLIPS) as store:
        write_store(FEATURE_STORES / "own", {"name": "own"}, dict.fromkeys(store.track_ids, rows))
    write(small_experiment({"feature": "own"}))
    needs = {1: ["any feature"], 2: [], 3: ["any feature", "picture"]}[len(shape)]
    assert [strip.title for strip in drawn] == kinds_for(*needs, sound=False)


def test_sheet_is_empty_without_a_labelled_track_that_has_rows(drawn: list[Strip]) -> None:
    experiment = write_project(Path())
    tracks = [Track("x", genre, "", "", "", 2, "") for genre in ("", "low")]
    write_sheet(experiment.augment, experiment.feature, tracks, 1, Path("sheet.png"))
    assert drawn == []
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")


def test_pair_is_a_sample_beside_its_parent(tmp_path: Path) -> None:
    parent = np.random.default_rng(0).normal(size=(9, 8, 1)).astype(np.float16)
    write_pair("a/0:0:0", parent, parent[:, ::-1], [{"kind": "mirror"}], tmp_path / "pair.png")
    with Image.open(tmp_path / "pair.png") as picture:
        pair = np.asarray(picture)
    left, right = sheet.GAP, sheet.GAP + PANEL[0] + sheet.GAP
    top, bottom = sheet.TITLE, sheet.TITLE + PANEL[1]
    sides = [pair[top:bottom, start : start + PANEL[0]] for start in (left, right)]
    np.testing.assert_array_equal(sides[0], sides[1][:, ::-1])
    assert not np.array_equal(sides[0], sides[1])
