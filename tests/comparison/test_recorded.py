"""What dvc.lock says of a run, and what it must not be taken to say."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from pipeline.base.errors import PipelineError
from pipeline.comparison.recorded import Run, parse_lock, require_made

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # MD5 of nothing


def entries(**hashes: str) -> list[dict[str, Any]]:
    paths = {"folds": "data/folds.csv", "models": "models/trained", "split": "metrics/split.json"}
    return [
        {"path": paths.get(name, name), "hash": "md5", "md5": md5} for name, md5 in hashes.items()
    ]


STAGES: dict[str, Any] = {
    "split": {"outs": entries(folds="f", split=EMPTY)},
    "train": {
        "deps": entries(folds="f"),
        "params": {"params.yaml": {"feature": "grey", "model": "ann", "models.ann": {"l2": 0}}},
        "outs": entries(models="m.dir"),
    },
    "evaluate": {"deps": entries(folds="f", models="m.dir"), "outs": entries(summary="s")},
}


def lock(stages: Any) -> bytes:
    return yaml.safe_dump({"schema": "2.0", "stages": stages}).encode()


def test_lock_says_what_ran_and_what_it_made() -> None:
    expected = {"data/folds.csv": "f", "metrics/split.json": EMPTY, "summary": "s"}
    assert parse_lock(lock(STAGES), "main") == Run("ann", "grey", expected)


@pytest.mark.parametrize(
    ("stage", "part", "changed", "message"),
    [
        ("split", "outs", {"folds": "g"}, "train used another data/folds.csv than split made"),
        ("train", "deps", {"folds": "g"}, "train used another data/folds.csv than split made"),
        (
            "evaluate",
            "deps",
            {"folds": "g", "models": "m.dir"},
            "evaluate used another data/folds.csv than split made",
        ),
        (
            "train",
            "outs",
            {"models": "n.dir"},
            "evaluate used another models/trained than train made",
        ),
    ],
)
def test_stages_of_different_runs_are_refused(
    stage: str, part: str, changed: dict[str, str], message: str
) -> None:
    stages = deepcopy(STAGES)
    stages[stage][part] = entries(**changed)
    with pytest.raises(PipelineError, match=f"^dvc.lock of main: {message}; run `dvc repro` there"):
        parse_lock(lock(stages), "main")


@pytest.mark.parametrize("stage", STAGES)
def test_a_missing_stage_is_named(stage: str) -> None:
    stages = {name: entry for name, entry in STAGES.items() if name != stage}
    with pytest.raises(PipelineError, match=f"^dvc.lock of main has no '{stage}'; run `dvc repro`"):
        parse_lock(lock(stages), "main")


@pytest.mark.parametrize(
    "content",
    [b"", b"stages:", b"[1]", b"<<<<<<< HEAD\nstages: {}\n=======\n", b"\xff", b"a: b: c"],
)
def test_what_is_no_lock_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(PipelineError, match=r"^dvc.lock of main is not as DVC writes it") as caught:
        parse_lock(content, "main")
    assert "\n" not in str(caught.value)


def test_a_file_must_be_as_the_run_left_it_to_the_byte() -> None:
    run = parse_lock(lock(STAGES), "main")
    require_made(run, "metrics/split.json", b"", "main")
    for path, content in (("metrics/split.json", b"\n"), ("metrics/other.json", b"")):
        expected = f"^{path} of main is not what the last `dvc repro` made; run it again$"
        with pytest.raises(PipelineError, match=expected):
            require_made(run, path, content, "main")
