"""Folds with augmentation: samples train where their parents do, and addresses know of them."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import (
    INLINE,
    OFFLINE,
    labelled_tracks,
    sample_rows,
    small_experiment,
)

from pipeline.tasks.fitting import FoldTask
from pipeline.store import addresses
from pipeline.training import tasks
from pipeline.folds.errors import LeakError
from pipeline.augmentation.stored import Augmented, load_samples
from pipeline.augmentation.inline import InlineAugmentation, load_inline
from pipeline.store.cache import Cache
from pipeline.base.errors import PipelineError
from pipeline.folds.labelled import load_labelled
from pipeline.augmentation.offline import make_samples
from pipeline.base.paths import AUGMENTED
from pipeline.base.paths import FEATURE_STORES
from pipeline.folds.table import FoldedTrack, sides
from pipeline.dataset.tracks import read_tracks

pytestmark = pytest.mark.usefixtures("augmented")

Array = npt.NDArray[Any]

TRACKS = labelled_tracks()
BY_CLIP = [replace(track, clip=clip, tested_in=(clip,)) for track in TRACKS for clip in (0, 1)]
LEFT_OUT = [
    replace(track, left_out_of=(0,)) if track.track_id in ("high/1", "low/3") else track
    for track in TRACKS
]


def tasks(
    changes: dict[str, Any], tracks: Sequence[FoldedTrack] = TRACKS, folder: Path = AUGMENTED
) -> list[FoldTask]:
    params = small_experiment(changes)
    clips = load_labelled(FEATURE_STORES / "centroid", tracks)
    return tasks.make_tasks(params, tracks, clips, folder)


def addresses(
    changes: dict[str, Any], tracks: Sequence[FoldedTrack] = TRACKS, folder: Path = AUGMENTED
) -> list[str]:
    made = tasks(changes, tracks, folder)
    return [tasks.address_of(task, tasks.code_of(task)) for task in made]


@pytest.mark.parametrize("tracks", [TRACKS, BY_CLIP, LEFT_OUT], ids=["song", "clip", "left out"])
def test_samples_train_where_their_very_parents_do(tracks: list[FoldedTrack]) -> None:
    clips = load_labelled(FEATURE_STORES / "centroid", tracks)
    of_row = [
        (track.track_id, clip)
        for track in tracks
        for clip in ((0, 1) if track.clip is None else (track.clip,))
    ]
    made = sample_rows()
    for task in tasks(OFFLINE, tracks):
        expected = {row: of_row[n] for n in task.train for row in made[of_row[n]]}
        found = [row.tobytes() for row in task.rows[task.augmented]]
        assert sorted(found) == sorted(expected)
        assert len(found) == 2 * len(task.train)
        parents = [expected[row] for row in found]
        genres = [clips.genres[label] for label in task.labels[task.augmented]]
        assert genres == [track_id.split("/")[0] for track_id, _ in parents]
        elsewhere = {of_row[n] for n in task.validation} | {
            key
            for key, track in zip(of_row, clips.tracks_of(np.arange(len(of_row))), strict=False)
            if track.clip is not None and task.description.fold in track.tested_in
        }
        assert not elsewhere & set(parents)
        tested = sides(tracks, task.description.fold)[1]
        assert not {(t.track_id, t.clip or 0) for t in tested} & set(parents)
        np.testing.assert_array_equal(task.rows[task.train], clips.rows[task.train])
        np.testing.assert_array_equal(task.rows[task.validation], clips.rows[task.validation])


def test_what_is_left_out_of_a_fold_has_no_sample_in_it() -> None:
    rows = sample_rows()
    out = {row for clip in (0, 1) for name in ("high/1", "low/3") for row in rows[name, clip]}
    first, second = (
        {row.tobytes() for row in task.rows[task.augmented]} for task in tasks(OFFLINE, LEFT_OUT)
    )
    assert len(out) == 8
    assert not out & first
    assert not out & second  # tested there


@pytest.mark.parametrize("tracks", [TRACKS, BY_CLIP], ids=["song", "clip"])
def test_planted_leak_stops_before_any_training(
    tracks: list[FoldedTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(parents: Array, _train: Array) -> Array:
        return np.ones(len(parents), bool)

    monkeypatch.setattr(np, "isin", everything)
    expected = (
        r"^leak: an augmented sample of \S+ is in training in fold 0, where that track does not "
        "train$"
    )
    with pytest.raises(LeakError, match=expected):
        tasks(OFFLINE, tracks)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_one_sample_of_what_does_not_train_is_a_leak(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks({})[0]
    clips = load_labelled(FEATURE_STORES / "centroid", TRACKS)
    test = clips.rows_of(sides(TRACKS, 0)[1])
    wrong = int(task.validation[0] if part == "validation" else test[0])

    def and_one(parents: Array, train: Array) -> Array:
        return np.array([parent in {*train.tolist(), wrong} for parent in parents.tolist()])

    monkeypatch.setattr(np, "isin", and_one)
    name = clips.track_ids[wrong]
    with pytest.raises(LeakError, match=rf"^leak: an augmented sample of {name} is in training"):
        tasks(OFFLINE)


def test_inline_changes_what_trains_and_adds_nothing() -> None:
    for plain, changed in zip(tasks({}), tasks(INLINE), strict=True):
        assert plain.change is None
        assert changed.change is not None
        assert len(changed.augmented) == 0
        np.testing.assert_array_equal(changed.train, plain.train)
        np.testing.assert_array_equal(changed.validation, plain.validation)


def test_without_augmentation_no_setting_of_it_changes_an_address() -> None:
    changes = {
        "augment.kinds": ["blur"],
        "augment.copies": 9,
        "augment.probability": 1,
        "augment.blur.sigma": 3,
        "augment.stretch.factor": 3,
    }
    assert addresses(changes) == addresses({})
    assert not {*addresses({})} & {*addresses(OFFLINE), *addresses(INLINE)}


def test_inline_addresses_follow_what_is_in_use() -> None:
    first = addresses(INLINE)
    assert len({*first, *addresses(INLINE)}) == 2
    assert addresses({**INLINE, "augment.zoom.factor": 3, "augment.copies": 9}) == first
    for changes in (
        {"augment.stretch.factor": 3},
        {"augment.probability": 0.9},
        {"augment.kinds": ["stretch", "noise"]},
    ):
        assert not {*addresses({**INLINE, **changes})} & {*first}


DEAF = {**INLINE, "augment.kinds": ["stretch"]}  # the sound of all is in the address as well


def test_inline_addresses_know_no_number_of_a_row() -> None:
    """One track less that is tested in the first fold: those that train there are numbered anew."""
    assert TRACKS[0].tested_in == (0,)
    assert addresses(DEAF, TRACKS[1:])[0] == addresses(DEAF)[0]


def test_inline_addresses_know_the_tracks_and_clips_by_which_rows_are_drawn() -> None:
    params, clips = small_experiment(DEAF), load_labelled(FEATURE_STORES / "centroid", TRACKS)

    def made(**changes: Any) -> list[str]:
        inline = load_inline(params, clips)
        assert inline
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "load_inline", lambda *_: replace(inline, **changes))
            found = tasks.make_tasks(params, TRACKS, clips)
        return [tasks.address_of(task, tasks.code_of(task)) for task in found]

    first = made()
    others = [made(clips=1 - clips.clip_numbers), made(track_ids=clips.track_ids[::-1])]
    assert len({*first, *others[0], *others[1]}) == 6


def test_each_fold_draws_by_its_own_seed() -> None:
    first, second = [task.change for task in tasks(INLINE)]
    assert isinstance(first, InlineAugmentation)
    assert isinstance(second, InlineAugmentation)
    assert (first.seed, second.seed) == (42, 43)
    row = load_labelled(FEATURE_STORES / "centroid", TRACKS).rows[np.arange(1)]
    drawn = [[each(row, np.arange(1), epoch) for epoch in range(20)] for each in (first, second)]
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_worker_whose_augmentation_is_other_code_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What trains is the same there; what changes the rows is not."""
    plain, inline = tasks({})[0], tasks(INLINE)[0]
    codes = tasks.code_of(plain), tasks.code_of(inline)
    here = addresses.code_fingerprint
    monkeypatch.setattr(
        fingerprint,
        "code_fingerprint",
        lambda name: here(name) + "x" * (name == InlineAugmentation.__module__),
    )
    assert tasks.code_of(plain) == codes[0]
    with pytest.raises(PipelineError, match=r"^a worker runs other code or libraries, or"):
        tasks.train_fold(inline, Cache(tmp_path), codes[1])
    assert not (tmp_path / tasks.KIND).exists()


def test_the_code_of_a_fold_is_the_same_in_another_process() -> None:
    for task in tasks({**INLINE, "augment.kinds": ["stretch", "noise+blur"]}):
        assert tasks.code_of(pickle.loads(pickle.dumps(task))) == tasks.code_of(task)


def test_the_code_of_a_fold_goes_to_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def trained(task: FoldTask, _cache: Cache, code: str) -> Path:
        asked.append((task.description.fold, code == tasks.code_of(task)))
        return Path()

    monkeypatch.setattr(tasks, "train_fold", trained)
    monkeypatch.setattr(tasks, "map_folds", lambda f, tasks: [f(task) for task in tasks])
    tasks.train_folds(tasks(INLINE))
    assert asked == [(0, True), (1, True)]


def test_offline_addresses_follow_the_samples_and_not_what_params_yaml_says_of_them(
    tmp_path: Path,
) -> None:
    first = addresses(OFFLINE)
    assert addresses({**OFFLINE, "augment.stretch.factor": 3}) == first
    wider = small_experiment({**OFFLINE, "augment.stretch.factor": 3})
    make_samples(wider, read_tracks(), tmp_path / "wider")
    assert not {*addresses(OFFLINE, folder=tmp_path / "wider")} & {*first}


def test_offline_addresses_know_samples_that_train_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    params = small_experiment(OFFLINE)
    clips = load_labelled(FEATURE_STORES / "centroid", TRACKS)
    samples = load_samples(params, clips)
    assert samples

    def made(samples: Augmented) -> list[str]:
        monkeypatch.setattr(tasks, "load_samples", lambda *_: samples)
        found = tasks.make_tasks(params, TRACKS, clips)
        return [tasks.address_of(task, "code") for task in found]

    first = made(samples)
    changed = {track.track_id: "changed" for track in TRACKS if track.tested_in == (0,)}
    other = made(replace(samples, digests={**samples.digests, **changed}))
    assert other[0] == first[0]
    assert other[1] != first[1]
    backwards = made(replace(samples, parents=samples.parents[::-1].copy()))
    assert not {*backwards} & {*first}
