"""A store that the user made: `check` does not open it, so later stages have to check it."""

from pathlib import Path

import numpy as np
import pytest
from documents import write_params
from helpers import SMALL, labelled_tracks, small_experiment, write_project

from pipeline import augment
from pipeline.base.errors import ParamsError
from pipeline.base.files import AUGMENTED, FEATURE_STORES
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.store.store import write_store
from pipeline.training.cross_validation import make_tasks


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)


@pytest.mark.parametrize("mode", ["inline", "offline"])
def test_a_kind_that_cannot_change_its_rows_is_an_error(mode: str) -> None:
    rows = {track.track_id: np.zeros((2, 11), np.float32) for track in labelled_tracks()}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    clips = load_labelled(FEATURE_STORES / "own", read_folds())
    changes = {"feature": "own", "augment.mode": mode, "augment.kinds": ["mirror", "zoom"]}
    write_params(Path(), {**SMALL, **changes})
    experiment = small_experiment(changes)
    expected = r"^augment\.kinds\.1 = 'zoom': changes pictures only, and rows of this feature"
    with pytest.raises(ParamsError, match=expected):
        make_tasks(experiment, read_folds(), clips) if mode == "inline" else augment.main()
    assert not AUGMENTED.exists()
