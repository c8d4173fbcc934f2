"""The cache: what is not whole is not there, and what is there never changes."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from pipeline.base.errors import PipelineError
from pipeline.base.types import Result
from pipeline.store.cache import ROWS, TRACKS, Cache, CachedShard, CachedTrack, machine_cache

ADDRESS = "ab" * 32
RECIPE = "cd" * 32
RESULT = Result({"seconds": 1.5}, np.arange(6, dtype=np.int16).reshape(2, 3))
LISTED = (CachedTrack("rock/a", ADDRESS, 2, {"seconds": 1.5}), CachedTrack("rock/b", RECIPE, 0, {}))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "a" / "cache")


def publish(cache: Cache, key: str = "key", content: bytes = b"rows") -> CachedShard:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return cache.publish(RECIPE, 7, key, LISTED, write)


def files(cache: Cache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file()]


def test_a_track_comes_back_until_it_is_forgotten(cache: Cache) -> None:
    assert cache.load(ADDRESS) is None
    assert cache.head(ADDRESS) is None
    cache.save(ADDRESS, RESULT)
    found = cache.load(ADDRESS)
    assert found is not None
    assert found.facts == RESULT.facts
    np.testing.assert_array_equal(found.rows, RESULT.rows)
    assert cache.head(ADDRESS) == (2, RESULT.facts)
    assert cache.load(RECIPE) is None
    cache.forget(ADDRESS)
    cache.forget(ADDRESS)
    assert cache.load(ADDRESS) is None
    assert cache.head(ADDRESS) is None
    assert not files(cache)


def test_a_track_without_rows_comes_back(cache: Cache) -> None:
    cache.save(ADDRESS, Result({"rejected": "silent"}, None))
    assert cache.load(ADDRESS) == Result({"rejected": "silent"}, None)
    assert cache.head(ADDRESS) == (0, {"rejected": "silent"})


def test_two_caches_of_one_folder_are_one(cache: Cache) -> None:
    cache.save(ADDRESS, RESULT)
    assert Cache(cache.root).head(ADDRESS) == (2, RESULT.facts)


def test_a_folder_comes_back(cache: Cache) -> None:
    assert cache.folder("folds", ADDRESS) is None
    folder = cache.publish_folder("folds", ADDRESS, fill_folder)
    assert folder == cache.folder("folds", ADDRESS)
    assert (folder / "record").read_text() == "trained"
    assert (folder / "record").stat().st_mode & 0o222 == 0
    assert cache.publish_folder("folds", ADDRESS, fill_folder) == folder  # by another process
    assert list((cache.root / "tmp").iterdir()) == []


def fill_folder(folder: Path) -> None:
    (folder / "record").write_text("trained")


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "data/features/mel"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_an_error_of_what_fills_a_folder_is_not_taken_for_one_of_the_cache(
    cache: Cache, error: OSError
) -> None:
    def fill(_: Path) -> None:
        raise error

    with pytest.raises(OSError, match=f"^{re.escape(str(error))}$") as caught:
        cache.publish_folder("folds", ADDRESS, fill)
    assert caught.value is error
    with pytest.raises(OSError, match=f"^{re.escape(str(error))}$"):
        cache.publish(RECIPE, 7, "key", LISTED, fill)
    assert not files(cache)


def test_a_folder_whose_name_is_taken_is_an_error_of_the_cache(cache: Cache) -> None:
    (cache.root / "folds").mkdir(parents=True)
    (cache.root / "folds" / ADDRESS).touch()
    with pytest.raises(PipelineError, match=r"cache .* cannot be written: Not a directory; "):
        cache.publish_folder("folds", ADDRESS, fill_folder)
    assert list((cache.root / "tmp").iterdir()) == []


def test_a_relative_root_outlives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = Cache(Path("cache"))
    cache.save(ADDRESS, RESULT)
    monkeypatch.chdir("/")
    assert cache.head(ADDRESS) is not None


def test_an_unfinished_track_is_not_there(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(file: IO[bytes], **_: object) -> None:
        file.write(bytes(20))
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stopped)
    with pytest.raises(KeyboardInterrupt):
        cache.save(ADDRESS, RESULT)
    assert cache.head(ADDRESS) is None
    assert not files(cache)


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_damaged_track_is_not_loaded(cache: Cache, length: int) -> None:
    cache.save(ADDRESS, RESULT)
    [path] = files(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.load(ADDRESS) is None
    cache.save(ADDRESS, RESULT)
    assert cache.load(ADDRESS) is not None


def test_a_shard_comes_back(cache: Cache) -> None:
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == []
    shard = publish(cache)
    assert shard.path.read_bytes() == b"rows"
    assert shard.tracks == LISTED
    assert cache.shard(RECIPE, 7, "key") == shard
    assert list(cache.shards(RECIPE, 7)) == [shard]
    for recipe, number, key in ((RECIPE, 7, "other"), (RECIPE, 8, "key"), (ADDRESS, 7, "key")):
        assert cache.shard(recipe, number, key) is None
    assert list(cache.shards(RECIPE, 8)) == list(cache.shards(ADDRESS, 7)) == []


def test_a_full_disk_is_an_error_of_the_cache(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(PipelineError, match=r"cache .* cannot be written: No space left on device"):
        cache.save(ADDRESS, RESULT)
    assert not files(cache)


@pytest.mark.parametrize("function", ["pathlib.Path.write_text", "os.fsync"])
def test_a_disk_that_fills_up_as_a_shard_is_finished_is_an_error_of_the_cache(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(function, full)
    with pytest.raises(PipelineError, match=r"cache .* cannot be written: No space left on device"):
        cache.publish(RECIPE, 7, "key", LISTED, Path.touch)
    assert not files(cache)


def test_an_unfinished_shard_leaves_nothing(cache: Cache) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.publish(RECIPE, 7, "key", LISTED, write)
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == []
    assert not files(cache)


def cut_off_rows(folder: Path) -> None:
    (folder / ROWS).chmod(0o644)
    (folder / ROWS).write_bytes(b"row")


def without_rows(folder: Path) -> None:
    (folder / ROWS).unlink()


def without_tracks(folder: Path) -> None:
    (folder / TRACKS).unlink()


def cut_off_tracks(folder: Path) -> None:
    (folder / TRACKS).write_bytes((folder / TRACKS).read_bytes()[:-1])


def garbled_tracks(folder: Path) -> None:
    (folder / TRACKS).write_bytes(b"\xff\0")


def empty_tracks(folder: Path) -> None:
    (folder / TRACKS).write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [cut_off_rows, without_rows, without_tracks, cut_off_tracks, garbled_tracks, empty_tracks],
)
def test_a_damaged_shard_is_not_served_and_can_be_replaced(
    cache: Cache, damage: Callable[[Path], None]
) -> None:
    other = publish(cache, "other")
    damage(publish(cache).path.parent)
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == [other]
    shard = publish(cache)
    assert cache.shard(RECIPE, 7, "key") == shard
    assert shard.path.read_bytes() == b"rows"


def test_a_shard_that_is_there_is_not_written_again(cache: Cache) -> None:
    inode = publish(cache).path.stat().st_ino
    assert publish(cache).path.stat().st_ino == inode
    assert list((cache.root / "tmp").iterdir()) == []


def test_rows_of_a_shard_are_read_only(cache: Cache) -> None:
    assert publish(cache).path.stat().st_mode & 0o222 == 0


def test_the_shard_that_was_used_last_comes_first(cache: Cache) -> None:
    for age, key in enumerate(("a", "b", "c")):
        folder = publish(cache, key).path.parent
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    assert keys(cache) == ["a", "b", "c"]
    cache.shard(RECIPE, 7, "b")
    assert keys(cache) == ["b", "a", "c"]


def keys(cache: Cache) -> list[str]:
    return [shard.path.parent.name for shard in cache.shards(RECIPE, 7)]


@pytest.mark.parametrize("write", [publish, lambda cache: cache.save(ADDRESS, RESULT)])
def test_a_cache_that_cannot_be_written_is_named(
    write: Callable[[Cache], object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "cache"
    with pytest.raises(PipelineError) as caught:
        write(Cache(root))
    assert str(root) in str(caught.value)
    assert "PIPELINE_CACHE" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PIPELINE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"PIPELINE_CACHE": "~/a"}, "/home/me/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/genre-pipeline"),
        ({"PIPELINE_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/me/.cache/genre-pipeline"),
        ({}, "/home/me/.cache/genre-pipeline"),
    ],
)
def test_the_environment_names_the_cache(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("PIPELINE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert machine_cache().root == Path(expected)


@pytest.mark.parametrize("length", [0, 1, 40])
def test_a_cut_off_track_has_no_head(cache: Cache, length: int) -> None:
    cache.save(ADDRESS, RESULT)
    [path] = files(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.head(ADDRESS) is None


def test_a_changed_fact_is_not_served(cache: Cache) -> None:
    cache.save(ADDRESS, RESULT)
    [path] = files(cache)
    path.write_bytes(path.read_bytes().replace(b"1.5", b"9.5"))
    assert cache.head(ADDRESS) is None


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "null", '{"size": 4}', '{"size": 4, "tracks": [{}]}', '{"size": 4, "tracks": 3}'],
)
def test_json_that_lists_no_tracks_is_no_shard(cache: Cache, text: str) -> None:
    (publish(cache).path.parent / TRACKS).write_text(text)
    assert cache.shard(RECIPE, 7, "key") is None


def test_a_cache_below_a_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    assert cache.load(ADDRESS) is None
    assert cache.head(ADDRESS) is None
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == []


def edit(path: Path, content: bytes) -> None:
    """Write to a file of the cache, which is read-only, as root or its owner may."""
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_shard_that_was_written_to_is_not_there_and_is_replaced(cache: Cache) -> None:
    shard = publish(cache)
    edit(shard.path, b"sown")
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == []
    assert publish(cache).path.read_bytes() == b"rows"
    assert cache.shard(RECIPE, 7, "key") == shard


def test_a_shard_that_was_copied_is_there(cache: Cache) -> None:
    """Its time is another, but not its content."""
    shard = publish(cache)
    edit(shard.path, b"rows")
    os.utime(shard.path, (1, 1))
    assert cache.shard(RECIPE, 7, "key") == shard


def test_a_damaged_list_of_tracks_is_not_there(cache: Cache) -> None:
    path = publish(cache).path.with_name(TRACKS)
    content = path.read_bytes()
    assert b"1.5" in content
    edit(path, content.replace(b"1.5", b"2.5"))
    assert cache.shard(RECIPE, 7, "key") is None


def test_a_folder_is_forgotten(cache: Cache) -> None:
    cache.publish_folder("folds", ADDRESS, fill_folder)
    cache.forget_folder("folds", ADDRESS)
    cache.forget_folder("folds", ADDRESS)
    assert cache.folder("folds", ADDRESS) is None
