"""Strategies that damage bytes, and how often."""

import os
import struct
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st

# Replace so many bytes from a place on by others.
Edit = tuple[int, int, bytes]

HEADER = 128  # bytes at the start of a file, where most of its numbers are
WHOLE = 1 << 30
INTEGERS = [
    struct.pack(order + kind, value % (1 << 8 * struct.calcsize(kind)))
    for order, kind, value in product("<>", "HIQ", (0, 1, 255, -1, -2, 1 << 15, 1 << 31, -1 << 31))
]
FLOATS = [
    struct.pack(order + kind, float(value))
    for order, kind, value in product("<>", "fd", ("nan", "inf", "-inf", "3e38", "-1"))
]

PLACES = st.integers(0, HEADER - 1) | st.integers(0, WHOLE)
FLIPS: st.SearchStrategy[Edit] = st.tuples(PLACES, st.just(1), st.binary(min_size=1, max_size=1))
NUMBERS: st.SearchStrategy[Edit] = st.builds(
    lambda place, number: (place, len(number), number), PLACES, st.sampled_from(INTEGERS + FLOATS)
)
CUTS: st.SearchStrategy[Edit] = st.tuples(PLACES, st.just(WHOLE), st.just(b""))
SPLICES: st.SearchStrategy[Edit] = st.tuples(PLACES, st.integers(0, 64), st.binary(max_size=64))
EDITS = st.lists(FLIPS | NUMBERS | CUTS | SPLICES, min_size=1, max_size=4)


def damaged(content: bytes, edits: Sequence[Edit]) -> bytes:
    """`content` after the edits, whose places are taken modulo its length."""
    result = bytearray(content)
    for place, length, new in edits:
        start = place % max(1, len(result))
        result[start : start + length] = new
    return bytes(result)


def cases(few: int, one_in: int = 1) -> Callable[[Any], Any]:
    """Try `few` examples, the same ones every time, or FUZZ_CASES new ones.

    Parameters
    ----------
    one_in : int
        What FUZZ_CASES is divided by where an example takes long.
    """
    many = os.environ.get("FUZZ_CASES")
    return hypothesis.settings(
        max_examples=max(1, int(many) // one_in) if many else few,
        derandomize=not many,
        deadline=None,  # a machine may be busy; what hangs is found by the bench
        suppress_health_check=list(HealthCheck),
    )
