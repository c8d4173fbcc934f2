"""Read YAML as it looks: no aliases, no key twice, and no number that is not decimal.

YAML 1.1 takes 022050 for an octal number and 1:30 for 90; DVC, which reads 1.2, does not. A few
aliases of aliases make a document of any size.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from pipeline.base.errors import ParamsError

MOST_BYTES = 1 << 20
DECIMAL = re.compile(r"[-+]?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?|[-+]?\.\d+([eE][-+]?\d+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# What PyYAML raises; the last two where a tag does not suit a value.
UNREADABLE = (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError)


def read_yaml(path: Path) -> Any:
    """Content of a YAML file.

    Raises
    ------
    ParamsError
        The file is missing, too large or not YAML, or something in it is not what it looks like.
    """
    try:
        if not path.is_file() and path.exists():
            raise ParamsError(f"{path} is not a regular file")
        if path.stat().st_size > MOST_BYTES:
            raise ParamsError(f"{path} has more than {MOST_BYTES} bytes")
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run from the project's root") from None
    except _Misleading as error:
        line = error.node.start_mark.line + 1
        raise ParamsError(f"{path}, line {line}: {error}") from None
    except UNREADABLE as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


class _Misleading(Exception):  # noqa: N818
    """Something is not what it looks like."""

    def __init__(self, node: Any, text: str) -> None:
        super().__init__(text)
        self.node = node


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
        """A number that looks like one."""
        if not (DECIMAL.fullmatch(node.value) or NOT_FINITE.fullmatch(node.value)):
            raise _Misleading(node, f"{node.value}: should be a decimal number, such as 22050")
        as_integer = node.tag.endswith(":int")
        return self.construct_yaml_int(node) if as_integer else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)
