"""Networks by name: the file `models/<name>.py` has the parameters and `build` of <name>."""

from typing import Any

from pipeline.base.registry import class_in, entry_of, names_in
from pipeline.training.params import FitParams

PACKAGE = "models"


def network_names() -> tuple[str, ...]:
    """Names of all networks, sorted."""
    return names_in(PACKAGE)


def network_module(name: str) -> str:
    """Name of the module of a network, for its address."""
    return f"{PACKAGE}.{name}"


def params_class(name: str) -> type[FitParams]:
    """Class of the parameters of the network `name`, one of `network_names`.

    Raises
    ------
    TypeError
        Its file lacks such a class, or `build`.
    """
    module = entry_of(PACKAGE, name)
    if not callable(getattr(module, "build", None)):
        raise TypeError(f"{module.__file__} should define build(input_shape, n_classes, params)")
    return class_in(module, FitParams)


def build_network(name: str, shape: tuple[int, ...], n_classes: int, params: FitParams) -> Any:
    """Build the network `name`.

    Parameters
    ----------
    shape : tuple of int
        Of a normalised feature row.
    n_classes : int
    params : FitParams
        An instance of `params_class(name)`.

    Returns
    -------
    keras.Model
        Turns rows (n, *shape) into float32 probabilities (n, n_classes).
    """
    return entry_of(PACKAGE, name).build(shape, n_classes, params)
