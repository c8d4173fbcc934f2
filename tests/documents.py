"""Contents of params.yaml for tests, which never read that of the workspace."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from pipeline.augmentation.kind import augmentations
from pipeline.features.shared.feature import feature_class, feature_names
from pipeline.training.network import network_names, params_class

STARTED_FROM = Path(__file__).with_name("params.yaml")
# For a network that tests/params.yaml lacks: parameters that would have no effect are 0.
NEUTRAL = {
    "optimizer": "adam",
    "schedule": "cosine",
    "momentum": 0,
    "decay": 0,
    "warmup": 0,
    "weight_decay": 0,
}


def base_document() -> dict[str, Any]:
    """tests/params.yaml, completed by example parameters for entries of the registries.

    So the tests cover a new feature, network or kind of augmentation without being changed.
    """
    return deepcopy(_base_document())


@cache
def _base_document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(STARTED_FROM.read_text(encoding="utf-8"))
    _complete(document["extract"], {name: feature_class(name) for name in feature_names()}, {})
    _complete(document["models"], {name: params_class(name) for name in network_names()}, NEUTRAL)
    _complete(document["augment"], augmentations(), {})
    return document


def changed_document(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base document with the values of `changes` at their dotted keys."""
    document = base_document()
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = document
        for part in sections:
            section = section[part]
        section[name] = value
    return document


def write_params(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write params.yaml: the base document with `changes`."""
    text = yaml.safe_dump(changed_document(changes), sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _complete(
    section: dict[str, Any], entries: Mapping[str, type], fixed: Mapping[str, Any]
) -> None:
    for name, cls in entries.items():
        if name not in section:
            section[name] = {**example_of(cls), **fixed}


def example_of(cls: type) -> dict[str, Any]:
    """Parameters that the dataclass `cls` accepts: examples, choices or middles of ranges."""
    schema = TypeAdapter(cls).json_schema()["properties"]
    return {field.name: _value(schema[field.name]) for field in fields(cls)}


def _value(schema: Mapping[str, Any]) -> Any:
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    if schema.get("type") not in ("integer", "number"):
        raise TypeError(f"a field with the schema {schema} needs Field(examples=[...])")
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 2))
    return (low + high) // 2 if schema["type"] == "integer" else (low + high) / 2
