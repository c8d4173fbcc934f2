"""Networks by name: the file `models/<name>.py` has the parameters and `build` of <name>."""

from collections.abc import Mapping
from typing import Any

from pipeline.base.registry import class_in, entry_of, names_in
from pipeline.base.sections import choice, lookup, parse, section
from pipeline.training.params import FitParams

PACKAGE = "models"


def network_names() -> tuple[str, ...]:
    """Names of all networks."""
    return names_in(PACKAGE)


def network_module(name: str) -> str:
    """Name of the module of a network, for its address."""
    return f"{PACKAGE}.{name}"


def params_class(name: str) -> type[FitParams]:
    """Class of the parameters of the network `name`, one of `network_names`."""
    return class_in(entry_of(PACKAGE, name), FitParams)


def build_network(name: str, shape: tuple[int, ...], n_classes: int, params: FitParams) -> Any:
    """The network `name` as a new Keras model.

    Parameters
    ----------
    shape : tuple of int
        Of a normalised feature row.

    Returns
    -------
    keras.Model
        Takes (n, *shape) and returns float32 probabilities of shape (n, n_classes).
    """
    return entry_of(PACKAGE, name).build(shape, n_classes, params)


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
