"""The fingerprint: it changes with whatever can change a result, and with nothing else."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pipeline.store import addresses as module
from pipeline.audio.clips import CutTrack
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.features.registry import FEATURES
from pipeline.store.addresses import code_fingerprint, fingerprint
from pipeline.base.digests import digest
from pipeline.check import load_params

PACKAGE = "fakery"
MODULES = {
    "__init__": "",
    "recipe": f"""
import json
import numpy
from {PACKAGE}.direct import value
from {PACKAGE} import sibling

def late():
    import {PACKAGE}.inner as inner
""",
    "direct": f"import {PACKAGE}.indirect\nvalue = 1",
    "indirect": "from scipy.fft import rfft",
    "sibling": f"from {PACKAGE} import recipe",  # in a circle
    "inner": "",
    "unrelated": f"from {PACKAGE} import recipe\nimport h5py",
}
OTHER = {"channels": 3, "colour_map": "magma", "decoder": "libsndfile 0"}


@dataclass(frozen=True)
class One:
    x: int = 1


@dataclass(frozen=True)
class Other:
    x: int = 1


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a small package that counts as this project."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "FIRST_PARTY", (PACKAGE,))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
    code_fingerprint.cache_clear()


def of_recipe() -> str:
    """Fingerprint of the package's recipe, as a new process would find it."""
    importlib.invalidate_caches()
    code_fingerprint.cache_clear()
    return code_fingerprint(f"{PACKAGE}.recipe")


@pytest.mark.parametrize("name", [name for name in MODULES if name != "unrelated"])
def test_a_change_in_whatever_is_imported_counts(name: str, package: Path) -> None:
    before = of_recipe()
    (package / f"{name}.py").write_text(MODULES[name] + "\n# changed")
    assert of_recipe() != before
    (package / f"{name}.py").write_text(MODULES[name])
    assert of_recipe() == before


def test_a_change_in_what_is_not_imported_does_not_count(package: Path) -> None:
    before = of_recipe()
    (package / "unrelated.py").write_text("changed = True")
    (package / "new.py").write_text("")
    assert of_recipe() == before


def of_version(changed: str) -> Callable[[str], str]:
    return lambda name: "0.0" if name == changed else version(name)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("library", "counts"), [("numpy", True), ("scipy", True), ("h5py", False)])
def test_versions_of_the_libraries_that_are_imported_count(
    library: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of_recipe()
    monkeypatch.setattr(module, "version", of_version(library))
    assert (of_recipe() != before) == counts


def test_a_library_under_another_name_than_its_package_counts(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "recipe.py").write_text("import sklearn")
    before = of_recipe()
    monkeypatch.setattr(module, "version", of_version("scikit-learn"))
    assert of_recipe() != before


@pytest.mark.usefixtures("package")
def test_the_version_of_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_recipe()
    monkeypatch.setattr("platform.python_version", lambda: "2.7.18")
    assert of_recipe() != before


def test_recipes_of_equal_parameters_differ() -> None:
    assert fingerprint(One()) == fingerprint(One())
    assert len({fingerprint(recipe) for recipe in (One(), One(2), Other())}) == 3


def test_recipes_of_one_name_in_two_modules_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(One())
    monkeypatch.setattr(One, "__module__", "pipeline.audio.decode.pcm")
    assert fingerprint(One()) != before


def changed(recipe: Any, name: str) -> Any:
    """`recipe` with another value of one parameter."""
    return replace(recipe, **{name: OTHER.get(name) or getattr(recipe, name) + 1})


@pytest.mark.parametrize("name", FEATURES)
def test_every_parameter_of_a_feature_counts(name: str) -> None:
    feature = load_params().extract[name]
    others = [changed(feature, field.name) for field in fields(feature)]
    recipes = [ExtractFeature(feature, 22_050), ExtractFeature(feature, 22_051)]
    recipes += [ExtractFeature(other, 22_050) for other in others]
    assert len({fingerprint(recipe) for recipe in recipes}) == len(recipes) > 3


def test_every_parameter_of_segment_counts() -> None:
    recipe = CutTrack(22_050, 66_150)
    recipes = [recipe, *(changed(recipe, field.name) for field in fields(recipe))]
    assert len({fingerprint(recipe) for recipe in recipes}) == len(recipes) == 4


@pytest.mark.parametrize(
    ("of", "inside", "outside"),
    [
        ("pipeline.audio.clips", {"audio", "pcm", "result"}, {"features", "build", "segment"}),
        (
            "pipeline.features.shared.recipe",
            {"features", "spectra", "pictures", "pcm", "result"},
            {"audio", "build", "extract", "store"},
        ),
    ],
)
def test_what_a_recipe_of_the_pipeline_hangs_on(
    of: str, inside: set[str], outside: set[str]
) -> None:
    found = {name.removeprefix("pipeline.") for name in module._sources(of)}
    assert inside < found
    assert not outside & found


def test_texts_are_kept_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
