"""Sections of params.yaml become dataclasses, and files entries; a mistake is one line."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from documents import STARTED_FROM
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.params import (
    MOST_BYTES,
    WHOLE,
    choice,
    class_in,
    entry_of,
    lookup,
    names_in,
    one_of,
    parse,
    read_document,
    read_name,
    read_section,
    read_seed,
)
from pipeline.base.types import STRICT, Count, Share


@dataclass(frozen=True, config=STRICT)
class Cake:
    layers: Count
    sugar: Share
    shape: Literal["round", "square"]
    candles: Annotated[Literal[1, 3], WHOLE] = 1
    sizes: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (1,)


CAKE: dict[str, Any] = {
    "layers": 3,
    "sugar": 0.2,
    "shape": "round",
    "candles": 1,
    "sizes": [1, 2],
}
DOCUMENT: dict[str, Any] = {"seed": 7, "feature": "mel", "kitchen": {"cake": CAKE}}


def test_a_section_becomes_its_dataclass() -> None:
    assert read_section(Cake, "kitchen.cake", DOCUMENT) == Cake(3, 0.2, "round", 1, (1, 2))
    assert parse(Cake, {**CAKE, "sugar": 0}, "cake").sugar == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"layers": "3"},
            "cake.layers = '3': should be a valid integer (YAML reads it as text: write 3)",
        ),
        ({"layers": 3.0}, "cake.layers = 3.0: should be a valid integer"),
        ({"layers": True}, "cake.layers = True: should be a valid integer"),
        ({"layers": 0}, "cake.layers = 0: should be greater than or equal to 1"),
        (
            {"sugar": "1e-2"},
            "cake.sugar = '1e-2': should be a valid number (YAML reads it as text: write 0.01)",
        ),
        ({"sugar": 1.0}, "cake.sugar = 1.0: should be less than 1"),
        ({"sugar": float("nan")}, "cake.sugar = nan: should be a finite number"),
        ({"shape": "oval"}, "cake.shape = 'oval': should be 'round' or 'square'"),
        ({"candles": True}, "cake.candles = True: should be a whole number"),
        ({"candles": 2}, "cake.candles = 2: should be 1 or 3"),
        ({"sizes": [1, "big"]}, "cake.sizes.1 = 'big': should be a valid integer"),
        ({"sizes": "64"}, "cake.sizes = '64': should be a valid list"),  # and no hint about YAML
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ParamsError) as caught:
        parse(Cake, {**CAKE, **change}, "cake")
    assert str(caught.value) == expected


KEYS = "the keys of cake are layers, sugar, shape, candles, sizes"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({**CAKE, "lairs": 3}, f"cake.lairs = 3: no such key; {KEYS}"),
        (
            {name: value for name, value in CAKE.items() if name != "sugar"},
            f"cake.sugar is missing; {KEYS}",
        ),
        (CAKE | dict[Any, Any]({3: 4}), f"cake.3 = 4: no such key; {KEYS}"),
        (None, "cake = None: should be a section with the keys layers, sugar, shape, candles or"),
        ([CAKE], "cake = [{"),
    ],
)
def test_a_key_too_many_or_too_few_is_named(value: Any, expected: str) -> None:
    with pytest.raises(ParamsError) as caught:
        parse(Cake, value, "cake")
    assert str(caught.value).startswith(expected)


def test_a_dotted_key_is_looked_up_and_named_as_far_as_the_file_goes() -> None:
    keys = ("kitchen.cake.layers", "seed", "kitchen")
    assert [lookup(key, DOCUMENT) for key in keys] == [3, 7, {"cake": CAKE}]
    for key, missing in (("kitchen.pie.crust", "kitchen.pie"), ("seed.x", "seed.x")):
        with pytest.raises(ParamsError, match=rf"^{missing} is missing from params\.yaml$"):
            lookup(key, DOCUMENT)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "7", None])
def test_a_seed_is_a_number_of_32_bits(seed: Any) -> None:
    assert read_seed(DOCUMENT) == 7
    with pytest.raises(ParamsError, match=r"^seed = "):
        read_seed({"seed": seed})


@pytest.mark.parametrize("name", ["", "../mel", "a/b", ".hidden", "a b", 3, None, ["mel"]])
def test_a_name_cannot_leave_its_folder(name: Any) -> None:
    assert read_name("feature", DOCUMENT) == "mel"
    with pytest.raises(ParamsError, match=r"^feature = "):
        read_name("feature", {"feature": name})


def test_a_choice_is_one_of_its_names() -> None:
    assert choice("a", "key", ["a", "b"]) == "a"
    assert one_of(["a", "b", "c"]) == "a, b or c"
    for value in ("c", None, ["a"]):
        with pytest.raises(ParamsError, match=r"should be one of the choices: a or b$"):
            choice(value, "key", ["a", "b"])


def test_the_file_is_read_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"^params\.yaml is missing; run from the project's root"):
        read_seed()
    Path("params.yaml").write_text("seed: 5\n")
    assert read_seed() == lookup("seed") == 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: &x 1\nb: *x\n", ", line 2: *x: should be a value, not an alias"),
        ("a: &x [*x]\n", ", line 1: *x: should be a value, not an alias"),
        ("a:\n  b: 1\n  b: 1\n", ", line 3: the key 'b' is there twice"),
        *[
            (f"a: {number}\n", f", line 1: {number}: should be a decimal number, such as 22050")
            for number in ("022050", "1:30", "1:30.5", "0x10", "0b11", "22_050")
        ],
        ("seed: [", " is not valid YAML: while parsing"),
        ("a: \udcff", " is not valid YAML: 'utf-8' codec"),
        ("[" * 5000, " is not valid YAML: "),
        ("a: " + "9" * 5000, " is not valid YAML: "),
        ("a: !!python/object/apply:os.system [date]\n", " is not valid YAML: could not determine"),
        ("a: !!timestamp nonsense\n", " is not valid YAML: "),
        ("a: 1\n" * MOST_BYTES, f" has more than {MOST_BYTES} bytes"),
        ("- seed", " = ['seed']: should be a mapping of sections"),
        ("", " = None: should be a mapping of sections"),
    ],
    ids=range(18),
)
def test_what_is_misleading_harmful_or_not_yaml_is_refused(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ParamsError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}{expected}")
    assert "\n" not in str(caught.value)


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ParamsError, match=r"/pipe is not a regular file$"):
        read_document(tmp_path / "pipe")


def test_a_document_without_traps_is_that_of_yaml(tmp_path: Path) -> None:
    numbers = ["0", "-3", "+7", "22050", "0.5", "-.5", "1.", "1.5e-3", "6.02e+23", ".inf", "-.INF"]
    path = tmp_path / "numbers.yaml"
    for text in (STARTED_FROM.read_text(encoding="utf-8"), f"numbers: [{', '.join(numbers)}]"):
        path.write_text(text, encoding="utf-8")
        assert read_document(path) == yaml.safe_load(text)


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


@pytest.fixture
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


@pytest.mark.usefixtures("_shapes")
def test_the_entries_are_the_files_and_each_has_the_class_that_it_defines_itself() -> None:
    assert names_in("shapes") == ("line", "none", "square", "two")
    found = [class_in(entry_of("shapes", name), base()) for name in ("square", "line")]
    assert [each.__name__ for each in found] == ["Square", "Line"]
    with pytest.raises(ModuleNotFoundError, match="circle"):
        entry_of("shapes", "circle")


@pytest.mark.usefixtures("_shapes")
@pytest.mark.parametrize(("name", "count"), [("none", 0), ("two", 2)])
def test_an_entry_that_does_not_define_one_class_is_named(name: str, count: int) -> None:
    expected = rf"{name}\.py should define one class that derives from Shape, not {count}$"
    with pytest.raises(TypeError, match=expected):
        class_in(entry_of("shapes", name), base())
