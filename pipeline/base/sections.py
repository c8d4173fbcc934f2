"""Read params.yaml, one section at a time, into the dataclass of that section."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.base.errors import ParamsError
from pipeline.base.paths import PARAMS
from pipeline.base.yaml_reader import read_yaml

T = TypeVar("T")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
OUR_WORDS = {  # for what pydantic says
    "Input should": "should",
    "Tuple should": "should",
    "tuple": "list",
    " after validation": "",
}
OF_NUMBERS = ("int_type", "float_type")  # pydantic's errors where a number is expected


def read_document(path: Path = PARAMS) -> dict[str, Any]:
    """Read all of params.yaml.

    Raises
    ------
    ParamsError
        As `read_yaml` does, or the content is not a mapping.
    """
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ParamsError(f"{path} = {document!r}: should be a mapping of sections")
    return document


def lookup(key: str, document: Mapping[str, Any] | None = None) -> Any:
    """Look up a dotted key such as `extract.mel` in `document`, by default in params.yaml.

    Raises
    ------
    ParamsError
        There is no such key.
    """
    value: Any = read_document() if document is None else document
    for depth, part in enumerate(key.split("."), 1):
        if not isinstance(value, dict) or part not in value:
            raise ParamsError(f"{'.'.join(key.split('.')[:depth])} is missing from params.yaml")
        value = value[part]
    return value


def read_section(cls: type[T], key: str, document: Mapping[str, Any] | None = None) -> T:
    """Read the section `key` of `document`, by default of params.yaml, as a `cls`."""
    return parse(cls, lookup(key, document), key)


def read_seed(document: Mapping[str, Any] | None = None) -> int:
    """Read the key `seed`."""
    return int(value_of_type(Seed, lookup("seed", document), "seed"))


def read_name(key: str, document: Mapping[str, Any] | None = None) -> str:
    """Read a key that holds a name, such as `feature`."""
    return str(value_of_type(Name, lookup(key, document), key))


def section(value: Any, key: str, known: Iterable[str]) -> Mapping[str, Any]:
    """Return the mapping `value`, which must have exactly the keys `known`."""
    known = list(known)
    if not isinstance(value, dict):
        raise ParamsError(f"{key} = {value!r}: should be a section with the keys {one_of(known)}")
    prefix = "" if key == PARAMS.name else f"{key}."
    for name in value:
        if name not in known:
            raise ParamsError(
                f"{prefix}{name} = {value[name]!r}: no such key; {_keys(key, known)}"
                f"{did_you_mean(name, known)}"
            )
    for name in known:
        if name not in value:
            raise ParamsError(f"{prefix}{name} is missing; {_keys(key, known)}")
    return value


def parse(cls: type[T], value: Any, key: str) -> T:
    """Turn the section `value` into the dataclass `cls`.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    content = section(value, key, known)
    try:
        return cls(**content)
    except ValidationError as error:
        name, *place = error.errors()[0]["loc"]
        item = "".join(f".{part}" for part in place if isinstance(part, int))
        raise ParamsError(_explain(error, f"{key}.{name}{item}")) from None


def value_of_type(kind: Any, value: Any, key: str) -> Any:
    """Return `value`, which must be of the annotated type `kind`."""
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise ParamsError(_explain(error, key)) from None


def choice(value: Any, key: str, choices: Iterable[str]) -> str:
    """Return `value`, which must be one of the names `choices`."""
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise ParamsError(
            f"{key} = {value!r}: should be one of the choices: {one_of(choices)}"
            f"{did_you_mean(value, choices)}"
        )
    return value


def did_you_mean(value: Any, names: Iterable[str]) -> str:
    """The end of a message about a name that may be misspelt: which of `names` is like it."""
    found = get_close_matches(str(value), list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def one_of(names: Iterable[str]) -> str:
    """Join names that one may choose from: "a, b or c"."""
    texts = [str(name) for name in names]
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _keys(key: str, known: Iterable[str]) -> str:
    return f"the keys of {key} are {', '.join(known)}"


def _explain(error: ValidationError, key: str) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    for theirs, ours in OUR_WORDS.items():
        text = text.replace(theirs, ours)
    hint = _yaml_hint(first["input"]) if first["type"] in OF_NUMBERS else ""
    return f"{key} = {first['input']!r}: {text}{hint}"


def _yaml_hint(value: Any) -> str:
    """What to write for a number such as 1e-2, which YAML 1.1 reads as text."""
    try:
        return f" (YAML reads it as text: write {float(value):g})" if value == str(value) else ""
    except ValueError:
        return ""
