"""The section `models` of params.yaml: the parameters of every network, by name."""

from collections.abc import Mapping
from typing import Any

from pipeline.base.sections import choice, lookup, parse, section
from pipeline.training.networks import network_names, params_class
from pipeline.training.params import FitParams


def parse_models(value: Any) -> dict[str, FitParams]:
    """The section `models`: the parameters of every network, by name.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    content = section(value, "models", network_names())
    return {name: _parse(name, content[name]) for name in network_names()}


def read_network(document: Mapping[str, Any] | None = None) -> tuple[str, FitParams]:
    """Name of the chosen network, the key `model`, and its parameters."""
    name = choice(lookup("model", document), "model", network_names())
    return name, _parse(name, lookup(f"models.{name}", document))


def _parse(name: str, value: Any) -> FitParams:
    params = parse(params_class(name), value, f"models.{name}")
    params.check(f"models.{name}")
    return params
