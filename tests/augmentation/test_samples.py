"""Samples: what the table says of each is true."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import FRAMES, OFFLINE, labelled_tracks, small_document

from pipeline.augmentation.kind import Augmentation, augmentations
from pipeline.augmentation.samples import (
    TABLE,
    Sample,
    by_store,
    read_samples,
    write_samples,
)
from pipeline.augmentation.target import Target
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.features.shared.feature import read_feature
from pipeline.store.store import Store

CENTROID = read_feature("centroid", small_document(OFFLINE))
NAMES = ["stretch", "time_mask+blur", "noise"]
FEATURES = FEATURE_STORES / "centroid"


def kinds_of(sample: Sample) -> list[type[Augmentation]]:
    return [augmentations()[state["kind"]] for state in sample.states]


@pytest.mark.usefixtures("augmented")
def test_table_has_the_samples_of_every_labelled_clip_and_their_parents() -> None:
    samples = read_samples(AUGMENTED)
    expected = {
        (track.track_id, clip, copy)
        for track in labelled_tracks()
        for clip in range(2)
        for copy in range(2)
    }
    assert {(s.track_id, s.clip, s.copy) for s in samples} == expected
    assert len(samples) == len(expected) == 48
    assert len({s.name for s in samples}) == 48
    assert samples[0].name == f"{samples[0].track_id}:{samples[0].clip}:{samples[0].copy}"
    assert {s.chain for s in samples} == set(NAMES)
    with Store(FEATURES) as store:
        for sample in samples:
            row = store.rows(sample.track_id)[sample.clip]
            assert sample.parent_sha256 == hashlib.sha256(row.tobytes()).hexdigest()
            assert sample.genre == sample.track_id.split("/")[0]
            assert sample.feature == "centroid"
            assert [state["kind"] for state in sample.states] == sample.chain.split("+")


@pytest.mark.usefixtures("augmented")
def test_rows_are_in_the_order_of_the_table_and_follow_from_it() -> None:
    target = Target(CENTROID, 4000, (FRAMES,), "float16")
    found = by_store(read_samples(AUGMENTED))
    assert list(found) == NAMES
    with Store(FEATURES) as features, Store(CLIPS) as clips:
        for chain, tracks in found.items():
            with Store(AUGMENTED / chain) as store:
                assert sorted(tracks) == sorted(store.track_ids)
                assert (store.dtype, store.shape[1:]) == (features.dtype, features.shape[1:])
                for track_id, samples in tracks.items():
                    parents, pcm = features.rows(track_id), clips.rows(track_id)
                    expected = [
                        target.make_sample(kinds_of(s), s.states, parents[s.clip], pcm[s.clip])
                        for s in samples
                    ]
                    np.testing.assert_array_equal(store.rows(track_id), expected)
                    assert [s.sha256 for s in samples] == [
                        hashlib.sha256(row.tobytes()).hexdigest() for row in expected
                    ]
                    assert not any(map(np.array_equal, expected, parents))


@pytest.mark.usefixtures("augmented")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('""kind""', '""kin""', "is damaged; run `dvc repro`"),
        ("[{", "[", "is damaged; run `dvc repro`"),
        (",0,1,", ",0,-1,", "is damaged; run `dvc repro`"),
        ('""stretch""', '""smear""', "there is no kind 'smear' any longer; run `dvc repro`"),
    ],
)
def test_damaged_table_is_named_with_its_line(old: str, new: str, expected: str) -> None:
    path = Path("damaged") / TABLE
    write_samples(path.parent, [read_samples(AUGMENTED)[0]])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"samples\.csv, line 2.*{re.escape(expected)}$"):
        read_samples(path.parent)
