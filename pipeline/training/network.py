"""Networks by name, and the parameters that the training of each of them has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.files import DEMO
from pipeline.base.params import class_in, entry_of, lookup, names_in, parse
from pipeline.base.types import STRICT, Count, Natural, NotNegative, Share

PACKAGE = "models"
DATASETS = ("demo", "music")  # a parameter may have one value for the demo, one for other music

Kernel = Annotated[int, Field(ge=1, le=31)]  # height and width of a convolution's filters


@dataclass(frozen=True, config=STRICT)
class TrainParams:
    """Parameters of a training that do not depend on the network.

    Attributes
    ----------
    validation : float
        Share of each genre's training tracks that are validated on and not trained on.
    precision : str
        Arithmetic of the training; ``"auto"`` chooses it by the hardware.
    class_weight : str
        ``"balanced"``: every genre counts alike in the loss, however many clips it has.
    """

    validation: Annotated[float, Field(gt=0, lt=1)]
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    class_weight: Literal["none", "balanced"]


@dataclass(frozen=True, config=STRICT)
class FitParams:
    """Parameters that the training of every network has; those of a network derive from it.

    Attributes
    ----------
    optimizer : str
        ``"adam"``, ``"adamw"`` or ``"sgd"``; for `linear` also ``"newton"``, which takes all rows
        at once, ``batch_size`` of them at a time, and needs none of the parameters of steps.
    learning_rate : float
        0 for the optimizer ``"newton"`` alone.
    schedule : str
        ``"inverse_time"`` or ``"cosine"``: how the learning rate changes from step to step; see
        `fit.make_schedule`.
    decay : float
        For the schedule ``"inverse_time"``.
    warmup : float
        For the schedule ``"cosine"``: share of the steps in which the rate rises.
    momentum : float
        For the optimizer ``"sgd"``.
    epochs, batch_size : int
    patience : int
        Epochs without a better validation loss before training stops early; 0: never.
    dropout : float
        Rate: the share of the values that are dropped in training.
    weight_decay : float
        For the optimizer ``"adamw"``.
    """

    optimizer: Literal["adam", "adamw", "sgd", "newton"]
    learning_rate: Annotated[float, Field(ge=0, examples=[0.001])]
    schedule: Literal["inverse_time", "cosine"]
    decay: NotNegative
    warmup: Share
    momentum: Share
    epochs: Count
    batch_size: Count
    patience: Natural
    dropout: Share
    weight_decay: NotNegative

    @property
    def needs_float32(self) -> bool:
        """Whether ``precision: auto`` chooses float32 on a processor, whatever that supports.

        True for networks whose convolutions have a bias: TensorFlow sums its gradient in bfloat16.
        """
        return False

    @property
    def is_convex(self) -> bool:
        """Whether the loss is convex in the weights, which the optimizer ``"newton"`` needs."""
        return False

    def check(self, key: str) -> None:
        """Raise `ParamsError` if a parameter that has no effect beside the others is not 0.

        Likewise if the optimizer cannot train the network, or lacks a learning rate.

        Parameters
        ----------
        key : str
            Key of the parameters in params.yaml, such as `models.ann`, for the error.
        """
        newton = self.optimizer == "newton"
        if newton and not self.is_convex:
            raise ParamsError(f"{key}.optimizer = 'newton': trains the network linear alone")
        if not newton and not self.learning_rate:
            raise ParamsError(f"{key}.learning_rate = 0: should be above 0, such as 0.001")
        without_effect = {
            "learning_rate": newton and "optimizers adam, adamw and sgd",
            "dropout": newton and "optimizers adam, adamw and sgd",
            "weight_decay": self.optimizer != "adamw" and "optimizer adamw",
            "momentum": self.optimizer != "sgd" and "optimizer sgd",
            "decay": self.schedule != "inverse_time" and "schedule inverse_time",
            "warmup": self.schedule != "cosine" and "schedule cosine",
        }
        for name, needed in without_effect.items():
            value = getattr(self, name)
            if needed and value:
                raise ParamsError(
                    f"{key}.{name} = {value:g}: has an effect only with the {needed}; set it to 0"
                )

    @property
    def least_size(self) -> int:
        """Height and width of the smallest picture that the network takes; 0 if any row will do."""
        return 0

    def reason_against(self, shape: tuple[int, ...]) -> str:
        """Why the network cannot take rows of `shape`, for a message; empty if it can."""
        least = self.least_size
        if not least:
            return ""
        if len(shape) != 3:
            return f"needs pictures, not rows of shape {shape}"
        height, width, _ = shape
        if min(height, width) >= least:
            return ""
        return f"needs pictures of at least {least} x {least}, not {height} x {width}"


@dataclass(frozen=True, config=STRICT)
class ConvolutionalParams(FitParams):
    """Parameters that every network of convolutional blocks has.

    Attributes
    ----------
    filters : tuple of int
        Number of filters in each block.
    batch_norm_momentum : float
        Momentum of the moving averages of batch normalisation: the weight of the old average in
        each update.
    """

    filters: Annotated[
        tuple[Count, ...],
        Field(min_length=1, max_length=8, strict=False, examples=[[8, 16]]),
    ]
    batch_norm_momentum: Share


def network_names() -> tuple[str, ...]:
    """Names of all networks, sorted."""
    return names_in(PACKAGE)


def network_file(name: str) -> str:
    """The file of a network, named from the project's root as in dvc.yaml."""
    return f"{PACKAGE}/{name}.py"


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


def read_network(name: str, document: Mapping[str, Any] | None = None) -> FitParams:
    """Read the parameters of the network `name` from `document`, by default from params.yaml.

    Of a value such as {demo: 4, music: 15}, `dataset.path` decides which one is meant.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    key = f"{PACKAGE}.{name}"
    values = lookup(key, document)
    networks = {each: parse(params_class(name), _chosen(values, each), key) for each in DATASETS}
    for network in networks.values():
        network.check(key)
    is_demo = Path(str(lookup("dataset.path", document))) == DEMO
    return networks["demo" if is_demo else "music"]


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


def _chosen(values: Any, dataset: str) -> Any:
    """The `values` of a section, with those for `dataset` where there are two."""
    if not isinstance(values, dict):
        return values
    return {
        name: value[dataset] if isinstance(value, dict) and set(value) == set(DATASETS) else value
        for name, value in values.items()
    }
