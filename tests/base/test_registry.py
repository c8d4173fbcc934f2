"""Registries that are file names: each file of a package is an entry, and defines one class."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.base.params import class_in, entry_of, names_in

BASE = "class Shape: pass\n"
FILES = {
    "shapes/__init__.py": "",
    "shapes/square.py": "from shapes.shared.base import Shape\nclass Square(Shape): sides = 4\n",
    "shapes/line.py": "from shapes.square import Shape, Square\nclass Line(Shape): pass\n",
    "shapes/none.py": "from shapes.shared.base import Shape\n",
    "shapes/two.py": "from shapes.none import Shape\nclass A(Shape): pass\nclass B(A): pass\n",
    "shapes/notes.txt": "",
    "shapes/shared/__init__.py": "",
    "shapes/shared/base.py": BASE,
}


@pytest.fixture(autouse=True)
def _shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    names_in.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "shapes"]:
        del sys.modules[name]


def base() -> type:
    return entry_of("shapes.shared", "base").Shape


def test_the_entries_are_the_files_of_the_package() -> None:
    assert names_in("shapes") == ("line", "none", "square", "two")


@pytest.mark.parametrize(("name", "expected"), [("square", "Square"), ("line", "Line")])
def test_the_class_of_an_entry_is_the_one_that_it_defines_itself(name: str, expected: str) -> None:
    assert class_in(entry_of("shapes", name), base()).__name__ == expected


@pytest.mark.parametrize(("name", "count"), [("none", 0), ("two", 2)])
def test_an_entry_that_does_not_define_one_class_is_named(name: str, count: int) -> None:
    expected = rf"{name}\.py should define one class that derives from Shape, not {count}$"
    with pytest.raises(TypeError, match=expected):
        class_in(entry_of("shapes", name), base())


def test_an_entry_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="circle"):
        entry_of("shapes", "circle")
