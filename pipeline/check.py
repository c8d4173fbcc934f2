"""Stage: the whole params.yaml is valid, before any stage loses its old output."""

from pathlib import Path

import numpy as np

from pipeline.errors import run_stage
from pipeline.params import DEMO, Params, load_params
from pipeline.validate import ParamsError

PASSED = Path("data/params_checked.txt")


def check_input(params: Params) -> None:
    """Raise `ParamsError` unless the chosen model can take the chosen feature's shape."""
    silence = np.zeros((1, params.segment.clip_samples), np.float32)
    shape = params.extract[params.feature](silence, params.segment.sample_rate).shape[1:]
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
