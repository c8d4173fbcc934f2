"""The machine's cache: results by content address, outside the outputs of the stages.

It is a folder that every clone, branch and experiment shares: PIPELINE_CACHE, by default
~/.cache/genre-pipeline. It holds complete shards, to which stores link, the tracks of shards that
are not complete yet, and trained folds. Nothing in it is ever changed in place.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.files import checked, file_digest, with_digest
from pipeline.base.types import Result


def write_result(path: Path, result: Result) -> None:
    """Write a NumPy archive of the rows, and of the facts and the number of rows as JSON."""
    clips = None if result.rows is None else len(result.rows)
    head = json.dumps({"facts": result.facts, "clips": clips})
    arrays = {"head": np.frombuffer(head.encode(), np.uint8)}
    if result.rows is not None:
        arrays["rows"] = result.rows
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # takes an option between the names


def read_result(path: Path) -> Result | None:
    """Read what `write_result` wrote; None if the file is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            if archive.zip.testzip():  # NumPy compares no checksum of what it reads in part
                return None
            head = _head(archive)
            rows = None if head["clips"] is None else archive["rows"]
            if rows is not None and not isinstance(rows, np.ndarray):
                return None
            return Result(head["facts"], rows)
    except Exception:  # an archive with a wrong byte may raise many
        return None


def read_head(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Read the number of rows and the facts, but no row; None as in `read_result`."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            head = _head(archive)
            return int(head["clips"] or 0), dict(head["facts"])
    except Exception:
        return None


def _head(archive: Any) -> dict[str, Any]:
    return dict(json.loads(archive["head"].tobytes()))


ROWS, TRACKS = "rows.h5", "tracks.json"


@dataclass(frozen=True)
class CachedTrack:
    """A track in a cached shard: its address, number of rows and facts."""

    track_id: str
    address: str
    clips: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class CachedShard:
    """A complete shard in the cache: its file, and its tracks in order."""

    path: Path
    tracks: tuple[CachedTrack, ...]


class Cache:
    """A cache in the folder `root`, which the first write creates.

    Parameters
    ----------
    root : Path

    Raises
    ------
    PipelineError
        When writing, if `root` cannot be written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def load(self, address: str) -> Result | None:
        """A track's result; None if it is missing or damaged."""
        return read_result(self._track_path(address))

    def head(self, address: str) -> tuple[int, dict[str, Any]] | None:
        """Number of rows and facts of a track's result; None if it is missing or damaged."""
        return read_head(self._track_path(address))

    def save(self, address: str, result: Result) -> None:
        """Keep a track's result until its shard is complete."""
        with self._new(self._track_path(address)) as path, self._writing():
            write_result(path, result)

    def forget(self, address: str) -> None:
        """Delete a track's result, which a shard holds now."""
        self._track_path(address).unlink(missing_ok=True)

    def shard(self, recipe: str, number: int, key: str) -> CachedShard | None:
        """The shard with exactly this content; None if it is missing or damaged."""
        folder = self._shard_folder(recipe, number) / key
        with suppress(OSError):  # a cache that is read-only serves as well
            os.utime(folder)
        return _read_shard(folder)

    def shards(self, recipe: str, number: int) -> Iterator[CachedShard]:
        """Every complete shard of this number that the recipe made, the last used first."""
        folder = self._shard_folder(recipe, number)
        entries = list(os.scandir(folder)) if folder.is_dir() else []
        for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True):
            found = _read_shard(Path(entry.path))
            if found:
                yield found

    def publish(
        self,
        recipe: str,
        number: int,
        key: str,
        tracks: Sequence[CachedTrack],
        write: Callable[[Path], None],
    ) -> CachedShard:
        """Keep the shard that `write` writes to a path, unless the cache has it already."""
        target = self._shard_folder(recipe, number) / key
        there = _read_shard(target)
        if there:
            return there

        def fill(folder: Path) -> None:
            write(folder / ROWS)
            state = (folder / ROWS).stat()
            content = {
                "size": state.st_size,
                "written_ns": state.st_mtime_ns,
                "rows": file_digest(folder / ROWS),
                "tracks": [asdict(track) for track in tracks],
            }
            with self._writing():
                (folder / TRACKS).write_text(with_digest(content), encoding="utf-8")

        _remove(target)  # it may be there and damaged
        self._keep(target, fill)
        return CachedShard(target / ROWS, tuple(tracks))

    def folder(self, kind: str, key: str) -> Path | None:
        """The folder with this content; None if it is missing."""
        target = self.root / kind / key
        with suppress(OSError):
            os.utime(target)
        return target if target.is_dir() else None

    def publish_folder(self, kind: str, key: str, fill: Callable[[Path], None]) -> Path:
        """Keep the folder that `fill` writes, which should take moments: it is not to compute."""
        target = self.root / kind / key
        self._keep(target, fill)
        return target

    def forget_folder(self, kind: str, key: str) -> None:
        """Delete a folder that turns out to be damaged."""
        _remove(self.root / kind / key)

    def _keep(self, target: Path, fill: Callable[[Path], None]) -> None:
        with self._new(target) as folder:
            folder.mkdir()
            fill(folder)
            with self._writing():
                for path in folder.iterdir():
                    path.chmod(0o444)  # outputs link to it: editing one would edit all
                    _flush(path)

    def _track_path(self, address: str) -> Path:
        return self.root / "tracks" / address[:2] / address

    def _shard_folder(self, recipe: str, number: int) -> Path:
        return self.root / "shards" / recipe[:32] / f"{number:02d}"

    @contextmanager
    def _new(self, target: Path) -> Iterator[Path]:
        """A path that is renamed to `target` if the block ends without an error."""
        path = self.root / "tmp" / f"{target.name[:16]}-{uuid4().hex}"
        try:
            with self._writing():
                path.parent.mkdir(parents=True, exist_ok=True)
                target.parent.mkdir(parents=True, exist_ok=True)
            yield path
            with self._writing():
                _move(path, target)
        finally:
            _remove(path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the cache in what the system says of a full disk or a missing permission."""
        try:
            yield
        except OSError as error:
            raise PipelineError(
                f"the cache {self.root} cannot be written: {error.strerror}; PIPELINE_CACHE may "
                "name another folder"
            ) from None


def link(source: Path, target: Path) -> None:
    """Link to a file of the cache, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy(source, target)


def machine_cache() -> Cache:
    """The cache that the environment names."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get("PIPELINE_CACHE") or f"{home}/genre-pipeline"
    return Cache(Path(named).expanduser())


def _read_shard(folder: Path) -> CachedShard | None:
    try:
        known = checked((folder / TRACKS).read_text(encoding="utf-8"))
        if not _is_as_written(folder / ROWS, known):
            return None
        tracks = tuple(CachedTrack(**track) for track in known["tracks"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return CachedShard(folder / ROWS, tracks)


def _is_as_written(path: Path, known: Mapping[str, Any]) -> bool:
    """Whether nobody wrote to a file since; where its time cannot tell, its content is hashed."""
    state = path.stat()
    if state.st_size != known["size"]:
        return False
    # A cache that was copied to another place may have other times.
    return state.st_mtime_ns == known["written_ns"] or file_digest(path) == known["rows"]


def _move(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)
    except OSError:
        if not target.is_dir():
            raise
        # Another process with the same content was faster.


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    """Have a file on the disk before its name says that it is complete."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
