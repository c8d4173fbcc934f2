"""Tasks: what trains, validates and is tested in a fold, and that a leak stops all training."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import INLINE, OFFLINE, labelled_tracks, sample_rows, small_experiment
from toys import load, tasks_of

from pipeline.augmentation.inline import InlineAugmentation
from pipeline.base.errors import LeakError, ParamsError
from pipeline.base.types import Array
from pipeline.folds.groups import inner_validation
from pipeline.folds.labelled import LabelledClips
from pipeline.folds.table import FoldedTrack, sides
from pipeline.training import augmented
from pipeline.training import cross_validation as tasks

pytestmark = pytest.mark.usefixtures("augmented")

TRACKS = labelled_tracks()
BY_CLIP = [replace(track, clip=clip, tested_in=(clip,)) for track in TRACKS for clip in (0, 1)]
LEFT_OUT = [
    replace(track, left_out_of=(0,)) if track.track_id in ("high/1", "low/3") else track
    for track in TRACKS
]


def ids_of(clips: LabelledClips, rows: Array) -> set[str]:
    return set(clips.track_ids[rows].tolist())


def test_parts_have_no_track_in_common_and_leave_none_out() -> None:
    clips = load()
    made = tasks_of()
    assert [task.description.fold for task in made] == [0, 1]
    for task in made:
        tested = {t.track_id for t in sides(TRACKS, task.description.fold)[1]}
        training, validating = ids_of(clips, task.train), ids_of(clips, task.validation)
        assert not training & validating
        assert not (training | validating) & tested
        assert training | validating | tested == set(clips.track_ids.tolist())
        assert len(task.train) + len(task.validation) + 2 * len(tested) == len(clips.labels)


def test_validation_is_cut_by_track_from_the_training_folds() -> None:
    clips, seed = load(), small_experiment().seed
    for task in tasks_of():
        fold = task.description.fold
        not_tested, _ = sides(TRACKS, fold)
        expected = {track.track_id for track in inner_validation(not_tested, 0.25, seed + fold)}
        assert ids_of(clips, task.validation) == expected
        assert len(task.validation) == 2 * len(expected)  # every clip of each
        assert {track_id.split("/")[0] for track_id in expected} == {"high", "low"}


def test_description_is_what_prediction_must_know() -> None:
    description = tasks_of()[1].description
    assert (description.model, description.feature, description.fold) == ("ann", "centroid", 1)
    assert description.genres == ["high", "low"]
    assert description.training == {"seed": small_experiment().seed + 1, "precision": "float32"}
    assert description.store["sample_rate"] == 4000
    assert description.store["params"] == {"n_fft": 256, "hop_length": 400}


def test_network_that_cannot_take_the_rows_is_an_error_that_names_the_feature() -> None:
    expected = r"^feature = 'centroid': model = 'cnn' needs pictures, not rows of shape \(11,\)"
    with pytest.raises(ParamsError, match=expected):
        tasks_of({"model": "cnn"})


def test_leak_into_validation_stops_before_any_training(monkeypatch: pytest.MonkeyPatch) -> None:
    by_id = {track.track_id: track for track in TRACKS}

    def leaky(*_: object) -> set[FoldedTrack]:
        return {by_id["high/1"], by_id["low/0"]}  # low/0 is tested in fold 0

    monkeypatch.setattr(tasks, "inner_validation", leaky)
    expected = r"^leak: low/0 \(validation\) and low/0 \(test\) are the same track$"
    with pytest.raises(LeakError, match=expected):
        tasks_of()


def test_tracks_that_belong_together_in_two_folds_are_a_leak() -> None:
    tracks = list(TRACKS)
    for number in (0, 7):  # high/0 and low/1: one is tested in each fold
        tracks[number] = replace(tracks[number], replica="high/0")
    expected = r"^leak: low/1 \((training|validation)\) and high/0 \(test\) are replicas$"
    with pytest.raises(LeakError, match=expected):
        tasks_of(tracks=tracks)


def test_seeds_share_their_parts_and_differ_in_what_is_drawn() -> None:
    tracks = [
        replace(track, tested_in=(0, 1, 2) if track.track_id.endswith(("0", "1")) else ())
        for track in TRACKS
    ]
    clips = load(tracks)
    made = tasks_of(tracks=tracks)
    assert [task.description.fold for task in made] == [0, 1, 2]
    assert len({task.description.training["seed"] for task in made}) == 3
    assert len({tasks.address_of(task, "code") for task in made}) == 3
    seen = [ids_of(clips, np.r_[task.train, task.validation]) for task in made]
    assert seen == [{track.track_id for track in tracks if not track.tested_in}] * 3


def test_clips_of_a_track_are_in_several_parts_under_the_protocol_clip() -> None:
    clips = load(BY_CLIP)
    for task in tasks_of(tracks=BY_CLIP):
        assert len(task.train) + len(task.validation) == 12
        rows = np.r_[task.train, task.validation]
        assert not clips.tested[task.description.fold][rows].any()
        assert {track.clip for track in clips.tracks_of(rows)} == {1 - task.description.fold}


@pytest.mark.parametrize("tracks", [TRACKS, BY_CLIP, LEFT_OUT], ids=["song", "clip", "left out"])
def test_samples_train_where_their_parents_do(tracks: list[FoldedTrack]) -> None:
    clips = load(tracks)
    of_row = list(zip(clips.track_ids.tolist(), clips.clip_numbers.tolist(), strict=True))
    made = sample_rows()
    for task in tasks_of(OFFLINE, tracks):
        expected = {row: of_row[n] for n in task.train for row in made[of_row[n]]}
        found = [row.tobytes() for row in task.rows[task.augmented]]
        assert sorted(found) == sorted(expected)
        assert len(found) == 2 * len(task.train)
        parents = [expected[row] for row in found]
        genres = [clips.genres[label] for label in task.labels[task.augmented]]
        assert genres == [track_id.split("/")[0] for track_id, _ in parents]
        assert not {of_row[n] for n in task.validation} & set(parents)
        for track in clips.tracks_of(task.train):
            assert task.description.fold not in (*track.tested_in, *track.left_out_of)
        np.testing.assert_array_equal(task.rows[task.train], clips.rows[task.train])
        np.testing.assert_array_equal(task.rows[task.validation], clips.rows[task.validation])


IN_TRAINING = r"is in training in fold 0, where that track does not train$"


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("tracks", [TRACKS, BY_CLIP], ids=["song", "clip"])
def test_choosing_a_sample_of_a_clip_that_is_not_trained_on_is_a_leak(
    tracks: list[FoldedTrack], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, clips = tasks_of(tracks=tracks)[0], load(tracks)
    rows = task.validation if part == "validation" else clips.rows_of(sides(tracks, 0)[1])

    def and_another(parents: Array, train: Array) -> Array:
        return np.array([parent in {*train, rows[0]} for parent in parents])

    monkeypatch.setattr(np, "isin", and_another)
    name = clips.track_ids[rows[0]]
    with pytest.raises(LeakError, match=rf"^leak: an augmented sample of {name} {IN_TRAINING}"):
        tasks_of(OFFLINE, tracks)


@pytest.mark.parametrize("tracks", [TRACKS, BY_CLIP], ids=["song", "clip"])
def test_wrong_rows_of_the_parents_are_a_leak(
    tracks: list[FoldedTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit goes by the names in the table, not by the rows that these are mapped to."""
    rows_by_clip = augmented._rows_by_clip

    def shifted(clips: LabelledClips) -> dict[tuple[str, int], int]:
        right = rows_by_clip(clips)
        return dict(zip(right, [*list(right.values())[2:], 0, 1], strict=True))

    monkeypatch.setattr(augmented, "_rows_by_clip", shifted)
    with pytest.raises(LeakError, match=rf"^leak: an augmented sample of \S+ {IN_TRAINING}"):
        tasks_of(OFFLINE, tracks)


def test_inline_augmentation_draws_by_the_seed_of_the_fold_and_adds_nothing() -> None:
    for plain, inline in zip(tasks_of(), tasks_of(INLINE), strict=True):
        assert plain.transform is None
        assert isinstance(inline.transform, InlineAugmentation)
        assert inline.transform.seed == 42 + inline.description.fold
        assert len(plain.augmented) == len(inline.augmented) == 0
        np.testing.assert_array_equal(inline.train, plain.train)
        np.testing.assert_array_equal(inline.validation, plain.validation)
