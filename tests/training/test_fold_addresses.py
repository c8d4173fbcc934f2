"""The address of a trained fold changes with the data and parameters that determine its weights."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import INLINE, OFFLINE, labelled_tracks, make_small_samples, small_experiment
from toys import load, tasks_of

from pipeline.training import cross_validation
from pipeline.training.augmented import load_inline, load_samples
from pipeline.training.cross_validation import address_of, code_of

pytestmark = pytest.mark.usefixtures("augmented")
TRACKS = labelled_tracks()
# The sound of all tracks is part of the address where a kind acts on sound.
WITHOUT_SOUND = {**INLINE, "augment.kinds": ["stretch"]}


def addresses(*arguments: Any, **clips: Any) -> list[str]:
    """Addresses of all folds, were their code the same."""
    return [address_of(task, "code") for task in tasks_of(*arguments, **clips)]


def test_address_follows_from_code_data_and_parameters() -> None:
    first = addresses({})
    assert first == addresses({})
    assert len(set(first)) == 2
    assert address_of(tasks_of({})[0], "other code") != first[0]
    others = [{"models.ann.dropout": 0.1}, {"seed": 1}, {"train.validation": 0.6}]
    for changes in [*others, {"train.class_weight": "balanced"}]:
        assert not set(addresses(changes)) & set(first)


@pytest.mark.parametrize("setting", ["backend.backend", "config.epsilon", "config.floatx"])
def test_backend_and_its_settings_are_part_of_the_code(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks_of({})[0]
    code = code_of(task)
    monkeypatch.setattr(f"keras.{setting}", lambda: "other")
    assert code_of(task) != code


def test_data_that_are_only_tested_are_not_part_of_the_address() -> None:
    first, clips = addresses({}), load()
    tested = next(track for track in TRACKS if track.tested_in == (0,))
    other = addresses({}, digests={**clips.digests, tested.track_id: "changed"})
    assert other[0] == first[0]
    assert other[1] != first[1]


def test_clips_of_a_track_are_told_apart() -> None:
    one, other = (
        [
            replace(track, clip=clip, tested_in=place)
            for track in TRACKS
            for clip, place in ((first, (0,)), (1 - first, (1,)))
        ]
        for first in (0, 1)
    )
    assert addresses({}, one)[0] != addresses({}, other)[0]


def test_augmentation_that_is_not_in_use_changes_no_address() -> None:
    changes = {"augment.copies": 9, "augment.probability": 1, "augment.stretch.factor": 3}
    assert addresses({**changes, "augment.kinds": ["blur"]}) == addresses({})
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


def test_row_numbers_are_not_part_of_inline_addresses() -> None:
    """Without a track that is tested in the first fold, what trains there has other numbers."""
    assert TRACKS[0].tested_in == (0,)
    assert addresses(WITHOUT_SOUND, TRACKS[1:])[0] == addresses(WITHOUT_SOUND)[0]


def test_tracks_and_clips_are_part_of_inline_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """By these the changes of a row are drawn."""
    experiment, clips = small_experiment(WITHOUT_SOUND), load()
    inline = load_inline(experiment.augment, "centroid", clips, experiment.seed)
    different = set(addresses(WITHOUT_SOUND))
    for other in (
        replace(inline, clip_numbers=1 - clips.clip_numbers),
        replace(inline, track_ids=clips.track_ids[::-1]),
    ):
        monkeypatch.setattr(cross_validation, "load_inline", lambda *_, other=other: other)
        different |= {*addresses(WITHOUT_SOUND)}
    assert len(different) == 6


def test_code_of_an_inline_task_is_the_same_in_another_process() -> None:
    for task in tasks_of({**INLINE, "augment.kinds": ["stretch", "noise+blur"]}):
        assert code_of(pickle.loads(pickle.dumps(task))) == code_of(task)


def test_offline_addresses_follow_the_samples_and_not_their_parameters(tmp_path: Path) -> None:
    first = addresses(OFFLINE)
    wider = {**OFFLINE, "augment.stretch.factor": 3}
    assert addresses(wider) == first
    make_small_samples(small_experiment(wider), tmp_path / "wider")
    assert not {*addresses(OFFLINE, TRACKS, tmp_path / "wider")} & {*first}


def test_offline_addresses_follow_the_samples_that_train(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, first = load_samples("centroid", load()), addresses(OFFLINE)
    changed = {track.track_id: "changed" for track in TRACKS if track.tested_in == (0,)}
    others = replace(samples, digests={**samples.digests, **changed})
    monkeypatch.setattr(cross_validation, "load_samples", lambda *_: others)
    assert addresses(OFFLINE)[0] == first[0]
    assert addresses(OFFLINE)[1] != first[1]
    backwards = replace(samples, parents=samples.parents[::-1].copy(), names=samples.names[::-1])
    monkeypatch.setattr(cross_validation, "load_samples", lambda *_: backwards)
    assert not {*addresses(OFFLINE)} & {*first}
