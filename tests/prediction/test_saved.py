"""Saved models are read as they were, in the order of their folds, if they were trained alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import FRAMES, describe, save_untrained, saves_models

from pipeline.base.errors import PipelineError
from pipeline.prediction.ensemble import load_model, load_models
from pipeline.training.trained import PREDICT_ROWS, probabilities

pytestmark = saves_models

ROWS = np.random.default_rng(0).normal(800, 400, (2 * PREDICT_ROWS + 5, FRAMES)).astype(np.float16)


def test_a_loaded_model_predicts_and_describes_itself_as_before(tmp_path: Path) -> None:
    description = describe(3, store={"name": "centroid", "sample_rate": 4000, "seconds": 1})
    model = save_untrained(tmp_path, description)
    loaded, read = load_model(tmp_path / "fold-3.keras")
    assert read == description
    np.testing.assert_array_equal(probabilities(loaded, ROWS), probabilities(model, ROWS))


@pytest.mark.parametrize("count", [1, PREDICT_ROWS, 2 * PREDICT_ROWS + 5])
def test_probabilities_do_not_depend_on_how_rows_are_grouped(tmp_path: Path, count: int) -> None:
    model = save_untrained(tmp_path, describe())
    together = probabilities(model, ROWS[:count])
    assert together.shape == (count, 2)
    assert together.dtype == np.float32
    alone = np.concatenate([probabilities(model, ROWS[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_models_come_in_order_of_their_folds(tmp_path: Path) -> None:
    for fold in (10, 9, 2):
        save_untrained(tmp_path, describe(fold))
    assert [description.fold for _, description in load_models(tmp_path)] == [2, 9, 10]


@pytest.mark.parametrize(
    "other", [{"store": {"sample_rate": 8000}}, {"genres": ["high", "middle"]}, {"feature": "mel"}]
)
def test_models_that_were_not_trained_alike_are_refused(tmp_path: Path, other: Any) -> None:
    save_untrained(tmp_path, describe(0))
    save_untrained(tmp_path, describe(1, **other))
    with pytest.raises(PipelineError, match="were not trained on the same features"):
        load_models(tmp_path)


def test_a_folder_without_models_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"holds no fold-\*\.keras; run `dvc repro train`"):
        load_models(tmp_path)
