"""The process in which what is tried may hang or die."""

from collections.abc import Iterator

import pytest
from fuzz.fair import Bench


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """A bench, which starts when it is asked for."""
    started = Bench()
    yield started
    started.close()
