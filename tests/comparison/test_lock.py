"""What dvc.lock says of a run, and what it must not be taken to say."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from pipeline.base.errors import PipelineError
from pipeline.comparison.lock import parse_lock
from pipeline.comparison.recorded import SPLIT, SUMMARY

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # MD5 of nothing


def entries(**hashes: str) -> list[dict[str, Any]]:
    paths = {"folds": "data/folds.csv", "models": "data/models", "split": SPLIT, "summary": SUMMARY}
    return [{"path": paths[name], "hash": "md5", "md5": md5} for name, md5 in hashes.items()]


STAGES: dict[str, Any] = {
    "check": {"cmd": "python -m pipeline.check"},
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


def test_lock_says_what_was_trained() -> None:
    run = parse_lock(lock(STAGES), "main")
    assert (run.model, run.feature) == ("ann", "grey")
    run.require_one_run()


@pytest.mark.parametrize(
    ("stage", "part", "changed", "message"),
    [
        ("split", "outs", {"folds": "g"}, "train read another data/folds.csv than split wrote"),
        ("train", "deps", {"folds": "g"}, "train read another data/folds.csv than split wrote"),
        (
            "evaluate",
            "deps",
            {"folds": "g", "models": "m.dir"},
            "evaluate read another data/folds.csv than split wrote",
        ),
        (
            "train",
            "outs",
            {"models": "n.dir"},
            "evaluate read another data/models than train wrote",
        ),
    ],
)
def test_stages_of_different_runs_are_refused(
    stage: str, part: str, changed: dict[str, str], message: str
) -> None:
    stages = deepcopy(STAGES)
    stages[stage][part] = entries(**changed)
    run = parse_lock(lock(stages), "main")
    with pytest.raises(PipelineError, match=f"^dvc.lock of main: {message}; run `dvc repro` there"):
        run.require_one_run()


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("split", "data/folds.csv among the outs of split"),
        ("train", "'train'"),
        ("evaluate", "data/folds.csv among the deps of evaluate"),
    ],
)
def test_a_missing_stage_is_named(stage: str, missing: str) -> None:
    stages = {name: entry for name, entry in STAGES.items() if name != stage}
    with pytest.raises(PipelineError, match=f"^dvc.lock of main has no {missing}; run `dvc repro`"):
        parse_lock(lock(stages), "main").require_one_run()


def test_a_lock_that_does_not_say_the_model_is_refused() -> None:
    stages = deepcopy(STAGES)
    del stages["train"]["params"]["params.yaml"]["model"]
    with pytest.raises(PipelineError, match=r"^dvc.lock of main has no 'model'; run `dvc repro`"):
        parse_lock(lock(stages), "main")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"stages:",
        b"[1]",
        b"<<<<<<< HEAD\nstages: {}\n=======\n",
        b"\xff",
        b"a: b: c",
        lock({**STAGES, "split": [1]}),
        lock({**STAGES, "split": {"outs": 1}}),
    ],
)
def test_what_is_not_a_lock_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(PipelineError, match=r"^dvc.lock of main is not as DVC writes it") as caught:
        parse_lock(content, "main")
    assert "\n" not in str(caught.value)


def test_a_file_must_be_as_the_run_left_it_to_the_byte() -> None:
    run = parse_lock(lock(STAGES), "main")
    run.require_written(SPLIT, b"")
    for path, content in ((SPLIT, b"\n"), (SUMMARY, b"")):
        expected = f"^{path} of main is not what the last `dvc repro` wrote; run it again$"
        with pytest.raises(PipelineError, match=expected):
            run.require_written(path, content)
