"""Content addresses: whatever computes counts, in every module that is reached, and nothing else.

Addresses are asked for as by a process that starts now: of a small made-up package, and of a copy
of this project that is edited.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from documents import base_document
from helpers import INLINE, ROOT, describe, small_experiment
from pydantic import TypeAdapter

from pipeline.audio.clips import CutTrack
from pipeline.augmentation.chains import Chain
from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.recipe import AugmentTrack
from pipeline.augmentation.registry import augmentations
from pipeline.augmentation.target import Target
from pipeline.base.digests import version_of
from pipeline.features.params import feature_names, read_feature
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.recordings.recipe import FingerprintTrack
from pipeline.store import addresses
from pipeline.store.addresses import libraries_of, modules_of, recipe_address, source_trees
from pipeline.training.cross_validation import code_of
from pipeline.training.experiment import Experiment
from pipeline.training.fitting import FoldTask
from pipeline.training.networks import network_names

PARTS = ("pipeline", "models")


class Project:
    """Modules in a folder that can be edited."""

    def __init__(self, root: Path, *parts: str) -> None:
        self.root, self.parts = root, parts

    def file(self, module: str) -> Path:
        return self.root.joinpath(*module.split(".")).with_suffix(".py")

    def modules(self) -> list[str]:
        files = (path for part in self.parts for path in (self.root / part).rglob("*.py"))
        return [".".join(file.relative_to(self.root).with_suffix("").parts) for file in files]

    def edit(self, module: str, old: str, new: str) -> None:
        source = self.file(module).read_text(encoding="utf-8")
        assert old in source
        self.file(module).write_text(source.replace(old, new, 1), encoding="utf-8")

    def append(self, module: str, text: str) -> None:
        with self.file(module).open("a", encoding="utf-8") as file:
            file.write(text)

    def address(self, *modules: str) -> str:
        """Address of the modules' code, in a process that starts now."""
        with mock.patch.multiple(
            addresses, ROOT=self.root, FIRST_PARTY=self.parts, _STARTED_WITH={}
        ):
            return str(addresses.code_address.__wrapped__(*modules))


MADE_UP = {
    "__init__": "",
    "recipe": """
import json
import numpy
from madeup.scaling import scale
from madeup import sibling

def late():
    import madeup.inner as inner
""",
    "scaling": '''
"""Scale numbers."""

import madeup.indirect

FACTOR = 3


class Rejection(Exception):
    """A number cannot be used."""


def scale(x: int, offset=1):
    """Scale a number."""
    # Not too loud.
    if x < 0:
        raise ValueError(f"x = {x}: should be 0 or more")
    if x > 1000:
        raise Rejection("too loud")
    assert x == x, "should be a number"
    print(f"scaling {x}", flush=True)
    if x == 13:
        sys.exit("no luck")
    return FACTOR * x + offset
''',
    "indirect": "from scipy.fft import rfft",
    "sibling": "from madeup import recipe",  # in a circle
    "inner": "",
    "unrelated": "from madeup import recipe\nimport h5py",
}


@pytest.fixture
def made_up(tmp_path: Path) -> Project:
    folder = tmp_path / "madeup"
    folder.mkdir()
    for name, source in MADE_UP.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return Project(tmp_path, "madeup")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Not too loud.", "# Loud numbers are refused."),
        ("\n\n\nclass", "\n# A comment.\nclass"),
        ('"""Scale numbers."""', '"""Scale numbers, one at a time."""'),
        ('    """Scale a number."""\n', ""),
        ("cannot be used", "is of no use"),
        ('f"x = {x}: should be 0 or more"', '"x should not be negative"'),
        ('"should be a number"', 'f"{x} should be a number"'),
        (', "should be a number"', ""),
        ('f"scaling {x}", flush=True', 'f"{x} is scaled"'),
        ('"no luck"', 'f"{x} is bad luck"'),
        ("FACTOR * x + offset", "(\n        FACTOR * x\n        + offset  # at last\n    )"),
        ('"too loud"', "'too loud'"),
    ],
)
def test_wording_and_layout_do_not_count(old: str, new: str, made_up: Project) -> None:
    before = made_up.address("madeup.recipe")
    made_up.edit("madeup.scaling", old, new)
    assert made_up.address("madeup.recipe") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR = 3", "FACTOR = 4"),
        ("FACTOR * x", "FACTOR / x"),
        ("offset=1", "offset=2"),
        ("x: int", "x: float"),
        ("    if x > 1000", "    x = abs(x)\n    if x > 1000"),
        ("x < 0", "x <= 0"),
        ("raise ValueError", "raise TypeError"),
        ("x > 1000", "x > 999"),
        ('"too loud"', '"far too loud"'),
        ("x == x", "x != x"),
        ('print(f"scaling {x}"', 'print(f"scaling {(x := x + 1)}"'),
        ('print(f"scaling {x}"', 'print(f"scaling {next(numbers)}"'),
        ("x == 13", "x == 14"),
        ("(Exception)", "(ValueError)"),
        ('"""Scale numbers."""', 'TITLE = """Scale numbers."""'),
    ],
)
def test_what_computes_counts(old: str, new: str, made_up: Project) -> None:
    before = made_up.address("madeup.recipe")
    made_up.edit("madeup.scaling", old, new)
    assert made_up.address("madeup.recipe") != before
    made_up.edit("madeup.scaling", new, old)
    assert made_up.address("madeup.recipe") == before


@pytest.mark.parametrize("name", MADE_UP)
def test_a_module_counts_where_it_is_imported(name: str, made_up: Project) -> None:
    before = made_up.address("madeup.recipe")
    made_up.append(f"madeup.{name}", "\nCHANGED = True\n")
    assert (made_up.address("madeup.recipe") != before) == (name != "unrelated")


def test_a_new_module_does_not_count(made_up: Project) -> None:
    before = made_up.address("madeup.recipe")
    made_up.append("madeup.new", "from madeup import recipe")
    assert made_up.address("madeup.recipe") == before


@pytest.mark.parametrize(("library", "counts"), [("numpy", True), ("scipy", True), ("h5py", False)])
def test_versions_of_the_libraries_that_are_imported_count(
    library: str, counts: bool, made_up: Project
) -> None:
    before = made_up.address("madeup.recipe")

    def other_version(name: str) -> str:
        return "0.0" if name == library else version_of(name)

    with mock.patch.object(addresses, "version_of", other_version):
        assert (made_up.address("madeup.recipe") != before) == counts


def test_the_version_of_python_counts(made_up: Project) -> None:
    before = made_up.address("madeup.recipe")
    with mock.patch("platform.python_version", return_value="2.7.18"):
        assert made_up.address("madeup.recipe") != before


@dataclass(frozen=True)
class One:
    x: int = 1


@dataclass(frozen=True)
class Other:
    x: int = 1


def test_recipes_of_equal_parameters_differ() -> None:
    assert recipe_address(One()) == recipe_address(One())
    assert len({recipe_address(recipe) for recipe in (One(), One(2), Other())}) == 3


def test_recipes_of_one_name_in_two_modules_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe_address(One())
    monkeypatch.setattr(One, "__module__", "pipeline.audio.pcm")
    assert recipe_address(One()) != before


def choices(cls: type, name: str) -> list[str]:
    """The names that a field of a pydantic dataclass may have, if it has a list of them."""
    schema = TypeAdapter(cls).json_schema()["properties"].get(name, {})
    return list(schema.get("enum", []))


def changed(recipe: Any, name: str) -> Any:
    """`recipe` with another value of one parameter."""
    value = getattr(recipe, name)
    if isinstance(value, str):
        others: list[Any] = ["magma", "viridis", *choices(type(recipe), name)]
    else:
        others = [value[:1], value[1:]] if isinstance(value, tuple) else [1, 3, value + 1]
    for other in others:
        try:
            if other != value:
                return replace(recipe, **{name: other})
        except ValueError:
            continue
    raise AssertionError(f"no other value of {name}")


@pytest.mark.parametrize("name", feature_names())
def test_every_parameter_of_a_feature_counts(name: str) -> None:
    feature = read_feature(name, base_document())
    others = [changed(feature, field.name) for field in fields(feature)]
    recipes = [ExtractFeature(feature, 22_050), ExtractFeature(feature, 22_051)]
    recipes += [ExtractFeature(other, 22_050) for other in others]
    assert len({recipe_address(recipe) for recipe in recipes}) == len(recipes)


def test_every_parameter_of_segment_counts() -> None:
    recipe = CutTrack(22_050, 66_150)
    recipes = [recipe, *(changed(recipe, field.name) for field in fields(recipe))]
    assert len({recipe_address(recipe) for recipe in recipes}) == len(recipes) == 4


# What the recipes of this project reach.


def extracted(name: str) -> ExtractFeature:
    return ExtractFeature(read_feature(name, base_document()), 22_050)


def augmented(kind: str) -> AugmentTrack:
    """The recipe of one kind of augmentation, on the feature `mel`."""
    target = Target(extracted("mel").feature, 22_050, (96, 44, 1), "float16")
    chain = Chain(kind, (small_experiment().augment.ranges[kind],))
    return AugmentTrack(chain, target, 0)


def fold_of(experiment: Experiment) -> FoldTask:
    nothing = np.empty(0, np.int64)
    description = describe(model=experiment.model)
    return FoldTask(nothing, nothing, nothing, nothing, experiment.network, description)


def inline_fold() -> FoldTask:
    experiment = small_experiment(INLINE)
    nothing = np.empty(0, np.int64)
    names = nothing.astype(str)
    target = augmented("noise").target
    chains = experiment.augment.kinds
    transform = InlineAugmentation(chains, target, 0.5, 0, names, nothing, None, "")
    return replace(fold_of(experiment), transform=transform)


def named_for(task: FoldTask) -> list[str]:
    """The modules that are named for the address of a fold."""
    with mock.patch("pipeline.training.cross_validation.code_address") as address:
        address.return_value = ""
        code_of(task)
    return list(address.call_args.args)


def fold(model: str) -> list[str]:
    return named_for(fold_of(small_experiment({"model": model})))


def modules_for(make: Callable[..., Any], *arguments: Any) -> set[str]:
    return modules_of(make(*arguments))


# The modules that are named for each address; the others follow from what these import.
NAMED: dict[str, Callable[[], Iterable[str]]] = {
    "segment": partial(modules_for, CutTrack, 22_050, 66_150),
    "replicas": partial(modules_for, FingerprintTrack, 22_050),
    **{f"extract {name}": partial(modules_for, extracted, name) for name in feature_names()},
    **{f"augment {name}": partial(modules_for, augmented, name) for name in augmentations()},
    **{f"train {name}": partial(fold, name) for name in network_names()},
    "train inline": lambda: named_for(inline_fold()),
}


@cache
def trees(name: str) -> dict[str, ast.Module]:
    return source_trees(*NAMED[name]())


def reached(name: str) -> set[str]:
    """Modules of this project that determine a result."""
    return set(trees(name))


def outside(name: str, *rooms: str) -> set[str]:
    """What is reached besides these modules and packages."""
    return {
        module
        for module in reached(name)
        if not any(module == room or module.startswith(f"{room}.") for room in rooms)
    }


# What any recipe may reach: types of arrays and fields, the two root errors, and Keras.
COMMON = (
    "pipeline.base.arrays",
    "pipeline.base.backend",
    "pipeline.base.digests",
    "pipeline.base.errors",
    "pipeline.base.fields",
    "pipeline.store.results",
    "pipeline.audio.pcm",
)


def test_segment_reaches_the_decoder() -> None:
    found = outside("segment", *COMMON)
    modules = ("clips", "decode", "ffmpeg", "rejection", "sndfile")
    assert found == {f"pipeline.audio.{module}" for module in modules}


def test_replicas_reaches_the_fingerprint() -> None:
    shared = "pipeline.features.shared.spectra"
    found = outside("replicas", *COMMON)
    assert found == {shared, "pipeline.recordings.fingerprint", "pipeline.recordings.recipe"}


@pytest.mark.parametrize("name", feature_names())
def test_a_feature_reaches_itself_and_what_is_shared(name: str) -> None:
    found = outside(f"extract {name}", *COMMON, "pipeline.features.shared")
    assert found == {f"pipeline.features.{name}"}


@pytest.mark.parametrize("name", augmentations())
def test_augmentation_reaches_its_kind_and_the_feature(name: str) -> None:
    shared = ("pipeline.augmentation.kinds.shared", "pipeline.features.shared")
    assert outside(f"augment {name}", *COMMON, *shared) == {
        "pipeline.augmentation.base",
        "pipeline.augmentation.chains",
        f"pipeline.augmentation.kinds.{name}",
        "pipeline.augmentation.recipe",
        "pipeline.augmentation.seeds",
        "pipeline.augmentation.target",
        "pipeline.features.mel",
    }


@pytest.mark.parametrize("name", network_names())
def test_a_fold_reaches_its_network_and_training_alone(name: str) -> None:
    found = outside(f"train {name}", *COMMON, "pipeline.training", "models.shared")
    assert found == {f"models.{name}", "pipeline.base.registry"}
    assert not reached(f"train {name}") & {
        "pipeline.training.cross_validation",
        "pipeline.training.ensemble",
        "pipeline.training.experiment",
        "pipeline.training.machine",
        "pipeline.training.progress",
        "pipeline.training.tasks",
        "pipeline.training.testing",
    }


def test_a_fold_with_augmentation_reaches_the_kinds_in_use() -> None:
    found = reached("train inline")
    used = {
        type(kind).__module__ for c in small_experiment(INLINE).augment.kinds for kind in c.kinds
    }
    assert used | {"pipeline.augmentation.inline", "pipeline.features.mel"} < found
    assert "pipeline.augmentation.registry" not in found


@pytest.mark.parametrize("name", NAMED)
def test_no_recipe_reaches_what_stores_and_shows_results(name: str) -> None:
    allowed = ("pipeline.base.registry", *COMMON)
    assert not [module for module in outside(name, *allowed) if module.startswith("pipeline.base")]
    assert not [module for module in outside(name, *COMMON) if module.startswith("pipeline.store")]
    assert not {"h5py", "joblib", "yaml"} & set(libraries_of(trees(name).values()))


# Edits of this project.


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    copy_project(root)
    return Project(root, *PARTS)


def copy_project(root: Path) -> None:
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def project(copied: Project) -> Iterator[Project]:
    """A copy of this project, which is put right after the test."""
    sources = {name: copied.file(name).read_bytes() for name in copied.modules()}
    with mock.patch.object(addresses, "version_of", lambda name: f"version of {name}"):
        yield copied
    for name, source in sources.items():
        copied.file(name).write_bytes(source)


EXAMPLES = ("segment", "replicas", "extract mel", "augment noise", "augment blur", "train ann")


def all_addresses(project: Project) -> dict[str, str]:
    return {name: project.address(*NAMED[name]()) for name in EXAMPLES}


class Reworded(ast.NodeTransformer):
    """Another wording of everything that is only to be read."""

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).endswith("Error"):
            node.exc.args = [ast.Constant("other words")]
            node.exc.keywords = []
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Expr(ast.Constant("Another docstring."))
        return node


def test_other_words_in_every_module_change_no_address(project: Project) -> None:
    before = all_addresses(project)
    for name in project.modules():
        tree = ast.parse(project.file(name).read_text(encoding="utf-8"))
        again = ast.unparse(ast.fix_missing_locations(Reworded().visit(tree)))
        project.file(name).write_text(f"# Another comment.\n{again}\n", encoding="utf-8")
    assert all_addresses(project) == before


@pytest.mark.parametrize("name", [*EXAMPLES, "train inline"])
def test_a_statement_more_counts_where_it_is_reached(name: str, project: Project) -> None:
    named, inside = NAMED[name](), reached(name)
    before = project.address(*named)
    for module in set(project.modules()) - inside:
        project.append(module, "\nCHANGED = True\n")
    assert project.address(*named) == before
    found = [before]
    for module in inside:
        project.append(module, "\nCHANGED = True\n")
        found.append(project.address(*named))
    assert len(set(found)) == len(found) == len(inside) + 1


WITH_MEL = {"extract mel", "augment noise", "augment blur"}


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("pipeline.audio.decode", '"empty file"', '"nothing in it"', {"segment"}),
        ("pipeline.audio.decode", "2.0**-16", "2.0**-15", {"segment"}),
        ("pipeline.features.mel", "-100.0", "-90.0", WITH_MEL),
        ("pipeline.features.grey", "clips,", "-clips,", set()),
        ("pipeline.augmentation.kinds.noise", "np.float32", "np.float64", {"augment noise"}),
        ("models.ann", "WIDTHS = (512", "WIDTHS = (1024", {"train ann"}),
        ("models.cnn", "32", "64", set()),
    ],
)
def test_an_edit_changes_the_addresses_that_it_should(
    module: str, old: str, new: str, changed: set[str], project: Project
) -> None:
    before = all_addresses(project)
    project.edit(module, old, new)
    after = all_addresses(project)
    assert {name for name in before if before[name] != after[name]} == changed


# Edits of a project that is running.

RUNNING = """
import sys
from pathlib import Path
from pipeline.audio.clips import CutTrack
from pipeline.base.entry import run_stage
from pipeline.store.addresses import code_address, recipe_address

def edit(name):
    path = Path(name)
    path.write_text(path.read_text() + "\\nCHANGED = True\\n")

def ask():
    return recipe_address(CutTrack(22050, 66150))
"""
ASKED_AFTERWARDS = """
def main():
    edit("pipeline/audio/pcm.py")
    ask()
"""
ASKED_BEFORE_AND_AFTERWARDS = """
def main():
    before = ask()
    edit("pipeline/audio/pcm.py")
    assert ask() == before
"""
ANOTHER_MODULE = """
def main():
    edit("pipeline/features/mel.py")
    ask()
"""
DELETED = """
def main():
    Path("pipeline/audio/pcm.py").unlink()
    ask()
"""
IMPORTED_AFTERWARDS = """
def main():
    edit("models/ann.py")
    import models.ann
    code_address("models.ann")
"""
WORKERS_START_AFTERWARDS = """
from functools import partial
import numpy as np
import pipeline.base.parallel
from pipeline.store.build import build_store
from pipeline.store.plan import Builder, Job

def main():
    recipe = CutTrack(22050, 66150)
    plans = Builder.plans
    def plan_and_edit(*arguments):
        found = plans(*arguments)
        edit("pipeline/audio/pcm.py")
        return found
    Builder.plans = plan_and_edit
    pipeline.base.parallel.MANY = 1
    jobs = [Job("rock/a", "a", partial(Path, "a.wav"))]
    build_store(Path("store"), {"name": "pcm"}, recipe.template, jobs, recipe)
"""


def run_edited(project: Path, script: str) -> tuple[int, str]:
    """Status and stderr of a process that edits the project which it runs."""
    copy_project(project)
    done = subprocess.run(
        [sys.executable, "-c", f"{RUNNING}{script}\nrun_stage(main)"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "PIPELINE_WORKERS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (ASKED_AFTERWARDS, "{0}/pipeline/audio/pcm.py was edited while this ran; run it again"),
        (IMPORTED_AFTERWARDS, "{0}/models/ann.py was edited while this ran; run it again"),
        (DELETED, "[Errno 2] No such file or directory: '{0}/pipeline/audio/pcm.py'"),
    ],
    ids=["edited", "imported later", "deleted"],
)
def test_code_that_was_edited_since_it_was_imported_has_no_address(
    script: str, error: str, tmp_path: Path
) -> None:
    assert run_edited(tmp_path, script) == (2, f"error: {error.format(tmp_path)}\n")


@pytest.mark.parametrize("script", [ASKED_BEFORE_AND_AFTERWARDS, ANOTHER_MODULE])
def test_the_address_of_what_runs_stays(script: str, tmp_path: Path) -> None:
    assert run_edited(tmp_path, script) == (0, "")


def test_workers_that_start_after_an_edit_compute_nothing(tmp_path: Path) -> None:
    status, output = run_edited(tmp_path, WORKERS_START_AFTERWARDS)
    assert status == 2
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("error: a worker runs other code or libraries")
