"""What augmentation brings to training: samples that are their parents', and rows drawn anew."""

import pickle
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import (
    INLINE,
    OFFLINE,
    labelled_clips,
    labelled_tracks,
    sample_rows,
    small_experiment,
)

from pipeline.folds.errors import LeakError
from pipeline.augmentation.stored import Augmented, load_samples
from pipeline.augmentation.inline import InlineAugmentation, load_inline
from pipeline.augmentation.recipe import generator
from pipeline.base.errors import PipelineError
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.audio.pcm import from_pcm
from pipeline.store.rows import JoinedRows
from pipeline.base.paths import AUGMENTED
from pipeline.augmentation.samples import Sample, by_store, read_samples, write_samples
from pipeline.base.paths import CLIPS, FEATURE_STORES
from pipeline.store.store import Store, write_store

Array = npt.NDArray[Any]

PARAMS = small_experiment(OFFLINE)
FEATURES = FEATURE_STORES / "centroid"


@pytest.fixture
def clips(augmented: Path) -> LabelledClips:
    return labelled_clips(augmented)


@pytest.fixture
def samples(augmented: Path) -> list[Sample]:  # noqa: ARG001
    return read_samples(AUGMENTED)


def load(clips: LabelledClips) -> Augmented:
    found = load_samples(PARAMS, clips)
    assert found
    return found


def refused(clips: LabelledClips, samples: list[Sample]) -> PipelineError:
    """The error that a table leads to."""
    write_samples(AUGMENTED, samples)
    with pytest.raises(PipelineError) as caught:
        load_samples(PARAMS, clips)
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_sample_is_there_beside_its_parent(clips: LabelledClips) -> None:
    found, expected = load(clips), sample_rows()
    rows = JoinedRows(found.parts)
    assert len(rows) == len(found.parents) == 48
    made: dict[tuple[str, int], list[bytes]] = {}
    for row, parent in zip(rows[np.arange(48)], found.parents.tolist(), strict=True):
        made.setdefault((clips.track_ids[parent], parent % 2), []).append(row.tobytes())
    assert {key: sorted(each) for key, each in made.items()} == {
        key: sorted(each) for key, each in expected.items()
    }


def test_tracks_and_clips_that_the_protocol_leaves_out_are_skipped(augmented: Path) -> None:
    tracks = [replace(track, clip=1) for track in labelled_tracks()[3:]]
    clips = load_labelled(augmented / FEATURES, tracks)
    found, expected = load(clips), sample_rows()
    assert sorted(found.parents.tolist()) == sorted([*range(9), *range(9)])
    for row, parent in zip(
        JoinedRows(found.parts)[np.arange(18)], found.parents.tolist(), strict=True
    ):
        assert row.tobytes() in expected[tracks[parent].track_id, 1]


def test_only_the_mode_offline_loads_samples(clips: LabelledClips) -> None:
    for mode in ("none", "inline"):
        assert load_samples(small_experiment({"augment.mode": mode}), clips) is None
    for mode in ("none", "offline"):
        assert load_inline(small_experiment({"augment.mode": mode}), clips) is None


def test_digest_of_a_track_follows_its_samples(clips: LabelledClips, samples: list[Sample]) -> None:
    first = load(clips).digests
    assert sorted(first) == sorted(track.track_id for track in labelled_tracks())
    assert len(set(first.values())) == 12
    track_id = samples[0].track_id
    write_samples(AUGMENTED, [s for s in samples if s.track_id != track_id])
    rest = load(clips).digests
    assert rest == {name: value for name, value in first.items() if name != track_id}


def of_one_chain(samples: list[Sample]) -> list[list[Sample]]:
    """Pairs of samples of a track by one chain, which has the most such pairs."""
    found = [list(tracks.values()) for tracks in by_store(samples).values()]
    return max(([made for made in each if len(made) == 2] for each in found), key=len)


def another_row(sample: Sample) -> str:
    return (
        f"sample {sample.name} is another row in data/augmented/{sample.chain} than in the table; "
        "run `dvc repro`"
    )


def test_lines_that_were_exchanged_are_found(clips: LabelledClips, samples: list[Sample]) -> None:
    first, second = of_one_chain(samples)[0]
    at, to = samples.index(first), samples.index(second)
    samples[at], samples[to] = second, first
    assert str(refused(clips, samples)) == another_row(second)


def test_lines_whose_parents_were_exchanged_are_found(
    clips: LabelledClips, samples: list[Sample]
) -> None:
    """All but the row's own digest, between two tracks that have one sample each by a chain."""
    chains = by_store(samples).values()
    alone = [[made for [made, *more] in each.values() if not more] for each in chains]
    one, other = max(alone, key=len)[:2]
    at, to = samples.index(one), samples.index(other)
    samples[at] = replace(other, sha256=one.sha256)
    samples[to] = replace(one, sha256=other.sha256)
    assert str(refused(clips, samples)) == another_row(samples[at])


def test_rows_that_were_exchanged_between_tracks_are_found(
    clips: LabelledClips, samples: list[Sample]
) -> None:
    one, other, *_ = of_one_chain(samples)
    folder = AUGMENTED / one[0].chain
    with Store(folder) as store:
        about, rows = store.description, {name: store.rows(name) for name in store.track_ids}
    ids = one[0].track_id, other[0].track_id
    rows |= dict(zip(ids, (rows[ids[1]], rows[ids[0]]), strict=True))
    shutil.rmtree(folder)
    write_store(folder, about, rows)
    assert str(refused(clips, samples)) == another_row(one[0])


@pytest.mark.parametrize("planted", [{"track_id": "low/3"}, {"clip": 1}, {"clip": 7}])
def test_sample_that_names_another_parent_is_a_leak_that_names_both(
    clips: LabelledClips, samples: list[Sample], planted: dict[str, Any]
) -> None:
    place = next(n for n, s in enumerate(samples) if s.track_id == "high/2" and s.clip == 0)
    liar = replace(samples[place], **planted)
    samples[place] = liar
    error = refused(clips, samples)
    assert isinstance(error, LeakError)
    assert str(error) == (
        f"leak: sample {liar.name} says that it is of clip {liar.clip} of {liar.track_id}, but was "
        "made of clip 0 of high/2"
    )


def test_samples_of_another_feature_ask_for_a_new_run(
    clips: LabelledClips, samples: list[Sample]
) -> None:
    error = refused(clips, [replace(sample, feature="mel") for sample in samples])
    assert str(error) == (
        f"sample {samples[0].name} is of the feature 'mel', not 'centroid'; run `dvc repro`"
    )


def test_sample_with_another_label_than_its_parent_asks_for_a_new_run(
    clips: LabelledClips, samples: list[Sample]
) -> None:
    place = next(n for n, sample in enumerate(samples) if sample.track_id == "high/2")
    samples[place] = replace(samples[place], genre="low")
    assert str(refused(clips, samples)) == (
        f"sample {samples[place].name} is labelled 'low', its parent 'high'; run `dvc repro`"
    )


@pytest.mark.parametrize("more", [0, 1], ids=["missing", "too many"])
def test_table_and_store_that_differ_in_number_ask_for_a_new_run(
    clips: LabelledClips, samples: list[Sample], more: int
) -> None:
    of = Counter((sample.chain, sample.track_id) for sample in samples)
    (chain, track_id), held = of.most_common(1)[0]
    place = next(n for n, s in enumerate(samples) if (s.chain, s.track_id) == (chain, track_id))
    error = refused(
        clips, [*samples[:place], *[samples[place]] * (2 * more), *samples[place + 1 :]]
    )
    assert str(error) == (
        f"data/augmented/{chain} has {held} samples of {track_id}, and the table "
        f"{held + 2 * more - 1}; run `dvc repro`"
    )


def test_empty_table_is_no_augmentation_by_mistake(
    clips: LabelledClips, samples: list[Sample]
) -> None:
    assert samples
    expected = "data/augmented/samples.csv has no samples; run `dvc repro`"
    assert str(refused(clips, [])) == expected


def test_samples_of_parents_that_are_no_more_ask_for_a_new_run(samples: list[Sample]) -> None:
    extract(CLIPS, "centroid", Centroid(n_fft=128, hop_length=400), FEATURES)
    error = refused(labelled_clips(Path()), samples)
    assert str(error) == (
        f"sample {samples[0].name} was made of a row that data/features/centroid does not have any "
        "more; run `dvc repro`"
    )


def inline(clips: LabelledClips, **changes: Any) -> InlineAugmentation:
    found = load_inline(
        small_experiment({**INLINE, **{f"augment.{key}": value for key, value in changes.items()}}),
        clips,
    )
    assert found
    return found


def test_row_is_changed_the_same_in_any_batch_and_anew_each_epoch(clips: LabelledClips) -> None:
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


def test_what_is_drawn_follows_from_track_and_clip_not_from_the_rows_number(
    augmented: Path,
) -> None:
    def changed(clips: LabelledClips) -> Array:
        numbers = np.arange(len(clips.labels))
        return inline(clips, probability=1)(clips.rows[numbers], numbers, 2)

    second = [replace(track, clip=1) for track in labelled_tracks()[::-1]]
    expected = changed(labelled_clips(augmented))[1::2][::-1]
    np.testing.assert_array_equal(changed(load_labelled(augmented / FEATURES, second)), expected)


@pytest.mark.parametrize(("probability", "low", "high"), [(1, 1, 1), (0.5, 0.4, 0.6)])
def test_probability_is_the_share_that_changes(
    clips: LabelledClips, probability: float, low: float, high: float
) -> None:
    change = inline(clips, probability=probability, kinds=["mirror", "mirror+time_mask"])
    numbers = np.arange(24)
    rows = clips.rows[numbers]
    changed = [(change(rows, numbers, epoch) != rows).any(axis=1) for epoch in range(20)]
    assert low <= np.mean(changed) <= high


def test_sound_is_that_of_the_very_clip(augmented: Path) -> None:
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
            rng = generator(PARAMS.seed, track.track_id, str(track.clip), "0")
            rng.random(), rng.integers(1)
            sound = from_pcm(store.rows(track.track_id)[track.clip])
            shifted = np.roll(sound, round(rng.uniform(0, 1) * len(sound)))
            expected = PARAMS.extract["centroid"](shifted[np.newaxis], 4000)[0]
            np.testing.assert_array_equal(row, expected)


def test_change_goes_to_another_process(clips: LabelledClips) -> None:
    change, numbers = inline(clips, probability=1), np.arange(24)
    expected = change(clips.rows[numbers], numbers, 1)
    sent = pickle.dumps(change)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent)(clips.rows[numbers], numbers, 1), expected)
