"""One value or section at a time: is it what params.yaml may hold? If not, say what would be."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.errors import PipelineError

T = TypeVar("T")

# Of every section's dataclass: no key too many, no text for a number, no infinity.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ParamsError(PipelineError):
    """A parameter is missing, misspelt, of the wrong type or out of range."""


def section(value: Any, key: str, known: Any) -> Mapping[str, Any]:
    """Mapping `value` with exactly the keys `known`."""
    if not isinstance(value, dict):
        raise ParamsError(f"{key} = {value!r}: should be a section with the keys {one_of(known)}")
    prefix = "" if key == "params.yaml" else f"{key}."
    for name in value:
        if name not in known:
            raise ParamsError(f"{prefix}{name} = {value[name]!r}: no such key; {_keys(key, known)}")
    for name in known:
        if name not in value:
            raise ParamsError(f"{prefix}{name} is missing; {_keys(key, known)}")
    return value


def parse(cls: type[T], value: Any, key: str) -> T:
    """Section `value` as the dataclass `cls`."""
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    content = section(value, key, known)
    try:
        return cls(**content)
    except ValidationError as error:
        name, *place = error.errors()[0]["loc"]
        item = "".join(f".{part}" for part in place if isinstance(part, int))
        raise ParamsError(_explain(error, f"{key}.{name}{item}")) from None


def number(kind: Any, value: Any, key: str) -> Any:
    """`value` where it is of the annotated type `kind`."""
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise ParamsError(_explain(error, key)) from None


def choice(value: Any, key: str, choices: Any, what: str = "choices") -> str:
    """`value` where it is one of the names `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ParamsError(f"{key} = {value!r}: should be one of the {what}: {one_of(choices)}")
    return value


def one_of(names: Any) -> str:
    """Names as a list to choose from: "a, b or c"."""
    names = [str(name) for name in names]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _keys(key: str, known: Any) -> str:
    return f"the keys of {key} are {', '.join(known)}"


def _explain(error: ValidationError, key: str) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    for theirs, ours in (("Input should", "should"), ("Tuple should", "should"), ("tuple", "list")):
        text = text.replace(theirs, ours)
    return f"{key} = {first['input']!r}: {text}{_yaml_hint(first['input'])}"


def _yaml_hint(value: Any) -> str:
    """YAML 1.1 takes 1e-2 for text: a float needs its point."""
    try:
        return f" (YAML reads it as text: write {float(value):g})" if value == str(value) else ""
    except ValueError:
        return ""
