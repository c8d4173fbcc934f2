"""Damaged models and checkpoints: what is read is a model, or one line says why it is none."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.damage import EDITS, FLIPS, Edit, cases, damaged
from fuzz.fair import PATIENCE, Bench
from hypothesis import example, given
from hypothesis import strategies as st

# What loads Keras is imported where it is used: only the bench needs it.
ROWS = 11  # values of a row of the model
MEMBERS = ["config.json", "metadata.json", "model.weights.h5", "pipeline.json"]
DAMAGE = st.lists(FLIPS, min_size=1, max_size=1) | EDITS
KERAS = 2 << 30  # bytes that it takes at most to load it


def load_libraries() -> None:
    """In a call of its own, as what a call may add to the address space is bounded."""
    import helpers  # noqa: F401


def save_model(folder: Path) -> bytes:
    from helpers import describe, save_untrained

    save_untrained(folder, describe())
    return (folder / "fold-0.keras").read_bytes()


@pytest.fixture(scope="module")
def whole(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    bench.try_call(load_libraries, memory=KERAS, seconds=PATIENCE)
    end = bench.try_call(save_model, folder, memory=KERAS, seconds=PATIENCE)
    (folder / "whole.keras").write_bytes(end.value)
    return folder / "whole.keras"


@pytest.fixture(scope="module")
def expected(bench: Bench, whole: Path) -> Any:
    """What the model predicts."""
    end = bench.try_call(load, whole, memory=KERAS, seconds=PATIENCE)
    assert not end.error
    return end.value


def load(path: Path) -> Any:
    """What a model of a file predicts, if it has the right shape."""
    from pipeline.prediction.ensemble import load_model
    from pipeline.training.trained import probabilities

    model, description = load_model(path)
    assert len(description.genres) == 2
    if model.input_shape == (None, ROWS):
        return probabilities(model, np.zeros((1, ROWS)))
    return None


@given(edits=DAMAGE)
@cases(15)
def test_damaged_files(bench: Bench, whole: Path, expected: Any, edits: list[Edit]) -> None:
    """They have checksums: each is refused, or predicts the same as before."""
    path = whole.with_name("fold-0.keras")
    path.write_bytes(damaged(whole.read_bytes(), edits))
    end = bench.try_call(load, path)
    if end.error:
        assert str(path) in end.error
    else:
        np.testing.assert_array_equal(end.value, expected)


@given(name=st.sampled_from(MEMBERS), edits=DAMAGE)
@cases(15)
def test_damaged_members(bench: Bench, whole: Path, name: str, edits: list[Edit]) -> None:
    """Of an archive that is whole itself, as a stranger would make it."""
    path = whole.with_name("fold-0.keras")
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            new.writestr(member, damaged(content, edits) if member == name else content)
    end = bench.try_call(load, path)
    assert not end.error or str(path) in end.error


def save_checkpoint(path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        f"variable-{number}": rng.normal(size=(number + 1, 5)) for number in range(3)
    }
    state = {"history": [{"loss": 0.5}], "ended": False, "seconds": 1.5, "best_weights": 1}
    np.savez(path, state=json.dumps(state), **{"best-0": arrays["variable-2"]}, **arrays)


def read_checkpoint(path: Path) -> Any:
    """State and arrays of a checkpoint; None if training begins anew."""
    from pipeline.training import checkpoint

    return checkpoint._read(path, 3)


@given(edits=DAMAGE)
@example(edits=[(3751, 8, b"\x7f\xf8" + bytes(6))])  # a member of the length 0
@cases(60)
def test_damaged_checkpoints(bench: Bench, whole: Path, edits: list[Edit]) -> None:
    """They are as good as none."""
    path = whole.with_name("checkpoint.npz")
    save_checkpoint(path)
    state, values, best = bench.try_call(read_checkpoint, path, memory=KERAS).value
    path.write_bytes(damaged(path.read_bytes(), edits))
    found = bench.try_call(read_checkpoint, path).value
    if found is not None:
        assert found[0] == state
        np.testing.assert_equal(found[1:], (values, best))
