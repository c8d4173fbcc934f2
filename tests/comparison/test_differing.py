"""Which parameters differ among runs."""

from typing import Any

import pytest

from pipeline.runs.revisions import differing, value_of

CNN: dict[str, Any] = {"model": "cnn", "seed": 1, "models.cnn.epochs": 5, "augment.mode": "none"}
ANN: dict[str, Any] = {"model": "ann", "seed": 1, "models.ann.epochs": 9, "augment.mode": "none"}


def test_parameters_of_another_network_go_without_saying() -> None:
    assert differing([CNN, ANN]) == ["model"]
    assert differing([CNN, ANN, {**CNN, "models.cnn.epochs": 6}]) == ["model", "models.cnn.epochs"]


def test_a_parameter_that_one_run_lacks_differs() -> None:
    offline = {**CNN, "augment.mode": "offline", "augment.copies": 1, "augment.noise.snr_db": 3}
    assert differing([CNN, offline]) == ["augment.mode", "augment.copies"]
    assert differing([offline, CNN]) == ["augment.mode", "augment.copies"]
    assert differing([CNN, {**CNN, "models.cnn.kernel": 3}]) == ["models.cnn.kernel"]


def test_equal_runs_differ_in_nothing() -> None:
    assert differing([CNN, CNN, dict(CNN)]) == differing([CNN]) == differing([]) == []
    assert differing([{"x.rate": 1}, {"x.rate": 1.0}]) == []  # as YAML's 1 and 1.0 are


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (0.02, "0.02"), ([64, 128], "[64,128]"), ("song", "song"), (True, "true")],
)
def test_values_are_as_the_command_line_takes_them(value: Any, text: str) -> None:
    assert value_of({"key": value}, "key") == text
    assert value_of({}, "key") == "-"
