"""What is misleading or harmful in params.yaml is refused in one line that says where it is."""

import os
from pathlib import Path

import pytest
import yaml
from documents import base_document, write_params

from pipeline.base.errors import ParamsError
from pipeline.base.files import DATA, DEMO, METRICS, PARAMS
from pipeline.base.params import MOST_BYTES, read_document
from pipeline.check import check

LAUGHS = "\n".join(
    ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    + ["seed: *a29"]
)


@pytest.fixture
def params(project: Path) -> Path:
    """params.yaml of a project whose dataset is there."""
    return project / PARAMS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "params.yaml, line 2: *a0: should be a value, not an alias"),
        ("a: &x 1\nb: *x\n", "params.yaml, line 2: *x: should be a value, not an alias"),
        ("a: &x [*x]\n", "params.yaml, line 1: *x: should be a value, not an alias"),
        ("a: 1\nb: 2\na: 3\n", "params.yaml, line 3: the key 'a' is there twice"),
        ("a:\n  b: 1\n  b: 1\n", "params.yaml, line 3: the key 'b' is there twice"),
        ("a: 022050\n", "params.yaml, line 1: 022050: should be a decimal number"),
        ("a: 1:30\n", "params.yaml, line 1: 1:30: should be a decimal number"),
        ("a: 1:30.5\n", "params.yaml, line 1: 1:30.5: should be a decimal number"),
        ("a: 0x10\n", "params.yaml, line 1: 0x10: should be a decimal number"),
        ("a: 0b11\n", "params.yaml, line 1: 0b11: should be a decimal number"),
        ("a: 22_050\n", "params.yaml, line 1: 22_050: should be a decimal number"),
        ("[" * 5000, "params.yaml is not valid YAML: "),
        ("a: " + "9" * 5000, "params.yaml is not valid YAML: "),
        ("a: !!python/object/apply:os.system [date]\n", "params.yaml is not valid YAML: "),
        ("a: !!timestamp nonsense\n", "params.yaml is not valid YAML: "),
        ("? [a]\n: 1\n", "params.yaml is not valid YAML: "),
        ("a: 1\n" * MOST_BYTES, f"params.yaml has more than {MOST_BYTES} bytes"),
        ("a: \x00", "params.yaml is not valid YAML: "),
    ],
    ids=range(18),
)
def test_it_is_refused(params: Path, text: str, reason: str) -> None:
    params.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        read_document()
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_file_is_refused_at_once(params: Path) -> None:
    params.unlink()
    os.mkfifo(params)
    with pytest.raises(ParamsError, match=r"^params\.yaml is not a regular file$"):
        read_document()


def test_decimal_numbers_are_read_as_yaml_does(tmp_path: Path) -> None:
    numbers = ["0", "-3", "+7", "22050", "0.5", "-.5", "1.", "1.5e-3", "6.02e+23", ".inf", "-.INF"]
    path = tmp_path / "numbers.yaml"
    path.write_text(f"numbers: [{', '.join(numbers)}]")
    assert read_document(path) == yaml.safe_load(path.read_text())


def test_a_document_without_traps_is_that_of_yaml(params: Path) -> None:
    assert read_document(params) == yaml.safe_load(params.read_text(encoding="utf-8"))
    check({**base_document(), "dataset": {"path": "music"}})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("~/music", "should not start with ~, which DVC does not know; write the whole path"),
        ("/", "should not hold the project itself"),
        (".", "should not hold the project itself"),
        ("..", "should not hold the project itself"),
        ("music/..", "should not hold the project itself"),
        (DATA.as_posix(), "should not be where the pipeline writes"),
        (f"{DATA}/features/mel", "should not be where the pipeline writes"),
        (METRICS.as_posix(), "should not be where the pipeline writes"),
        ("link", "should not hold the project itself"),
        ("params.yaml", "no such folder"),
        ("a\x00b", "no such folder"),
    ],
)
def test_a_dataset_that_cannot_be_one_is_refused(project: Path, path: str, reason: str) -> None:
    (project / "link").symlink_to(project)
    for folder in (DATA / "features" / "mel", METRICS):
        (project / folder).mkdir(parents=True)
    write_params(project, {"dataset.path": path})
    with pytest.raises(ParamsError) as caught:
        check(read_document())
    assert str(caught.value) == f"dataset.path = {path!r}: {reason}"


@pytest.mark.parametrize("path", ["music", "data/own", DEMO.as_posix(), f"./{DEMO}"])
def test_a_dataset_beside_what_is_written_is_taken(project: Path, path: str) -> None:
    (project / "data" / "own").mkdir(parents=True)
    write_params(project, {"dataset.path": path})
    check(read_document())


@pytest.mark.parametrize("key", ["tracks_per_genre", "artists_per_genre", "unlabelled", "seconds"])
def test_a_demo_that_would_fill_the_disk_is_refused(project: Path, key: str) -> None:
    write_params(project, {f"demo.{key}": 10**6, "dataset.path": "music"})
    with pytest.raises(ParamsError, match=rf"^demo\.{key} = .*should be less than or equal to"):
        check(read_document())
