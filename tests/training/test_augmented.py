"""Stored samples are found beside their parents, and refused where the two do not agree."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import labelled_clips, labelled_tracks, sample_rows

from pipeline.augmentation.samples import Sample, by_store, read_samples, write_samples
from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.store.store import JoinedRows
from pipeline.training.augmented import StoredSamples, load_samples

FEATURES = FEATURE_STORES / "centroid"


@pytest.fixture
def clips(augmented: Path) -> LabelledClips:
    return labelled_clips(augmented)


@pytest.fixture
def samples(augmented: Path) -> list[Sample]:  # noqa: ARG001
    return read_samples(AUGMENTED)


def load(clips: LabelledClips) -> StoredSamples:
    return load_samples("centroid", clips)


def refused(clips: LabelledClips, samples: list[Sample]) -> PipelineError:
    """The error that a table of samples leads to."""
    write_samples(AUGMENTED, samples)
    with pytest.raises(PipelineError) as caught:
        load(clips)
    assert "\n" not in str(caught.value)
    return caught.value


def test_tracks_and_clips_that_the_protocol_leaves_out_are_skipped(augmented: Path) -> None:
    tracks = [replace(track, clip=1) for track in labelled_tracks()[3:]]
    clips = load_labelled(augmented / FEATURES, tracks)
    found, expected = load(clips), sample_rows()
    assert sorted(found.parents.tolist()) == sorted([*range(9), *range(9)])
    for row, parent in zip(
        JoinedRows(found.parts)[np.arange(18)], found.parents.tolist(), strict=True
    ):
        assert row.tobytes() in expected[tracks[parent].track_id, 1]


def test_exchanged_parents_are_found(clips: LabelledClips, samples: list[Sample]) -> None:
    """Everything but the row's own digest is exchanged, between tracks with one sample each."""
    chains = by_store(samples).values()
    alone = [[made for [made, *more] in each.values() if not more] for each in chains]
    one, other = max(alone, key=len)[:2]
    at, to = samples.index(one), samples.index(other)
    samples[at] = replace(other, sha256=one.sha256)
    samples[to] = replace(one, sha256=other.sha256)
    assert str(refused(clips, samples)) == (
        f"the row of sample {samples[at].name} in data/augmented/{one.chain} is not the one in the "
        "table; run `dvc repro`"
    )


@pytest.mark.parametrize("planted", [{"track_id": "low/3"}, {"clip": 1}, {"clip": 7}])
def test_sample_that_names_another_parent_is_a_leak_that_names_both(
    clips: LabelledClips, samples: list[Sample], planted: dict[str, Any]
) -> None:
    place = next(n for n, s in enumerate(samples) if s.track_id == "high/2" and s.clip == 0)
    wrong = replace(samples[place], **planted)
    samples[place] = wrong
    error = refused(clips, samples)
    assert isinstance(error, LeakError)
    assert str(error) == (
        f"leak: sample {wrong.name} claims to be of clip {wrong.clip} of {wrong.track_id}, but was "
        "made of clip 0 of high/2"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"feature": "mel"}, "is of the feature 'mel', not 'centroid'"),
        ({"genre": "low"}, "is labelled 'low', but its parent 'high'"),
    ],
)
def test_sample_that_does_not_suit_its_parent_asks_for_a_new_run(
    clips: LabelledClips, samples: list[Sample], changes: dict[str, Any], reason: str
) -> None:
    place = next(n for n, sample in enumerate(samples) if sample.track_id == "high/2")
    samples[place] = replace(samples[place], **changes)
    assert str(refused(clips, samples)) == (
        f"sample {samples[place].name} {reason}; run `dvc repro`"
    )


@pytest.mark.parametrize("more", [0, 1], ids=["missing", "too many"])
def test_table_and_store_that_differ_in_number_ask_for_a_new_run(
    clips: LabelledClips, samples: list[Sample], more: int
) -> None:
    of = Counter((sample.chain, sample.track_id) for sample in samples)
    (chain, track_id), count = of.most_common(1)[0]
    place = next(n for n, s in enumerate(samples) if (s.chain, s.track_id) == (chain, track_id))
    samples[place : place + 1] *= 2 * more
    assert str(refused(clips, samples)) == (
        f"data/augmented/{chain} has {count} samples of {track_id}, but the table "
        f"{count + 2 * more - 1}; run `dvc repro`"
    )


def test_empty_table_is_an_error(clips: LabelledClips, samples: list[Sample]) -> None:
    assert samples
    expected = "data/augmented/samples.csv has no samples; run `dvc repro`"
    assert str(refused(clips, [])) == expected


def test_samples_of_parents_that_have_changed_ask_for_a_new_run(samples: list[Sample]) -> None:
    extract(CLIPS, "centroid", Centroid(n_fft=128, hop_length=400), FEATURES)
    error = refused(labelled_clips(Path()), samples)
    assert str(error) == (
        f"sample {samples[0].name} was made of a row that is no longer in data/features/centroid; "
        "run `dvc repro`"
    )
