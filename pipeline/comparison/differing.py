"""The parameters in which runs differ."""

from collections.abc import Mapping, Sequence
from typing import Any

Parameters = Mapping[str, Any]


def differing(runs: Sequence[Parameters]) -> list[str]:
    """Keys of the parameters in which some of the runs differ.

    A run that has none of a section's keys is not asked for them: that a CNN has no parameters of
    an ANN goes without saying.

    Parameters
    ----------
    runs : sequence of mappings
        Parameters of each run, by their dotted keys in params.yaml.
    """
    keys = dict.fromkeys(key for run in runs for key in run)
    sections = [{_section(key) for key in run} for run in runs]
    found = []
    for key in keys:
        asked = [run for run, has in zip(runs, sections, strict=True) if _section(key) in has]
        if any(value_of(run, key) != value_of(asked[0], key) for run in asked):
            found.append(key)
    return found


def value_of(run: Parameters, key: str) -> str:
    """A parameter as `dvc exp run -S` takes it; `-` where the run has none of that name."""
    return _text(run[key]) if key in run else "-"


def _section(key: str) -> str:
    return key.rpartition(".")[0]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
