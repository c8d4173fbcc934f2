"""Build a store so that every track is computed only once; stages write rows in no other way."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from zc.lockfile import LockError, LockFile

from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import map_tracks
from pipeline.store.cache import CachedTrack, link, machine_cache
from pipeline.store.plan import Builder, Job, Recipe
from pipeline.store.store import shard_name


class NoRowsError(PipelineError):
    """A store would be empty."""


def build_store(
    folder: Path,
    description: Mapping[str, Any],
    template: Callable[[], Array],
    jobs: Sequence[Job],
    recipe: Recipe,
) -> dict[str, CachedTrack]:
    """Write the store `folder`, and compute what the machine's cache does not hold.

    Parameters
    ----------
    folder : Path
        Gets its new content only when that is complete.
    description : mapping
        What a reader must know: name, unit, parameters.
    template : callable
        Returns an array of shape (0, ...) with the rows' shape and dtype. It is called only if
        there is something to write.
    jobs : sequence of Job
    recipe : Recipe

    Returns
    -------
    dict
        Number of rows and facts of every track by its id, including tracks without rows.

    Raises
    ------
    NoRowsError
        No track has rows; the old store stays.
    PipelineError
        Another process writes this store, or the cache cannot be written.
    """
    started = time.monotonic()
    label = str(description["name"])
    builder = Builder(machine_cache(), description, template, recipe)
    tracks: dict[str, CachedTrack] = {}
    with replacing_folder(folder) as new:
        plans = builder.plans(jobs)
        missing = [job for plan in plans for job in plan.missing]
        computing = map_tracks(builder.compute, missing, total=len(missing), label=label)
        with closing(computing) as computed:
            for plan in plans:
                for _ in islice(computed, len(plan.missing)):
                    pass
                shard = builder.assemble(plan)
                link(shard.path, new / shard_name(plan.number))
                tracks |= {track.track_id: track for track in shard.tracks}
        if not any(track.clips for track in tracks.values()):
            raise NoRowsError(f"{folder}: not one of {len(tracks)} tracks gives rows")
    rejected = sum(not track.clips for track in tracks.values())
    print(
        f"{label}: {len(tracks)} tracks, {len(tracks) - len(missing)} reused, {len(missing)} "
        f"computed, {rejected} rejected, in {time.monotonic() - started:.1f} s"
    )
    return tracks


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` if the block ends without an error.

    Raises
    ------
    PipelineError
        Another process is writing `folder`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    try:
        new = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(new, folder)
    finally:
        lock.close()


def _lock(folder: Path) -> LockFile:
    path = folder.with_name(f".{folder.name}.lock")
    try:
        return LockFile(str(path), content_template="{pid}")
    except LockError:
        pid = path.read_text(encoding="utf-8").strip()
        raise PipelineError(
            f"{folder} is being written by process {pid}; wait until it ends, or stop it"
        ) from None
