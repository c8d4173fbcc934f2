"""The stage extract: a feature of every clip in a store, and the description of the new store."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from helpers import run_main
from project import contents
from threadpoolctl import threadpool_limits

from pipeline import extract
from pipeline.audio.clips import Pcm, from_pcm
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.features.shared.feature import feature_names, read_feature
from pipeline.store.store import Store, in_store_order, write_store

SAMPLE_RATE = 22_050
TRACKS = {"blues/a": 3, "blues/b": 1, "jazz/a": 2, "unlabelled/u": 1}
DESCRIPTION = {"name": "pcm", "unit": "full scale", "sample_rate": SAMPLE_RATE, "seconds": 1}


def pcm_of(track_id: str) -> Pcm:
    rng = np.random.default_rng(list(track_id.encode()))
    return rng.integers(-9000, 9000, (TRACKS[track_id], SAMPLE_RATE), np.int16)


@pytest.fixture
def clips(project: Path) -> Path:
    """A store of noise in data/clips of the working directory."""
    tracks = {track_id: pcm_of(track_id) for track_id in TRACKS}
    write_store(project / CLIPS, DESCRIPTION, tracks)
    return project / CLIPS


@pytest.mark.parametrize("name", feature_names())
def test_every_row_is_the_feature_of_its_clip_with_any_number_of_workers(
    clips: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = []
    for workers in ("1", "2"):
        monkeypatch.setenv("PIPELINE_WORKERS", workers)
        monkeypatch.setenv("PIPELINE_CACHE", str(clips / "../caches" / workers))
        run_main(extract.main, name)
        stores.append(contents(FEATURE_STORES / name))
    assert stores[0] == stores[1]
    feature = read_feature(name)
    with Store(FEATURE_STORES / name) as store:
        assert store.description == {
            "name": name,
            "unit": feature.unit,
            "params": json.loads(json.dumps(asdict(feature))),
            "sample_rate": SAMPLE_RATE,
            "seconds": 1,
            **({"vector": 1} if feature.is_vector else {}),
        }
        assert store.track_ids == in_store_order(TRACKS)
        for track_id in TRACKS:
            with threadpool_limits(1):  # the number of threads changes a product's last bits
                expected = feature(from_pcm(pcm_of(track_id)), SAMPLE_RATE)
            assert store.dtype == expected.dtype
            np.testing.assert_array_equal(store.rows(track_id), expected)


@pytest.mark.usefixtures("project")
def test_without_clips_it_says_what_is_missing() -> None:
    with pytest.raises(PipelineError, match=r"^data/clips is missing; run `dvc repro`$"):
        run_main(extract.main, "mel")


@pytest.mark.usefixtures("clips")
def test_an_unknown_feature_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_main(extract.main, "nosuch")
    assert "invalid choice: 'nosuch'" in capsys.readouterr().err
