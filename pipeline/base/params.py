"""Read params.yaml strictly, one section at a time, into the dataclass of that section.

PyYAML reads YAML 1.1, which takes 022050 for an octal number and 1:30 for 90; DVC reads 1.2, which
does not. What the two read differently is refused, and so are aliases, as a few aliases of aliases
make a document of any size.

A registry is a package in which every file is an entry, such as `pipeline.features`.
"""

import pkgutil
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from pipeline.base.errors import ParamsError
from pipeline.base.files import PARAMS

T = TypeVar("T")
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]

MOST_BYTES = 1 << 20
NUMBER = re.compile(
    r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# What PyYAML raises; the last two where a tag does not suit a value.
UNREADABLE = (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError)
OUR_WORDS = {  # for those of pydantic
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
        The file is missing, too large, not YAML or not a mapping, or something in it is not what
        it looks like.
    """
    try:
        if not path.is_file() and path.exists():
            raise ParamsError(f"{path} is not a regular file")
        if path.stat().st_size > MOST_BYTES:
            raise ParamsError(f"{path} has more than {MOST_BYTES} bytes")
        document = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run from the project's root") from None
    except _Misleading as error:
        raise ParamsError(f"{path}, {error}") from None
    except UNREADABLE as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ParamsError(f"{path} = {document!r}: should be a mapping of sections")
    return document


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    """Parse a document once, though each of its sections is looked up on its own: it is slow."""
    return yaml.load(text, _Loader)


class _Misleading(Exception):  # noqa: N818
    """Something is not what it looks like."""

    def __init__(self, node: Any, text: str) -> None:
        super().__init__(f"line {node.start_mark.line + 1}: {text}")


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise _Misleading(event, f"*{event.anchor}: should be a value, not an alias")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise _Misleading(key, f"the key {key.value!r} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: Any) -> Any:
        if not NUMBER.fullmatch(node.value):
            raise _Misleading(node, f"{node.value}: should be a decimal number, such as 22050")
        as_integer = node.tag.endswith(":int")
        return self.construct_yaml_int(node) if as_integer else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


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
    return int(_value_of_type(Seed, lookup("seed", document), "seed"))


def read_name(key: str, document: Mapping[str, Any] | None = None) -> str:
    """Read a key that holds a name, such as `feature`."""
    return str(_value_of_type(Name, lookup(key, document), key))


def parse(cls: type[T], value: Any, key: str) -> T:
    """Turn the section `value` into the dataclass `cls`.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    content = section(value, key, [field.name for field in fields(cls)])  # type: ignore[arg-type]
    try:
        return cls(**content)
    except ValidationError as error:
        name, *place = error.errors()[0]["loc"]
        item = "".join(f".{part}" for part in place if isinstance(part, int))
        raise ParamsError(_explain(error, f"{key}.{name}{item}")) from None


def section(value: Any, key: str, known: Iterable[str]) -> Mapping[str, Any]:
    """Return the mapping `value`, which must have exactly the keys `known`."""
    known = list(known)
    if not isinstance(value, dict):
        raise ParamsError(f"{key} = {value!r}: should be a section with the keys {one_of(known)}")
    keys = f"the keys of {key} are {', '.join(known)}"
    prefix = "" if key == PARAMS.name else f"{key}."
    for name in value:
        if name not in known:
            problem = f"{prefix}{name} = {value[name]!r}: no such key"
            raise ParamsError(f"{problem}; {keys}{did_you_mean(name, known)}")
    for name in known:
        if name not in value:
            raise ParamsError(f"{prefix}{name} is missing; {keys}")
    return value


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
    """End a message about a name that may be misspelt with the one of `names` that is like it."""
    alike = get_close_matches(str(value), list(names), n=1)
    return f"; did you mean {alike[0]}?" if alike else ""


def one_of(names: Iterable[str]) -> str:
    """Join names that one may choose from: "a, b or c"."""
    texts = [str(name) for name in names]
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


@cache
def names_in(package: str) -> tuple[str, ...]:
    """Return the sorted names of the entries of a registry."""
    folder = Path(str(import_module(package).__file__)).parent
    modules = pkgutil.iter_modules([str(folder)])
    return tuple(sorted(module.name for module in modules if not module.ispkg))


def entry_of(package: str, name: str) -> ModuleType:
    """Import the entry `name`, one of `names_in(package)`."""
    return import_module(f"{package}.{name}")


def class_in(module: ModuleType, base: type) -> type:
    """Return the one class derived from `base` that `module` itself defines.

    Raises
    ------
    TypeError
        There is none, or more than one.
    """
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    own = [each for each in classes if each.__module__ == module.__name__]
    derived = [each for each in own if issubclass(each, base)]
    if len(derived) != 1:
        raise TypeError(
            f"{module.__file__} should define one class that derives from {base.__name__}, "
            f"not {len(derived)}"
        )
    return derived[0]


def _value_of_type(kind: Any, value: Any, key: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise ParamsError(_explain(error, key)) from None


def _explain(error: ValidationError, key: str) -> str:
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    for theirs, ours in OUR_WORDS.items():
        text = text.replace(theirs, ours)
    hint = _yaml_hint(first["input"]) if first["type"] in OF_NUMBERS else ""
    return f"{key} = {first['input']!r}: {text}{hint}"


def _yaml_hint(value: Any) -> str:
    """Propose what to write for a number such as 1e-2, which YAML 1.1 reads as text."""
    try:
        return f" (YAML reads it as text: write {float(value):g})" if value == str(value) else ""
    except ValueError:
        return ""


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):  # Literal takes true and 1.0 for 1
        raise ValueError("should be a whole number")
    return value


WHOLE = BeforeValidator(_whole)
