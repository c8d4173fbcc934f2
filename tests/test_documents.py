"""Example parameters, by which tests cover entries of the registries that they do not know."""

from typing import Annotated, Literal

import pytest
from documents import base_document, changed_document, example_of
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT, WHOLE, Count, NotNegative, Share


@dataclass(frozen=True, config=STRICT)
class Parameters:
    count: Count
    share: Share
    size: NotNegative
    between: Annotated[float, Field(gt=3, lt=4)]
    bands: Annotated[int, Field(ge=16, le=64, examples=[32])]
    name: Annotated[str, Field(examples=["viridis"])]
    mode: Literal["a", "b"]
    only: Literal["one"]
    channels: Annotated[Literal[1, 3], WHOLE]
    flag: bool
    pair: Annotated[tuple[float, int], Field(strict=False)]
    several: Annotated[tuple[Share, ...], Field(strict=False, min_length=2)]


@dataclass(frozen=True, config=STRICT)
class Unclear:
    name: str


def test_an_example_is_valid() -> None:
    example = Parameters(**example_of(Parameters))
    assert (example.bands, example.name, example.mode) == (32, "viridis", "a")
    assert len(example.several) == 2


def test_a_field_without_a_range_or_an_example_is_named() -> None:
    with pytest.raises(TypeError, match=r"'Name'.* needs Field\(examples="):
        example_of(Unclear)


def test_changes_are_made_at_dotted_keys() -> None:
    document = changed_document({"seed": 3, "extract.mel.n_mels": 5})
    expected = base_document()
    expected["seed"], expected["extract"]["mel"]["n_mels"] = 3, 5
    assert document == expected
