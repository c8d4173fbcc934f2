"""Results that are computed once, kept by content address outside the stages' outputs.

The cache is a folder of the machine, shared by every clone, branch and experiment:
PIPELINE_CACHE (default: ~/.cache/genre-pipeline). It holds whole shards, which stores link to,
and the tracks of shards that are not whole yet. Nothing in it is ever changed in place.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.base.errors import PipelineError
from pipeline.store.results import Result, read_head, read_result, write_result

ROWS, TRACKS = "rows.h5", "tracks.json"


@dataclass(frozen=True)
class CachedTrack:
    """A track of a cached shard: its address, number of rows and facts."""

    track_id: str
    address: str
    clips: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class CachedShard:
    """A whole shard in the cache: the file, and what is in it, in order."""

    path: Path
    tracks: tuple[CachedTrack, ...]


class Cache:
    """The folder `root` as a cache; it is made by the first write.

    Parameters
    ----------
    root : Path

    Raises
    ------
    PipelineError
        On writing, where `root` cannot be written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def load(self, address: str) -> Result | None:
        """A track's result; None if it is not there, or not whole."""
        return read_result(self._track_path(address))

    def head(self, address: str) -> tuple[int, dict[str, Any]] | None:
        """Number of rows and facts of a track's result; None if it is not there, or damaged."""
        return read_head(self._track_path(address))

    def save(self, address: str, result: Result) -> None:
        """Keep a track's result until its shard is whole."""
        with self._new(self._track_path(address)) as path, self._writing():
            write_result(path, result)

    def forget(self, address: str) -> None:
        """Drop a track that a shard holds now."""
        self._track_path(address).unlink(missing_ok=True)

    def shard(self, recipe: str, number: int, key: str) -> CachedShard | None:
        """The shard of exactly this content; None if it is not there, or not whole."""
        folder = self._shard_folder(recipe, number) / key
        with suppress(OSError):  # a cache that may only be read serves all the same
            os.utime(folder)
        return _read_shard(folder)

    def shards(self, recipe: str, number: int) -> Iterator[CachedShard]:
        """Every whole shard of this number that the recipe made, the last used first."""
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
        """Keep the shard that `write` writes to the path it is given, unless it is there."""
        target = self._shard_folder(recipe, number) / key
        there = _read_shard(target)
        if there:
            return there

        def fill(folder: Path) -> None:
            write(folder / ROWS)
            content = {
                "size": (folder / ROWS).stat().st_size,
                "tracks": [asdict(track) for track in tracks],
            }
            (folder / TRACKS).write_text(json.dumps(content), encoding="utf-8")

        _remove(target)  # it may be there and damaged
        self._keep(target, fill)
        return CachedShard(target / ROWS, tuple(tracks))

    def folder(self, kind: str, key: str) -> Path | None:
        """The folder of this content; None if it is not there."""
        target = self.root / kind / key
        with suppress(OSError):
            os.utime(target)
        return target if target.is_dir() else None

    def publish_folder(self, kind: str, key: str, fill: Callable[[Path], None]) -> Path:
        """Keep the folder that `fill` writes; it only writes, as `prune` gives it a day."""
        target = self.root / kind / key
        self._keep(target, fill)
        return target

    def _keep(self, target: Path, fill: Callable[[Path], None]) -> None:
        with self._new(target) as folder:
            folder.mkdir()
            fill(folder)
            for path in folder.iterdir():
                path.chmod(0o444)  # outputs link to it: who edits one must not edit all
                _flush(path)

    def _track_path(self, address: str) -> Path:
        return self.root / "tracks" / address[:2] / address

    def _shard_folder(self, recipe: str, number: int) -> Path:
        return self.root / "shards" / recipe[:32] / f"{number:02d}"

    @contextmanager
    def _new(self, target: Path) -> Iterator[Path]:
        """A path that becomes `target`, at once, when the block ends without an error."""
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
    """Give a file of the cache a second name, or a copy where file systems differ."""
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
        known = json.loads((folder / TRACKS).read_text(encoding="utf-8"))
        if (folder / ROWS).stat().st_size != known["size"]:
            return None
        tracks = tuple(CachedTrack(**track) for track in known["tracks"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return CachedShard(folder / ROWS, tracks)


def _move(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)
    except OSError:
        if not target.is_dir():
            raise
        # Another process was faster, with the same content.


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    """Have the disk keep a file before its name is trusted."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
