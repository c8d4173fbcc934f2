"""What all tests of training have in common."""

import pytest


@pytest.fixture(autouse=True)
def _narrow_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is built in a moment; which one trains makes no difference to these tests."""
    monkeypatch.setattr("models.ann.WIDTHS", (32,))
