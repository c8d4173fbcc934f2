"""Parameters of training: those without an effect are refused, whichever the network."""

from typing import Any

import pytest
from helpers import small_document

import models.ann
from pipeline.base.errors import ParamsError
from pipeline.check import parse_models
from pipeline.training.cross_validation import read_experiment
from pipeline.training.network import network_names, params_class


@pytest.mark.parametrize("name", network_names())
@pytest.mark.parametrize(
    ("changes", "wrong", "needed"),
    [
        ({"momentum": 0.9}, "momentum = 0.9", "optimizer sgd"),
        ({"weight_decay": 0.1}, "weight_decay = 0.1", "optimizer adamw"),
        ({"schedule": "cosine", "decay": 0.5}, "decay = 0.5", "schedule inverse_time"),
        ({"decay": 0, "warmup": 0.1}, "warmup = 0.1", "schedule cosine"),
    ],
)
def test_parameter_without_an_effect_is_refused(
    name: str, changes: dict[str, Any], wrong: str, needed: str
) -> None:
    neutral = {"optimizer": "adam", "momentum": 0, "weight_decay": 0, "schedule": "inverse_time"}
    changed = {f"models.{name}.{key}": value for key, value in {**neutral, **changes}.items()}
    document = small_document(changed)
    expected = rf"^models\.{name}\.{wrong}: has an effect only with the {needed}; set it to 0$"
    with pytest.raises(ParamsError, match=expected):
        parse_models(document)
    with pytest.raises(ParamsError, match=expected):
        read_experiment({**document, "model": name})


def test_experiment_reads_the_network_that_it_trains_and_no_other() -> None:
    document = small_document({"models.cnn.epochs": "many"})
    experiment = read_experiment(document)
    assert (experiment.model, experiment.feature) == ("ann", "centroid")
    assert type(experiment.network) is params_class("ann")
    with pytest.raises(ParamsError, match=r"^models\.cnn\.epochs = 'many'"):
        parse_models(document)


def test_a_parameter_may_have_a_value_for_the_demo_and_one_for_other_music() -> None:
    changes = {"model": "cnn", "models.cnn.epochs": {"demo": 2, "music": 9}}
    for path, epochs in [("data/demo", 2), ("./data/demo/", 2), ("data/mine", 9)]:
        experiment = read_experiment(small_document({**changes, "dataset.path": path}))
        assert experiment.network.epochs == epochs
    with pytest.raises(ParamsError, match=r"^models\.cnn\.epochs = \{'demo': 2\}: should be"):
        read_experiment(small_document({**changes, "models.cnn.epochs": {"demo": 2}}))
    for wrong in ({"demo": "two", "music": 9}, {"demo": 9, "music": "two"}):
        with pytest.raises(ParamsError, match=r"^models\.cnn\.epochs = 'two': should be"):
            read_experiment(small_document({**changes, "models.cnn.epochs": wrong}))


def test_a_file_without_a_network_says_what_it_should_define(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(models.ann, "build")
    with pytest.raises(TypeError, match=r"models/ann\.py should define build\(input_shape, n_cl"):
        params_class("ann")
