"""Stage: the whole params.yaml is valid, before any stage loses its old output."""

from pathlib import Path

import numpy as np

from pipeline.errors import run_stage
from pipeline.extraction import ExtractFeature
from pipeline.kind import Array
from pipeline.medium import Medium
from pipeline.params import DEMO, Params, load_params
from pipeline.store import FEATURE_STORES, Store
from pipeline.validate import ParamsError, one_of

PASSED = Path("data/params_checked.txt")


def input_template(params: Params) -> Array:
    """No rows, of the shape and dtype of all: of an extracted feature, or a store of one's own.

    Raises
    ------
    ParamsError
        `feature` is neither.
    """
    if params.feature in params.extract:
        recipe = ExtractFeature(params.extract[params.feature], params.segment.sample_rate)
        return recipe.template(params.segment.clip_samples)
    own = FEATURE_STORES / params.feature
    if not own.is_dir():
        raise ParamsError(
            f"feature = {params.feature!r}: should be one of the extracted features "
            f"(extract.features): {one_of(params.extract)}, or a store of your own in {own}"
        )
    with Store(own) as store:
        return np.empty((0, *store.shape[1:]), store.dtype)


def check_input(params: Params) -> None:
    """Raise `ParamsError` unless model and augmentation can take the chosen feature."""
    template = input_template(params)
    shape, feature = template.shape[1:], params.extract.get(params.feature)
    medium = Medium(feature, params.segment.sample_rate, shape, template.dtype.name)
    params.augment.require_use(medium)
    try:
        params.fit.require_input(shape)
    except ParamsError as error:
        raise ParamsError(f"feature = {params.feature!r}: {error}") from None


def check_dataset(path: str) -> None:
    """Raise `ParamsError` unless the folder `path` is there, or will be: the demo's."""
    if Path(path) != DEMO and not Path(path).expanduser().is_dir():
        raise ParamsError(f"dataset.path = {path!r}: no such folder")


def main() -> None:
    """Check, and write a file that never changes, so that later stages do not run again."""
    params = load_params()
    check_input(params)
    check_dataset(params.dataset.path)
    PASSED.parent.mkdir(parents=True, exist_ok=True)
    PASSED.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
