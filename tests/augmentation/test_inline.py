"""Inline augmentation: what it draws follows from seed, track, clip and epoch alone."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import INLINE, labelled_clips, labelled_tracks, small_document, small_experiment

from pipeline.audio.clips import from_pcm
from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.kind import generator
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.base.types import Array
from pipeline.features.shared.feature import read_feature
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.store.store import Store
from pipeline.training.augmented import load_inline

SEED = 7
CENTROID = read_feature("centroid", small_document())
FEATURES = FEATURE_STORES / "centroid"


@pytest.fixture
def clips(augmented: Path) -> LabelledClips:
    return labelled_clips(augmented)


def inline(clips: LabelledClips, **changes: Any) -> InlineAugmentation:
    changed = {f"augment.{key}": value for key, value in changes.items()}
    augment = small_experiment({**INLINE, **changed}).augment
    return load_inline(augment, "centroid", clips, SEED)


def test_change_of_a_row_depends_on_the_epoch_and_not_on_the_batch(clips: LabelledClips) -> None:
    change, numbers = inline(clips, probability=1), np.arange(24)
    rows = clips.rows[numbers]
    kept = rows.copy()
    first = change(rows, numbers, 3)
    np.testing.assert_array_equal(rows, kept)
    assert (first.shape, first.dtype) == (rows.shape, rows.dtype)
    for some in (numbers[::-1], np.array([5]), np.array([5, 17, 2])):
        np.testing.assert_array_equal(change(clips.rows[some], some, 3), first[some])
    later = change(rows, numbers, 4)
    assert all(not np.array_equal(*pair) for pair in zip(first, later, strict=True))
    other = inline(clips, probability=1)
    np.testing.assert_array_equal(replace(other, seed=change.seed)(rows, numbers, 3), first)
    assert not np.array_equal(replace(other, seed=change.seed + 1)(rows, numbers, 3), first)


def test_what_is_drawn_follows_from_track_and_clip_and_not_from_the_row_number(
    augmented: Path,
) -> None:
    def changed(clips: LabelledClips) -> Array:
        numbers = np.arange(len(clips.labels))
        return inline(clips, probability=1)(clips.rows[numbers], numbers, 2)

    second = [replace(track, clip=1) for track in labelled_tracks()[::-1]]
    expected = changed(labelled_clips(augmented))[1::2][::-1]
    np.testing.assert_array_equal(changed(load_labelled(augmented / FEATURES, second)), expected)


def test_probability_is_the_share_of_rows_that_change(clips: LabelledClips) -> None:
    change = inline(clips, probability=0.5, kinds=["mirror", "mirror+time_mask"])
    numbers = np.arange(24)
    rows = clips.rows[numbers]
    changed = [(change(rows, numbers, epoch) != rows).any(axis=1) for epoch in range(20)]
    assert 0.4 <= np.mean(changed) <= 0.6


def test_sound_is_that_of_the_same_clip(augmented: Path) -> None:
    """Each row is the feature of its own clip's sound, rolled; the clips are in another order."""
    tracks = [replace(t, clip=1 - n % 2) for n, t in enumerate(labelled_tracks()[::-1])]
    clips = load_labelled(augmented / FEATURES, tracks)
    change = inline(clips, probability=1, kinds=["time_shift"])
    numbers = np.arange(len(tracks))[::-1]
    changed = change(clips.rows[numbers], numbers, 0)
    with Store(CLIPS) as store:
        for row, number in zip(changed, numbers.tolist(), strict=True):
            track = tracks[number]
            assert track.clip is not None
            rng = generator(SEED, track.track_id, str(track.clip), "0")
            rng.random(), rng.integers(1)
            sound = from_pcm(store.rows(track.track_id)[track.clip])
            shifted = np.roll(sound, round(rng.uniform(0, 1) * len(sound)))
            expected = CENTROID(shifted[np.newaxis], 4000)[0]
            np.testing.assert_array_equal(row, expected)


def test_augmentation_can_be_sent_to_another_process(clips: LabelledClips) -> None:
    change, numbers = inline(clips, probability=1), np.arange(24)
    expected = change(clips.rows[numbers], numbers, 1)
    sent = pickle.dumps(change)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent)(clips.rows[numbers], numbers, 1), expected)
