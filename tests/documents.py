"""Contents of params.yaml for tests, which never read that of the workspace."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from pipeline.augmentation.registry import augmentations
from pipeline.features.params import feature_class, feature_names
from pipeline.training.networks import network_names, params_class

STARTED_FROM = Path(__file__).with_name("params.yaml")


def base_document() -> dict[str, Any]:
    """tests/params.yaml, with example parameters for entries of the registries that it lacks.

    So a new feature, network or kind of augmentation is tested without a change of the tests.
    """
    document: dict[str, Any] = yaml.safe_load(STARTED_FROM.read_text(encoding="utf-8"))
    _complete(document["extract"], {name: feature_class(name) for name in feature_names()}, {})
    _complete(document["models"], {name: params_class(name) for name in network_names()}, NEUTRAL)
    _complete(document["augment"], augmentations(), {})
    return document


# Of a network's training, so that nothing is without effect.
NEUTRAL = {"optimizer": "adam", "schedule": "cosine", "momentum": 0, "decay": 0, "warmup": 0}


def changed_document(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base document with other values at some dotted keys."""
    document = base_document()
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = document
        for part in sections:
            section = section[part]
        section[name] = value
    return document


def write_params(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write params.yaml with `changes` from the base document."""
    text = yaml.safe_dump(changed_document(changes), sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _complete(
    section: dict[str, Any], entries: Mapping[str, type], fixed: Mapping[str, Any]
) -> None:
    for name, cls in entries.items():
        if name not in section:
            section[name] = {**example_of(cls), **fixed}


def example_of(cls: type) -> dict[str, Any]:
    """Parameters that the dataclass `cls` accepts: each field's example, or one in its range."""
    schema = TypeAdapter(cls).json_schema()["properties"]
    return {field.name: _value(schema[field.name]) for field in fields(cls)}


def _value(schema: Mapping[str, Any]) -> Any:
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    if "const" in schema:
        return schema["const"]
    if schema["type"] in ("array",):
        return [_value(schema["items"])] * max(1, schema.get("minItems", 1))
    if schema["type"] == "boolean":
        return False
    if schema["type"] not in ("integer", "number"):
        raise TypeError(f"a field of type {schema['type']} needs Field(examples=[...])")
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 2))
    return (low + high) // 2 if schema["type"] == "integer" else (low + high) / 2
