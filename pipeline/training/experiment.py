"""What one experiment trains: the parts of params.yaml that training reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.augmentation.params import AugmentParams, parse_augment
from pipeline.base.sections import choice, lookup, parse, read_name, read_section, read_seed
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
    key = f"models.{model}"
    network = parse(params_class(model), lookup(key, document), key)
    network.check(key)
    return Experiment(
        seed=read_seed(document),
        feature=read_name("feature", document),
        model=model,
        network=network,
        train=read_section(TrainParams, "train", document),
        augment=parse_augment(lookup("augment", document)),
    )
