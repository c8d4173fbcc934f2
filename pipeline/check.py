"""Stage: the whole params.yaml is valid, before any stage loses its old output."""

from pathlib import Path

from pipeline.augmentations import Medium
from pipeline.errors import run_stage
from pipeline.extraction import ExtractFeature
from pipeline.params import DEMO, Params, load_params
from pipeline.store import FEATURE_STORES, Store
from pipeline.validate import ParamsError, one_of

PASSED = Path("data/params_checked.txt")


def input_shape(params: Params) -> tuple[int, ...]:
    """Shape of a clip's row: of an extracted feature, or of a store of the user's own.

    Raises
    ------
    ParamsError
        `feature` is neither.
    """
    if params.feature in params.extract:
        recipe = ExtractFeature(params.extract[params.feature], params.segment.sample_rate)
        return recipe.template(params.segment.clip_samples).shape[1:]
    own = FEATURE_STORES / params.feature
    if not own.is_dir():
        raise ParamsError(
            f"feature = {params.feature!r}: should be one of the extracted features "
            f"(extract.features): {one_of(params.extract)}, or a store of your own in {own}"
        )
    with Store(own) as store:
        return store.shape[1:]


def check_input(params: Params) -> None:
    """Raise `ParamsError` unless model and augmentation can take the chosen feature."""
    shape = input_shape(params)
    feature, rate = params.extract.get(params.feature), params.segment.sample_rate
    params.augment.require_use(Medium(feature, rate, len(shape)))
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
