"""The machine's cache: results by content address, outside the outputs of the stages.

It is a folder that every clone, branch and experiment shares: PIPELINE_CACHE, by default
~/.cache/genre-pipeline. It holds complete shards, to which stores link, the tracks of shards that
are not complete yet, trained folds and encoded sound.

Processes share it without locks. Nothing in it is changed in place, and only `prune` deletes what
others may link to: where something is damaged, what replaces it is kept beside it.
"""

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.files import cache_folder, checked, with_digest
from pipeline.base.types import Result
from pipeline.store.shard import HashedRows, frame_digest, is_intact, row_digests

ROWS, TRACKS = "rows.h5", "tracks.json"  # the files of a shard
# What may be wrong with a file that is damaged.
DAMAGED = (OSError, ValueError, TypeError, KeyError, PipelineError)


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

    def save(self, address: str, result: Result) -> None:
        """Keep a track's result until its shard is complete.

        The file is a line of JSON with a digest of its own, and the bytes of the rows.
        """
        rows = np.empty(0) if result.rows is None else np.ascontiguousarray(result.rows)
        head = {
            "facts": result.facts,
            "dtype": rows.dtype.str,
            "shape": rows.shape,
            "digests": row_digests(rows).tobytes().hex(),
        }
        with self._new(address) as path, self._writing():
            with path.open("wb") as file:
                file.write(f"{with_digest(head)}\n".encode())
                file.write(rows.data)
            target = self._track_path(address)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    def head(self, address: str) -> tuple[int, dict[str, Any]] | None:
        """Number of rows and facts of a track's result; None if it is missing or damaged."""
        try:
            with self._track_path(address).open("rb") as file:
                head = _read_head(file)
        except DAMAGED:
            return None
        return head["shape"][0], head["facts"]

    def rows(self, address: str, *, verify: bool = True) -> HashedRows | None:
        """Rows of a track's result; None if it is missing or damaged.

        Parameters
        ----------
        address : str
        verify : bool
            Whether to compare the rows with their digests.
        """
        try:
            with self._track_path(address).open("rb") as file:
                head = _read_head(file)
                rows = np.frombuffer(file.read(), head["dtype"]).reshape(head["shape"])
        except DAMAGED:
            return None
        digests = np.frombuffer(bytes.fromhex(head["digests"]), np.uint8).reshape(-1, 32)
        if verify and not np.array_equal(row_digests(rows), digests):
            return None
        return HashedRows(rows, digests)

    def forget(self, address: str) -> None:
        """Delete a track's result, which a shard holds now."""
        self._track_path(address).unlink(missing_ok=True)

    def shard(self, recipe: str, number: int, key: str) -> CachedShard | None:
        """The shard with exactly this content; None if it is missing or damaged."""
        shards = map(read_shard, self._existing(_shards(recipe, number), key))
        shard = next(filter(None, shards), None)
        if shard:
            _touch(shard.path.parent)
        return shard

    def shards(self, recipe: str, number: int) -> Iterator[CachedShard]:
        """Every complete shard of this number that the recipe made, the last used first."""
        folder = self.root / _shards(recipe, number)
        entries = list(os.scandir(folder)) if folder.is_dir() else []
        for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True):
            shard = read_shard(Path(entry.path))
            if shard:
                yield shard

    def publish(
        self,
        recipe: str,
        number: int,
        key: str,
        tracks: Sequence[CachedTrack],
        write: Callable[[Path], tuple[int, int]],
    ) -> CachedShard:
        """Keep the shard that `write` writes to a path, unless the cache has it already.

        Parameters
        ----------
        recipe : str
            Address of the recipe that made the rows.
        number : int
        key : str
            Hash of everything that determines the shard's bytes.
        tracks : sequence of CachedTrack
            In the order of the rows.
        write : callable
            Returns what `write_shard` does.
        """
        there = self.shard(recipe, number, key)
        if there:
            return there

        def fill(folder: Path) -> None:
            start, stop = write(folder / ROWS)
            state = (folder / ROWS).stat()
            content = {
                "size": state.st_size,
                "written_ns": state.st_mtime_ns,
                "place": [start, stop],
                "frame": frame_digest(folder / ROWS, start, stop),
                "tracks": [asdict(track) for track in tracks],
            }
            with self._writing():
                (folder / TRACKS).write_text(with_digest(content), encoding="utf-8")

        folder = self.publish_folder(_shards(recipe, number), key, fill, read_shard)
        return CachedShard(folder / ROWS, tuple(tracks))

    def folder(
        self, kind: str, key: str, is_whole: Callable[[Path], Any] = Path.is_dir
    ) -> Path | None:
        """The folder with this content; None if there is none that is whole."""
        folder = next(filter(is_whole, self._existing(kind, key)), None)
        if folder:
            _touch(folder)
        return folder

    def publish_folder(
        self,
        kind: str,
        key: str,
        fill: Callable[[Path], None],
        is_whole: Callable[[Path], Any] = Path.is_dir,
    ) -> Path:
        """Keep the folder that `fill` writes, which should take moments: it is not to compute.

        Returns
        -------
        Path
            The folder, or that of another process which was faster. It stays where it is, whatever
            other processes publish under the same key.
        """
        with self._new(key) as folder:
            with self._writing():
                folder.mkdir()
            fill(folder)
            with self._writing():
                for path in folder.iterdir():
                    path.chmod(0o444)  # outputs link to it: editing one would edit all
                    _flush(path)
                (self.root / kind).mkdir(parents=True, exist_ok=True)
                return next(
                    place
                    for place in self._places(kind, key)
                    if _rename(folder, place) or is_whole(place)
                )

    def _places(self, kind: str, key: str) -> Iterator[Path]:
        """Where a folder may lie: beyond its first place, if what is there is damaged."""
        yield self.root / kind / key
        yield from (self.root / kind / f"{key}.{number}" for number in count(1))

    def _existing(self, kind: str, key: str) -> Iterator[Path]:
        return takewhile(Path.is_dir, self._places(kind, key))

    def _track_path(self, address: str) -> Path:
        return self.root / "tracks" / address[:2] / address

    @contextmanager
    def _new(self, name: str) -> Iterator[Path]:
        """A path for what is renamed when it is complete; what is still there then is deleted."""
        path = self.root / "tmp" / f"{name[:16]}-{uuid4().hex}"
        try:
            with self._writing():
                path.parent.mkdir(parents=True, exist_ok=True)
            yield path
        finally:
            delete(path)

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
    return Cache(cache_folder())


def _read_head(file: IO[bytes]) -> dict[str, Any]:
    """What a track's result begins with."""
    head = checked(file.readline().decode())
    rows = math.prod(head["shape"]) * np.dtype(head["dtype"]).itemsize
    if os.fstat(file.fileno()).st_size != file.tell() + rows:
        raise ValueError("cut off")
    return head


def read_shard(folder: Path) -> CachedShard | None:
    """Read what `Cache.publish` wrote into a folder; None if it is missing or damaged."""
    try:
        known = checked((folder / TRACKS).read_text(encoding="utf-8"))
        if not _is_as_written(folder / ROWS, known):
            return None
        tracks = tuple(CachedTrack(**track) for track in known["tracks"])
    except DAMAGED:
        return None
    return CachedShard(folder / ROWS, tracks)


def _is_as_written(path: Path, known: Mapping[str, Any]) -> bool:
    """Whether nobody wrote to a file since; where its time cannot tell, its content is hashed."""
    state = path.stat()
    if state.st_size != known["size"]:
        return False
    # A cache that was copied to another place may have other times.
    if state.st_mtime_ns == known["written_ns"]:
        return True
    start, stop = known["place"]
    return is_intact(path, start, stop, known["frame"])


def _shards(recipe: str, number: int) -> str:
    return f"shards/{recipe[:32]}/{number:02d}"


def _touch(folder: Path) -> None:
    """Note that a folder was used, so that it is not the first that `prune` deletes."""
    with suppress(OSError):  # a cache that is read-only serves as well
        os.utime(folder)


def _rename(folder: Path, place: Path) -> bool:
    """Rename a folder unless there is one at the place already."""
    try:
        os.rename(folder, place)
    except OSError:
        if not place.is_dir():
            raise
        return False
    return True


def delete(path: Path) -> None:
    """Delete a file or a folder, if it is still there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _flush(path: Path) -> None:
    """Write a file to the disk, so that it is there before its name says that it is complete."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
