"""Pruning: what was used longest ago goes first, and no training loses an epoch."""

import os
import time
from pathlib import Path

import pytest
from helpers import saves_models
from project import contents
from toys import toy_task

from pipeline.base.errors import PipelineError
from pipeline.store import pruning
from pipeline.store.cache import Cache
from pipeline.store.pruning import WORK_SECONDS, entries, format_size, parse_size, prune
from pipeline.training import checkpoint
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.cross_validation import code_of, train_fold

HOUR, DAY = 3600.0, 24 * 3600.0


def put(root: Path, name: str, size: int, days: float) -> Path:
    """An entry of `size` bytes that was last used `days` ago."""
    path = root / name
    file = path if name.startswith(("tracks/", "checkpoints/")) else path / "rows.h5"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    used = time.time() - days * DAY
    os.utime(path, (used, used))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cache of three entries with 700 bytes altogether."""
    root = tmp_path / "cache"
    put(root, "shards/r/07/old", 400, 30)
    put(root, "tracks/ab/abc", 200, 20)
    put(root, "shards/r/07/new", 100, 10)
    return root


def names(root: Path) -> set[str]:
    return {entry.path.name for entry in entries(root)}


@pytest.mark.parametrize(
    ("limit", "left", "size"),
    [
        (700, {"old", "abc", "new"}, 700),
        (300, {"abc", "new"}, 300),
        (299, {"new"}, 100),
        (0, set(), 0),
    ],
)
def test_what_was_used_longest_ago_goes_first(
    root: Path, limit: int, left: set[str], size: int
) -> None:
    assert prune(root, limit) == (700 - size, size)
    assert names(root) == left
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) == size


def test_what_was_never_finished_goes_and_what_is_in_work_stays_for_a_day(root: Path) -> None:
    put(root, "tmp/abandoned", 50, 2)
    put(root, "tmp/fresh", 5000, 0.5)
    put(root, "checkpoints/killed.npz", 50, 25)
    put(root, "checkpoints/slow.npz", 60, 0.9)
    assert prune(root, 10_000) == (50, 5810)
    assert names(root) == {"old", "killed.npz", "abc", "new", "fresh", "slow.npz"}
    assert prune(root, 5400) == (450, 5360)
    assert names(root) == {"abc", "new", "fresh", "slow.npz"}
    assert prune(root, 0) == (300, 5060)
    assert names(root) == {"fresh", "slow.npz"}


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", 0) == (0, 0)
    assert not list(entries(tmp_path / "none"))


@saves_models
@pytest.mark.parametrize(("patience", "kept"), [(WORK_SECONDS, True), (0.0, False)])
def test_a_training_ends_well_though_the_cache_is_pruned_in_every_epoch(
    patience: float, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With epochs of five hours, and with epochs that are longer than `prune` waits."""
    task = toy_task()
    expected = contents(train_fold(task, Cache(tmp_path / "undisturbed"), code_of(task)))
    cache, stayed = Cache(tmp_path / "cache"), []
    end = Checkpoint.on_epoch_end

    def end_and_prune(self: Checkpoint, epoch: int, logs: dict[str, float]) -> None:
        end(self, epoch, logs)
        [path] = (cache.root / "checkpoints").iterdir()
        os.utime(path, (time.time() - 5 * HOUR,) * 2)
        prune(cache.root, 0)
        stayed.append(path.exists())

    monkeypatch.setattr(Checkpoint, "on_epoch_end", end_and_prune)
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(pruning, "WORK_SECONDS", patience)
    folder = train_fold(task, cache, code_of(task))
    assert stayed == [kept] * task.params.epochs
    assert contents(folder)["model.keras"] == expected["model.keras"]
    assert [entry.path for entry in entries(cache.root)] == [folder]


def test_a_size_is_understood_and_shown() -> None:
    read = [parse_size("SIZE", text) for text in ("0", "1.5g", " 20GB ", "2T", "12b")]
    assert read == [0, 15 * 10**8, 20 * 10**9, 2 * 10**12, 12]
    shown = [format_size(size) for size in (0, 999, 999_600, 1_234_567, 10**9)]
    assert shown == ["0 B", "999 B", "1000 KB", "1.23 MB", "1 GB"]


@pytest.mark.parametrize("text", ["", "G", "-1G", "1,5G", "20 GB", "1e9", "20GiB", "1.G", "many"])
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(PipelineError, match=r"^SIZE = .* such as 500M or 20G$") as caught:
        parse_size("SIZE", text)
    assert repr(text) in str(caught.value)
