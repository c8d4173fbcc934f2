"""The cache: what is not whole is not there, and what is there never changes or vanishes."""

import errno
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array, Result
from pipeline.store.cache import (
    ROWS,
    TRACKS,
    Cache,
    CachedShard,
    CachedTrack,
    link,
    machine_cache,
)
from pipeline.store.shard import HashedRows, Shard, row_digests, write_shard

ADDRESS = "ab" * 32
RECIPE = "cd" * 32
RESULT = Result({"seconds": 1.5, "names": ["ü", "\n"]}, np.arange(6, dtype=np.int16).reshape(2, 3))
LISTED = (CachedTrack("rock/a", ADDRESS, 2, {"seconds": 1.5}), CachedTrack("rock/b", RECIPE, 0, {}))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "a" / "cache")


def write_rows(path: Path) -> tuple[int, int]:
    rows = HashedRows.of(np.array([[1, 2], [3, 4]], np.int16))
    return write_shard(path, {"name": "a"}, rows.rows[:0], {"rock/a": 2}, [rows])


def publish(
    cache: Cache, key: str = "key", write: Callable[[Path], tuple[int, int]] = write_rows
) -> CachedShard:
    return cache.publish(RECIPE, 7, key, LISTED, write)


def write_fold(folder: Path) -> None:
    (folder / "record").write_text("trained")


def is_trained(folder: Path) -> bool:
    return (folder / "record").read_text() == "trained"


def publish_fold(cache: Cache, write: Callable[[Path], None] = write_fold) -> Path:
    return cache.publish_folder("folds", ADDRESS, write, is_trained)


def files(cache: Cache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file()]


def edit(path: Path, content: bytes) -> None:
    """Write to a file of the cache, which is read-only, as root or its owner may."""
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, (2e9, 2e9))  # the system's clock may not have moved since it was published


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    edit(path, bytes(content))


# Results of tracks.

DTYPES = ["|u1", "<i2", ">i2", "<f2", "<f4", "<f8", "|b1", "<c8"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FACTS = st.dictionaries(st.text(), VALUES | st.lists(VALUES), max_size=4)
SOME_ROWS = arrays(st.sampled_from(DTYPES), array_shapes(max_dims=4, min_side=0, max_side=4))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache for many results, one after another."""
    return Cache(tmp_path_factory.mktemp("results"))


def assert_rows(read: HashedRows | None, expected: Array) -> None:
    assert read is not None
    assert (read.rows.dtype, read.rows.shape) == (expected.dtype, expected.shape)
    assert read.rows.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(read.digests, row_digests(expected))


@given(facts=FACTS, rows=SOME_ROWS)
@example(facts={}, rows=np.arange(24).reshape(4, 6)[::2, ::-3])
@example(facts={}, rows=np.eye(3)[:2].T)
def test_a_result_comes_back(many: Cache, facts: dict[str, object], rows: Array) -> None:
    many.save(ADDRESS, Result(facts, rows))
    assert many.head(ADDRESS) == (len(rows), facts)
    assert_rows(many.rows(ADDRESS), rows)


def test_a_track_is_kept_until_it_is_forgotten(cache: Cache) -> None:
    cache.save(ADDRESS, RESULT)
    assert Cache(cache.root).head(ADDRESS) == (2, RESULT.facts)
    assert (cache.head(RECIPE), cache.rows(RECIPE)) == (None, None)
    cache.save(ADDRESS, Result({"rejected": "silent"}, None))
    assert cache.head(ADDRESS) == (0, {"rejected": "silent"})
    cache.forget(ADDRESS)
    cache.forget(ADDRESS)
    assert (cache.head(ADDRESS), cache.rows(ADDRESS)) == (None, None)
    assert not files(cache)


@pytest.mark.parametrize("result", [RESULT, Result({}, None), Result({}, np.empty((0, 3)))])
def test_no_part_of_a_result_is_taken_for_the_whole(cache: Cache, result: Result) -> None:
    cache.save(ADDRESS, result)
    [path] = files(cache)
    content = path.read_bytes()
    for end in range(len(content) - 1):
        path.write_bytes(content[:end])
        assert (cache.head(ADDRESS), cache.rows(ADDRESS)) == (None, None)


def test_a_changed_byte_changes_nothing_or_is_noticed(cache: Cache) -> None:
    cache.save(ADDRESS, RESULT)
    [path] = files(cache)
    content, noticed = path.read_bytes(), 0
    for place in range(len(content)):
        for bits in (1, 0x20, 0xFF):
            changed = bytearray(content)
            changed[place] ^= bits
            path.write_bytes(changed)
            assert cache.head(ADDRESS) in (None, (2, RESULT.facts))
            rows = cache.rows(ADDRESS)
            noticed += rows is None
            if rows is not None:
                np.testing.assert_array_equal(rows.rows, RESULT.rows)
    assert noticed > len(content)


# Shards and folders.


def test_a_shard_comes_back(cache: Cache) -> None:
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == []
    shard = publish(cache)
    assert shard.tracks == LISTED
    assert Shard(shard.path).clips() == {"rock/a": 2}
    assert shard.path.stat().st_mode & 0o222 == 0
    assert cache.shard(RECIPE, 7, "key") == publish(cache) == shard
    assert list(cache.shards(RECIPE, 7)) == [shard]
    for recipe, number, key in ((RECIPE, 7, "other"), (RECIPE, 8, "key"), (ADDRESS, 7, "key")):
        assert cache.shard(recipe, number, key) is None
    assert list(cache.shards(RECIPE, 8)) == list(cache.shards(ADDRESS, 7)) == []


def test_a_folder_comes_back(cache: Cache) -> None:
    assert cache.folder("folds", ADDRESS) is None
    folder = publish_fold(cache)
    assert is_trained(folder)
    assert (folder / "record").stat().st_mode & 0o222 == 0
    assert publish_fold(cache) == cache.folder("folds", ADDRESS, is_trained) == folder
    assert list((cache.root / "tmp").iterdir()) == []


def test_the_shard_that_was_used_last_comes_first(cache: Cache) -> None:
    def keys() -> list[str]:
        return [shard.path.parent.name for shard in cache.shards(RECIPE, 7)]

    for age, key in enumerate(("a", "b", "c")):
        folder = publish(cache, key).path.parent
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    assert keys() == ["a", "b", "c"]
    cache.shard(RECIPE, 7, "b")
    assert keys() == ["b", "a", "c"]


def test_a_shard_that_was_copied_is_there(cache: Cache) -> None:
    """Its time is another, but not its content."""
    shard = publish(cache)
    edit(shard.path, shard.path.read_bytes())
    assert cache.shard(RECIPE, 7, "key") == shard


def place_of(part: bytes) -> Callable[[Path], None]:
    """Change a byte of a part of the rows' file."""
    return lambda folder: flip(folder / ROWS, (folder / ROWS).read_bytes().index(part))


def shorten(name: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / name, (folder / name).read_bytes()[:-1])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no rows": lambda folder: (folder / ROWS).unlink(),
    "no list": lambda folder: (folder / TRACKS).unlink(),
    "rows cut off": shorten(ROWS),
    "list cut off": shorten(TRACKS),
    "list of bytes": lambda folder: edit(folder / TRACKS, b"\xff\0"),
    "a row": place_of(np.array([1, 2], np.int16).tobytes()),
    "a track's id": place_of(b"rock/a"),
    "the description": place_of(b'{"name"'),
    "a digest": place_of(row_digests(np.array([[1, 2]], np.int16)).tobytes()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_shard_is_not_served_and_another_takes_its_place(
    cache: Cache, damage: Callable[[Path], object]
) -> None:
    other, whole = publish(cache, "other"), publish(cache)
    content = whole.path.read_bytes()
    damage(whole.path.parent)
    assert cache.shard(RECIPE, 7, "key") is None
    assert list(cache.shards(RECIPE, 7)) == [other]
    for _ in range(2):
        shard = publish(cache)
        assert shard.path.read_bytes() == content
        assert cache.shard(RECIPE, 7, "key") == shard
    assert list(cache.shards(RECIPE, 7)) in ([other, shard], [shard, other])


def test_a_damaged_folder_is_not_served_and_another_takes_its_place(cache: Cache) -> None:
    edit(publish_fold(cache) / "record", b"half")
    assert cache.folder("folds", ADDRESS, is_trained) is None
    assert is_trained(publish_fold(cache))
    assert is_trained(cache.folder("folds", ADDRESS, is_trained) or Path())


# Several processes.


@pytest.mark.parametrize("damaged", [False, True])
def test_what_is_published_stays_when_a_slower_process_publishes_the_same(
    cache: Cache, damaged: bool, tmp_path: Path
) -> None:
    """The slower one found nothing that was whole, and writes while the other finishes."""
    if damaged:
        flip(publish(cache).path, -1)
    faster: list[Path] = []

    def write_slowly(path: Path) -> tuple[int, int]:
        faster.append(publish(cache).path)
        return write_rows(path)

    assert [publish(cache, "key", write_slowly).path] == faster
    link(faster[0], tmp_path / "linked")


def test_whatever_many_publish_can_be_linked_to(cache: Cache, tmp_path: Path) -> None:
    """Each finds something damaged, publishes as many others do, and links."""
    count, keys = 4, [str(number) for number in range(25)]
    together = Barrier(count)

    def work(number: int) -> None:
        for key in keys:
            together.wait()
            link(publish(cache, key).path, tmp_path / f"{number}-{key}")

    for key in keys:
        flip(publish(cache, key).path, -1)
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(work, range(count)))
    assert len({path.read_bytes() for path in tmp_path.glob("*-*")}) == 1
    assert list((cache.root / "tmp").iterdir()) == []


# What cannot be written.


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "data/features/mel"),
        KeyboardInterrupt(),
    ],
)
def test_an_error_of_what_fills_a_folder_is_not_taken_for_one_of_the_cache(
    cache: Cache, error: BaseException
) -> None:
    def fail(path: Path) -> Any:
        (path / "half" if path.is_dir() else path).write_bytes(b"half")
        raise error

    for write in (lambda: publish(cache, "key", fail), lambda: publish_fold(cache, fail)):
        with pytest.raises(type(error), match=f"^{re.escape(str(error))}$") as caught:
            write()
        assert caught.value is error
    assert (cache.shard(RECIPE, 7, "key"), cache.folder("folds", ADDRESS)) == (None, None)
    assert not files(cache)


def fail_with_full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("function", "write"),
    [
        ("pathlib.Path.write_text", publish),
        ("os.fsync", publish),
        ("os.rename", publish),
        ("os.replace", lambda cache: cache.save(ADDRESS, RESULT)),
    ],
)
def test_a_disk_that_fills_up_is_an_error_of_the_cache(
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    write: Callable[[Cache], object],
) -> None:
    monkeypatch.setattr(function, fail_with_full_disk)
    with pytest.raises(PipelineError, match=r"cache .* cannot be written: No space left on device"):
        write(cache)
    assert not files(cache)


@pytest.mark.parametrize("write", [publish, lambda cache: cache.save(ADDRESS, RESULT)])
def test_a_cache_below_a_file_holds_nothing_and_is_named_when_it_is_written(
    write: Callable[[Cache], object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    assert (cache.head(ADDRESS), cache.shard(RECIPE, 7, "key")) == (None, None)
    assert list(cache.shards(RECIPE, 7)) == []
    with pytest.raises(PipelineError, match=f"^the cache {cache.root} .*; PIPELINE_CACHE .*$"):
        write(cache)


def test_a_relative_root_outlives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = Cache(Path("cache"))
    cache.save(ADDRESS, RESULT)
    monkeypatch.chdir("/")
    assert cache.head(ADDRESS) is not None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PIPELINE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"PIPELINE_CACHE": "~/a"}, "/home/me/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/genre-pipeline"),
        ({"PIPELINE_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/me/.cache/genre-pipeline"),
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
