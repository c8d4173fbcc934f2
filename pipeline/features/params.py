"""The section `extract` of params.yaml: the features to extract, and the parameters of all."""

from collections.abc import Mapping
from typing import Any

from pipeline.base.errors import ParamsError
from pipeline.base.registry import class_in, entry_of, names_in
from pipeline.base.sections import choice, lookup, one_of, parse, section
from pipeline.features.shared.feature import Feature

PACKAGE = "pipeline.features"
LISTED = "features"  # the key of the list of features to extract


def feature_names() -> tuple[str, ...]:
    """Names of all features, sorted: the file names in `pipeline/features`."""
    return names_in(PACKAGE)


def feature_class(name: str) -> type[Feature]:
    """Class of the feature `name`, one of `feature_names()`."""
    return class_in(entry_of(PACKAGE, name), Feature)


def parse_extract(value: Any) -> dict[str, Feature]:
    """Parse the section into the features to extract, by name.

    The parameters of the other features have to be valid as well.

    Raises
    ------
    ParamsError
        A value is wrong; the message names its key and what would be right.
    """
    known = feature_names()
    content = section(value, "extract", [LISTED, *known])
    features = {
        name: parse(feature_class(name), content[name], f"extract.{name}") for name in known
    }
    listed = content[LISTED]
    if not isinstance(listed, list) or not listed:
        raise ParamsError(f"extract.{LISTED} = {listed!r}: should be a list of {one_of(known)}")
    for index, name in enumerate(listed):
        choice(name, f"extract.{LISTED}.{index}", known)
        if name in listed[:index]:
            raise ParamsError(f"extract.{LISTED}.{index} = {name!r}: should be listed once")
    return {name: features[name] for name in listed}


def read_feature(name: str, document: Mapping[str, Any] | None = None) -> Feature:
    """Read the feature `name` and its parameters from `document`, by default params.yaml."""
    return parse(feature_class(name), lookup(f"extract.{name}", document), f"extract.{name}")


def described_feature(description: Mapping[str, Any]) -> Feature | None:
    """Feature whose rows a store holds, by its description; None if the user made the store."""
    name = description.get("name")
    if name in feature_names() and "params" in description:
        return parse(feature_class(str(name)), description["params"], "store.params")
    return None
