"""Hashes of files: right, remembered, and never remembered wrongly."""

import hashlib
import os
from pathlib import Path

import pytest

from pipeline.dataset import hashes
from pipeline.base.errors import PipelineError
from pipeline.dataset.hashes import hash_files, unchanged


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that were read to be hashed."""
    found: list[Path] = []
    really = hashes.hash_file

    def hash_file(path: Path) -> str:
        found.append(path)
        return really(path)

    monkeypatch.setattr(hashes, "hash_file", hash_file)
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", -10.0)  # so that tests need not wait
    return found


def write(folder: Path, **contents: str) -> list[Path]:
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [folder / name for name in sorted(contents)]


def expected(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_unchanged_files_are_not_read_again(tmp_path: Path, read: list[Path]) -> None:
    paths = write(tmp_path, a="1", b="2")
    for count in (2, 2):
        assert hash_files(paths, tmp_path / "memory" / "m.json") == expected(paths)
        assert len(read) == count
    paths += write(tmp_path, c="3")
    assert hash_files(paths, tmp_path / "memory" / "m.json") == expected(paths)
    assert read[2:] == [tmp_path / "c"]


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path: Path, read: list[Path]) -> None:
    [path] = write(tmp_path, a="old")
    memory = tmp_path / "m.json"
    hash_files([path], memory)
    times = path.stat()
    path.write_text("new")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert hash_files([path], memory) == expected([path])
    assert len(read) == 2


def test_a_file_in_anothers_place_is_seen(tmp_path: Path, read: list[Path]) -> None:
    first, second = write(tmp_path, a="one", b="two")
    memory = tmp_path / "m.json"
    hash_files([first, second], memory)
    os.replace(second, first)
    assert hash_files([first], memory) == expected([first])
    assert read[2:] == [first]


def test_what_changed_a_moment_ago_is_not_remembered(
    tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", 3600.0)
    paths = write(tmp_path, a="1")
    for count in (1, 2):
        hash_files(paths, tmp_path / "m.json")
        assert len(read) == count


@pytest.mark.parametrize("content", ["", "{", '{"a": ["1"'])
def test_a_damaged_memory_is_none(tmp_path: Path, content: str) -> None:
    paths = write(tmp_path, a="1")
    (tmp_path / "m.json").write_text(content)
    assert hash_files(paths, tmp_path / "m.json") == expected(paths)


def test_a_file_that_cannot_be_read_is_an_error_in_its_place(tmp_path: Path) -> None:
    [path] = write(tmp_path, a="1")
    found, missing = hash_files([path, tmp_path / "gone"], tmp_path / "m.json")
    assert found == expected([path])[0]
    assert isinstance(missing, FileNotFoundError)
    [path] = write(tmp_path, gone="now")
    assert hash_files([path], tmp_path / "m.json") == expected([path])


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    [path] = write(tmp_path, a="1")
    assert unchanged(path, expected([path])[0]) == path
    path.write_text("2")
    with pytest.raises(PipelineError, match=r"a changed while the stage ran; run it again"):
        unchanged(path, hashlib.sha256(b"1").hexdigest())
