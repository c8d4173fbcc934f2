"""What one experiment trains: the parts of params.yaml that training reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.augmentation.params import AugmentParams, parse_augment
from pipeline.base.sections import (
    choice,
    lookup,
    parse,
    read_name,
    read_section,
    read_seed,
    section,
)
from pipeline.training.networks import network_names, params_class
from pipeline.training.params import FitParams, TrainParams


@dataclass(frozen=True)
class Experiment:
    """What is trained, on which feature, and how.

    Attributes
    ----------
    seed : int
    feature, model : str
        Names of the feature and of the network.
    network : FitParams
        Parameters of the network and of its training.
    train : TrainParams
    augment : AugmentParams
    """

    seed: int
    feature: str
    model: str
    network: FitParams
    train: TrainParams
    augment: AugmentParams


def read_experiment(document: Mapping[str, Any] | None = None) -> Experiment:
    """The experiment that `document`, by default params.yaml, describes.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    model = choice(lookup("model", document), "model", network_names())
    return Experiment(
        seed=read_seed(document),
        feature=read_name("feature", document),
        model=model,
        network=_parse_network(model, lookup(f"models.{model}", document)),
        train=read_section(TrainParams, "train", document),
        augment=parse_augment(lookup("augment", document)),
    )


def parse_models(value: Any) -> dict[str, FitParams]:
    """The section `models`: the parameters of every network, by name.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    content = section(value, "models", network_names())
    return {name: _parse_network(name, content[name]) for name in network_names()}


def _parse_network(name: str, value: Any) -> FitParams:
    params = parse(params_class(name), value, f"models.{name}")
    params.check(f"models.{name}")
    return params
