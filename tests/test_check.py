"""The check before all other stages, run as DVC runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, changed_document, write_params

from pipeline.check import check_input, main
from pipeline.check import parse_params
from pipeline.store.store import write_store
from pipeline.base.errors import ParamsError

PASSED = Path("data/params_checked.txt")


def run_check(folder: Path, changes: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    write_params(folder, changes)
    return subprocess.run(
        [sys.executable, "-m", "pipeline.check"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_valid_parameters_pass_without_a_word(tmp_path: Path) -> None:
    result = run_check(tmp_path, {})
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / PASSED).read_text(encoding="utf-8") == "params.yaml is valid\n"


def test_error_is_one_line_and_the_older_output_stays(tmp_path: Path) -> None:
    (tmp_path / PASSED).parent.mkdir()
    (tmp_path / PASSED).write_text("older", encoding="utf-8")
    result = run_check(tmp_path, {"split.folds": 1})
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: split.folds = 1: should be greater than or equal to 2\n"
    assert (tmp_path / PASSED).read_text(encoding="utf-8") == "older"


def test_model_that_cannot_take_the_feature_is_one_line_too(tmp_path: Path) -> None:
    result = run_check(tmp_path, {"feature": "centroid"})
    assert result.returncode == 2
    assert result.stderr.startswith("error: feature = 'centroid': model = 'cnn' needs pictures")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / PASSED).exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"feature": "centroid"}, r"not rows of shape \(130,\); choose another feature, or model"),
        ({"extract.mel.n_mels": 7}, r"at least 8 x 8, not 7 x 65; raise the feature's n_mels"),
        ({"extract.mel.hop_length": 16384}, r"not 64 x 5; raise .* lower its hop_length or raise"),
        ({"feature": "grey", "extract.grey.width": 4}, "not 64 x 4; .* raise its width"),
    ],
    ids=["rows", "low", "narrow", "grey"],
)
def test_cnn_names_what_to_change(changes: dict[str, Any], expected: str) -> None:
    params = parse_params(changed_document(changes))
    with pytest.raises(ParamsError, match=expected) as caught:
        check_input(params)
    assert str(caught.value).startswith(f"feature = {params.feature!r}: model = 'cnn'")
    check_input(parse_params(changed_document({**changes, "model": "ann"})))


@pytest.mark.parametrize("found", [True, False], ids=["there", "missing"])
def test_dataset_must_be_there_unless_it_is_the_demo(tmp_path: Path, found: bool) -> None:
    if found:
        (tmp_path / "music").mkdir()
    result = run_check(tmp_path, {"dataset.path": "music"})
    expected = (0, "") if found else (2, "error: dataset.path = 'music': no such folder\n")
    assert (result.returncode, result.stderr) == expected


def test_feature_must_be_extracted_or_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changes = {"feature": "own", "extract.features": ["grey", "centroid"]}
    with pytest.raises(
        ParamsError,
        match=r"^feature = 'own': should be one of the extracted features \(extract\.features\): "
        "grey or centroid, or a store of your own in data/features/own$",
    ):
        check_input(parse_params(changed_document(changes)))
    write_store(Path("data/features/own"), {"name": "own"}, {"a/0": np.zeros((2, 9, 8, 1), "f4")})
    check_input(parse_params(changed_document(changes)))


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("zoom", {"model": "ann", "feature": "centroid"}, "changes pictures only, and rows of"),
        ("gain", {"feature": "colour"}, "changes features in dB only: mel with one channel, grey"),
        ("blur+equaliser", {"extract.mel.channels": 3}, "changes features in dB only"),
        ("noise", {"feature": "own"}, "acts on sound, and how to compute this feature"),
        ("flip", {"model": "ann", "extract.mel.n_mels": 1}, "changes pictures of several bands"),
    ],
)
def test_kind_that_cannot_change_the_feature_is_an_error_where_it_is_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    changes: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_store(Path("data/features/own"), {"name": "own"}, {"a/0": np.zeros((2, 9, 8, 1), "f4")})
    asked = {**changes, "augment.kinds": ["mirror", kind]}
    check_input(parse_params(changed_document(asked)))
    for mode in ("offline", "inline"):
        with pytest.raises(ParamsError) as caught:
            check_input(parse_params(changed_document({**asked, "augment.mode": mode})))
        assert str(caught.value).startswith(f"augment.kinds.1 = {kind!r}: {reason}")


def test_wide_integers_are_not_augmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_store(Path("data/features/own"), {"name": "own"}, {"a/0": np.zeros((2, 9, 8, 1), "i4")})
    check_input(parse_params(changed_document({"feature": "own"})))
    changes = {"feature": "own", "augment.mode": "offline", "augment.kinds": ["mirror"]}
    with pytest.raises(ParamsError, match=r"16 bits, and rows of this feature are int32$"):
        check_input(parse_params(changed_document(changes)))


def test_kind_that_cannot_change_the_feature_is_one_line(tmp_path: Path) -> None:
    changes = {"augment.mode": "inline", "augment.kinds": ["gain"], "feature": "colour"}
    result = run_check(tmp_path, changes)
    assert result.returncode == 2
    assert result.stderr == (
        "error: augment.kinds.0 = 'gain': changes features in dB only: mel with one channel, grey\n"
    )
    assert not (tmp_path / PASSED).exists()


def test_output_is_the_same_for_other_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = []
    for seed in (1, 2):
        write_params(tmp_path, {"seed": seed})
        main()
        outputs.append(PASSED.read_bytes())
    assert outputs[0] == outputs[1]
