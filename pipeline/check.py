"""Stage: the whole params.yaml is valid, before any stage loses its old output."""

from pathlib import Path

import numpy as np

from pipeline.errors import run_stage
from pipeline.params import Params, load_params
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


def main() -> None:
    """Check, and write a file that never changes, so that later stages do not run again."""
    check_input(load_params())
    PASSED.parent.mkdir(parents=True, exist_ok=True)
    PASSED.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
