"""What an address promises: what decides a result counts, in every named source, and no more.

The sources of every recipe are followed by their imports, and edited in a copy of this project.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from documents import base_document
from helpers import INLINE, describe, small_experiment
from imports import FINDS, PACKAGES, imports, relative
from project import ROOT, copy_parts

from pipeline.audio.decode import CutTrack
from pipeline.audio.encode import SoundEncoder
from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.kind import Chain, augmentations
from pipeline.augmentation.target import AugmentTrack, Target
from pipeline.base.errors import PipelineError
from pipeline.base.files import version_of
from pipeline.features.shared.feature import ExtractFeature, feature_names, read_feature
from pipeline.recordings.fingerprint import FingerprintTrack
from pipeline.store import addresses
from pipeline.store.addresses import code_address, files_of, recipe_address
from pipeline.store.build import LAYOUT
from pipeline.training.cross_validation import sources_of
from pipeline.training.fit import FoldTask
from pipeline.training.network import network_names

ANYTHING = "\nANYTHING = 1\n"


def extract(name: str) -> ExtractFeature:
    return ExtractFeature(read_feature(name, base_document()), 22_050)


def augment(kind: str, feature: str | None = "mel") -> AugmentTrack:
    known = extract(feature).feature if feature else None
    target = Target(known, 22_050, (96, 44, 1), "float16")
    return AugmentTrack(Chain(kind, (small_experiment().augment.ranges[kind],)), target, 0)


def fold(model: str, transform: InlineAugmentation | None = None) -> tuple[str, ...]:
    nothing: Any = None
    task = FoldTask(nothing, nothing, nothing, nothing, nothing, describe(model=model))
    if transform:
        task = replace(task, transform=transform, transform_sources=transform.sources)
    return sources_of(task)


def inline() -> InlineAugmentation:
    nothing: Any = None
    chains = small_experiment(INLINE).augment.kinds
    target = augment("noise").target
    return InlineAugmentation(chains, target, 0.5, 0, nothing, nothing, None, "")


# The sources of every address that the project asks for.
SOURCES: dict[str, tuple[str, ...]] = {
    "segment": CutTrack(22_050, 66_150).sources,
    "replicas": FingerprintTrack(22_050).sources,
    "sounds": SoundEncoder(22_050).sources,
    "shards": (LAYOUT,),
    **{f"extract {name}": extract(name).sources for name in feature_names()},
    **{f"augment {kind}": augment(kind).sources for kind in augmentations()},
    "augment own": augment("noise", feature=None).sources,
    **{f"train {name}": fold(name) for name in network_names()},
    "train inline": fold("ann", inline()),
}


def not_named(files: set[str]) -> set[str]:
    """What decides a result with these files, as they import it, and is not among them."""
    imported = relative({path for name in files for path in imports(ROOT / name)})
    return {name for name in imported - files if not name.startswith("pipeline/base/")}


@pytest.mark.parametrize("recipe", SOURCES)
def test_what_a_named_file_imports_is_named(recipe: str) -> None:
    files = set(files_of(*SOURCES[recipe]))
    assert files
    assert not not_named(files)
    assert not {name for name in files if name.startswith("pipeline/base")}
    for name in relative(set().union(*(imports(ROOT / name) for name in files))) & files:
        assert name in not_named(files - {name})  # the walk would see that it is missing


def test_what_is_found_by_its_name_is_named() -> None:
    for name in feature_names():
        assert f"pipeline/features/{name}.py" in SOURCES[f"extract {name}"]
    for kind, cls in augmentations().items():
        files = SOURCES[f"augment {kind}"]
        assert {f"{cls.__module__.replace('.', '/')}.py", "pipeline/features/mel.py"} <= {*files}
    for name in network_names():
        assert f"models/{name}.py" in SOURCES[f"train {name}"]
    for name in {name for sources in SOURCES.values() for name in files_of(*sources)} - {*FINDS}:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert not {"import_module", "entry_of", "names_in"} & {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }, f"{name} finds others by name: add it to FINDS"


# Edits of a copy of the project.


class Project:
    """Modules in a folder where they can be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def edited(self, name: str, old: str, new: str) -> Iterator[None]:
        """Replace a text in a file, or append one."""
        path = self.root / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        assert old in before
        path.write_text(before.replace(old, new, 1) if old else before + new, encoding="utf-8")
        yield
        path.write_text(before, encoding="utf-8") if before else path.unlink()

    def address(self, *sources: str) -> str:
        """Address as of a process that starts now."""
        with mock.patch.multiple(addresses, ROOT=self.root, _STARTED_WITH={}):
            return str(code_address.__wrapped__(*sources))

    def addresses(self) -> dict[str, str]:
        with mock.patch.object(addresses, "version_of", lambda name: f"version of {name}"):
            return {recipe: self.address(*sources) for recipe, sources in SOURCES.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    copy_parts(PACKAGES, root)
    return Project(root)


SAMPLES = {recipe for recipe in SOURCES if recipe.startswith("augment")} | {"train inline"}
FEATURES = {recipe for recipe in SOURCES if recipe.startswith("extract")}
EDITS = [
    ("pipeline/features/new.py", "", ANYTHING, set()),
    ("pipeline/augmentation/new.py", "", ANYTHING, set()),
    ("models/new.py", "", "from models.ann import build\n", set()),
    ("pipeline/training/watching.py", "", ANYTHING, set()),
    ("pipeline/training/cross_validation.py", "", ANYTHING, set()),
    ("models/ann.py", "WIDTHS = (512", "WIDTHS = (1024", {"train ann", "train inline"}),
    ("models/cnn.py", "HIDDEN = 32", "HIDDEN = 64", {"train cnn"}),
    ("pipeline/audio/decode.py", '"empty file"', '"nothing in it"', {"segment"}),  # a rejection
    ("pipeline/features/grey.py", "clips,", "-clips,", {"extract grey"}),
    ("pipeline/features/mel.py", "-100.0", "-90.0", {"extract mel", *SAMPLES} - {"augment own"}),
    ("pipeline/features/shared/spectra.py", "", ANYTHING, {*FEATURES, *SAMPLES, "replicas"}),
    ("pipeline/augmentation/target.py", "", ANYTHING, SAMPLES),
    ("pipeline/store/shard.py", "SCHEMA_VERSION = ", "SCHEMA_VERSION = 1", {"shards"}),
]


@pytest.mark.parametrize(("name", "old", "new", "changed"), EDITS)
def test_an_edit_changes_the_addresses_that_it_should(
    name: str, old: str, new: str, changed: set[str], project: Project
) -> None:
    before = project.addresses()
    with project.edited(name, old, new):
        after = project.addresses()
    assert {recipe for recipe in before if before[recipe] != after[recipe]} == changed


CODE = '''
"""Scale numbers."""

import numpy

FACTOR = 3


def scale(x: int, offset=1):
    """Scale a number."""
    # Not too loud.
    import scipy.fft

    if x < 0:
        raise ValueError(f"x = {x}: should be 0 or more")
    if x > 1000:
        raise Rejection("too loud")
    assert x == x, "should be a number"
    print(f"scaling {x}", flush=True)
    if x == 13:
        sys.exit("no luck")
    return FACTOR * x + offset
'''
WORDING = [
    ("Scale a number.", "Multiply it."),
    ('f"x = {x}: should be 0 or more"', '"too small"'),
    ("# Not too loud.", "# Loud numbers are refused."),
    (', "should be a number"', ""),
    ('f"scaling {x}", flush=True', 'f"{x} is scaled"'),
    ('"no luck"', 'f"{x} is bad luck"'),
    ("FACTOR * x + offset", "(\n        FACTOR * x\n        + offset  # at last\n    )"),
]
COMPUTING = [
    ("FACTOR * x", "FACTOR / x"),
    ("offset=1", "offset=2"),
    ("x: int", "x: float"),
    ("raise ValueError", "raise TypeError"),
    ('"too loud"', '"far too loud"'),
    ("x == x", "x != x"),
    ('print(f"scaling {x}"', 'print(f"scaling {(x := x + 1)}"'),
    ('print(f"scaling {x}"', 'print(f"scaling {next(numbers)}"'),
    ('"""Scale numbers."""', 'TITLE = """Scale numbers."""'),
]


@pytest.fixture
def made_up(tmp_path: Path) -> Project:
    (tmp_path / "scale.py").write_text(CODE)
    return Project(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [*((*pair, False) for pair in WORDING), *((*pair, True) for pair in COMPUTING)],
)
def test_what_computes_counts_and_wording_and_layout_do_not(
    old: str, new: str, counts: bool, made_up: Project
) -> None:
    before = made_up.address("scale.py")
    with made_up.edited("scale.py", old, new):
        assert (made_up.address("scale.py") != before) == counts


@pytest.mark.parametrize(("library", "counts"), [("numpy", True), ("scipy", True), ("sys", False)])
def test_versions_of_python_and_of_imported_libraries_count(
    library: str, counts: bool, made_up: Project
) -> None:
    before = made_up.address("scale.py")
    versions = {library: "0"}
    with mock.patch.object(addresses, "version_of", lambda n: versions.get(n, version_of(n))):
        assert (made_up.address("scale.py") != before) == counts
    with mock.patch("platform.python_version", return_value="2.7.18"):
        assert made_up.address("scale.py") != before


def changed(recipe: Any, name: str) -> Any:
    """`recipe` with another value of one field."""
    other = copy(recipe)
    object.__setattr__(other, name, "another")  # it is frozen
    return other


def test_every_parameter_counts() -> None:
    segment, replicas, sounds = CutTrack(1, 2), FingerprintTrack(1), SoundEncoder(1)
    recipes: list[Any] = [segment, replicas, sounds]
    recipes += [changed(each, field.name) for each in recipes for field in fields(each)]
    for recipe in map(extract, feature_names()):
        features = [changed(recipe.feature, field.name) for field in fields(recipe.feature)]
        recipes += [recipe, replace(recipe, sample_rate=1), replace(recipe, versions="other")]
        recipes += [replace(recipe, feature=feature) for feature in features]
    noise = augment("noise")
    [kind] = noise.chain.kinds
    chains = [replace(noise.chain, kinds=(changed(kind, each.name),)) for each in fields(kind)]
    recipes += [noise, replace(noise, seed=1), augment("noise", feature=None)]
    recipes += [replace(noise, chain=chain) for chain in chains]
    assert len({recipe_address(each) for each in recipes}) == len(recipes)


def test_code_that_was_edited_since_the_start_has_no_address(made_up: Project) -> None:
    address = partial(code_address.__wrapped__, "scale.py")
    start = {made_up.root / "scale.py": CODE.encode()}
    with mock.patch.multiple(addresses, ROOT=made_up.root, _STARTED_WITH=start):
        before = address()
        (made_up.root / "other.py").write_text(CODE)
        assert address() == before
        with (
            made_up.edited("scale.py", "", ANYTHING),
            pytest.raises(
                PipelineError, match=r"scale\.py was edited while this ran; run it again"
            ),
        ):
            address()
