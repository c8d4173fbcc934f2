"""Build a store so that every track is computed only once; stages write rows in no other way."""

import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from zc.lockfile import LockError, LockFile

from pipeline.base.errors import PipelineError
from pipeline.base.files import digest
from pipeline.base.parallel import map_tracks
from pipeline.base.types import Array, Result
from pipeline.store.addresses import HasSources, code_address, recipe_address
from pipeline.store.cache import Cache, CachedShard, CachedTrack, link, machine_cache
from pipeline.store.shard import Shard, write_shard
from pipeline.store.store import SHARDS, Store, rows_of, shard_name, shard_of

LAYOUT = "pipeline/store/shard.py"  # decides the bytes of a shard, given its rows


class Recipe(HasSources, Protocol):
    """A frozen dataclass that turns the input of a track into its result when it is called."""

    def __call__(self, source: Any, /) -> Result:
        """Compute the result of one track."""


@dataclass(frozen=True)
class Job:
    """A track that the store will hold.

    Attributes
    ----------
    track_id : str
    key : str
        Hash of the input; together with the recipe's address it determines the result.
    load : callable
        Loads the input, on the machine that computes the track.
    """

    track_id: str
    key: str
    load: Callable[[], Any]


Addressed = tuple[str, Job]
Known = dict[str, tuple[CachedTrack, Array]]  # by address, rows in the cache's shards


def jobs_of(folder: Path) -> list[Job]:
    """A job for every track of a store, whose input are its rows."""
    with Store(folder) as store:
        digests = {track_id: store.digest(track_id) for track_id in store.track_ids}
    return [
        Job(track_id, digest, partial(rows_of, folder.absolute(), track_id, digest))
        for track_id, digest in digests.items()
    ]


@dataclass(frozen=True)
class Plan:
    """What a shard will hold, and what of this the cache has.

    Attributes
    ----------
    number : int
    key : str
        Hash of everything that determines the shard's bytes.
    jobs : sequence of (address, Job)
        Sorted by track id.
    ready : CachedShard or None
        The same shard, if it was made before.
    known : dict of str to (CachedTrack, array)
        Tracks, by address, that other shards of the cache hold, perhaps under another name.
    missing : list of (address, Job)
        What must be computed, and no plan before it computes.
    """

    number: int
    key: str
    jobs: Sequence[Addressed]
    ready: CachedShard | None
    known: Known
    missing: Sequence[Addressed]


class Builder:
    """Plans and assembles the shards of a store; the parameters are those of `build_store`."""

    def __init__(
        self,
        cache: Cache,
        description: Mapping[str, Any],
        template: Callable[[], Array],
        recipe: Recipe,
    ) -> None:
        self.cache, self.description = cache, description
        self.template, self.recipe = template, recipe
        self.address = recipe_address(recipe)
        self._last_use: dict[str, int] = {}  # number of a shard, by address
        self._layout = digest(
            code_address(LAYOUT),
            json.dumps(description, sort_keys=True),
        )

    def plans(self, jobs: Sequence[Job]) -> list[Plan]:
        """Plan every shard of a store that holds `jobs`."""
        by_shard: dict[int, list[Addressed]] = defaultdict(list)
        for job in sorted(jobs, key=lambda job: job.track_id):
            address = digest(self.address, job.key)
            by_shard[shard_of(job.track_id)].append((address, job))
        plans = [self._plan(number, by_shard[number]) for number in range(SHARDS)]
        missing = {address for plan in plans for address, _ in plan.missing}
        # A track that was renamed lies in the shard of its old name.
        elsewhere = self._find(range(SHARDS), missing)
        self._last_use = {address: plan.number for plan in plans for address, _ in plan.jobs}
        return list(_computing_once(_with_known(plan, elsewhere) for plan in plans))

    def compute(self, addressed: Addressed) -> None:
        """Compute a track into the cache; other machines run this."""
        address, job = addressed
        if recipe_address(self.recipe) != self.address:
            raise PipelineError(
                "a worker runs other code or libraries than this process; restart the workers of "
                "a cluster, and run it again"
            )
        self.cache.save(address, self.recipe(job.load()))

    def assemble(self, plan: Plan) -> CachedShard:
        """Make the shard of a plan, of which the cache has every result by now."""
        if plan.ready and plan.ready.path.exists():  # not pruned since it was planned
            return plan.ready
        tracks = [self._track(plan, addressed) for addressed in plan.jobs]
        rows = (
            self._rows(plan, of) for of, track in zip(plan.jobs, tracks, strict=True) if track.clips
        )
        write = partial(
            write_shard,
            description=self.description,
            template=self.template(),
            clips={track.track_id: track.clips for track in tracks if track.clips},
            tracks=rows,
        )
        shard = self.cache.publish(self.address, plan.number, plan.key, tracks, write)
        for address, _ in plan.jobs:
            if self._last_use[address] == plan.number:  # no track of another shard is the same
                self.cache.forget(address)
        return shard

    def _plan(self, number: int, jobs: Sequence[Addressed]) -> Plan:
        content = (f"{address} {job.track_id}" for address, job in jobs)
        key = digest(self._layout, *content)
        ready = self.cache.shard(self.address, number, key)
        if ready:
            return Plan(number, key, jobs, ready, {}, [])
        known = self._find([number], {address for address, _ in jobs})
        missing = [
            (address, job)
            for address, job in jobs
            if address not in known and self.cache.head(address) is None
        ]
        return Plan(number, key, jobs, None, known, missing)

    def _find(self, numbers: Iterable[int], wanted: set[str]) -> Known:
        """What the cache's shards of these numbers hold of the addresses `wanted`."""
        found: Known = {}
        cached = (each for number in numbers for each in self.cache.shards(self.address, number))
        while len(found) < len(wanted) and (shard := next(cached, None)):
            useful = wanted - found.keys()
            if any(track.address in useful for track in shard.tracks):
                found |= {
                    t.address: (t, rows) for t, rows in _contents(shard) if t.address in useful
                }
        return found

    def _track(self, plan: Plan, addressed: Addressed) -> CachedTrack:
        address, job = addressed
        if address in plan.known:
            return replace(plan.known[address][0], track_id=job.track_id)
        head = self.cache.head(address)
        if head is None:  # pruned since it was planned or computed
            self.compute(addressed)
            head = self.cache.head(address)
        assert head is not None
        return CachedTrack(job.track_id, address, *head)

    def _rows(self, plan: Plan, addressed: Addressed) -> Array:
        address, job = addressed
        if address in plan.known:
            return plan.known[address][1]
        result = self.cache.load(address) or self.recipe(job.load())
        assert result.rows is not None
        return result.rows


def _with_known(plan: Plan, found: Known) -> Plan:
    """The plan with what was `found` of what it misses."""
    known = {address: found[address] for address, _ in plan.missing if address in found}
    missing = [each for each in plan.missing if each[0] not in known]
    return replace(plan, known={**plan.known, **known}, missing=missing)


def _computing_once(plans: Iterable[Plan]) -> Iterator[Plan]:
    """The plans, of which only the first computes what several miss: tracks of the same content."""
    computed: set[str] = set()
    for plan in plans:
        missing = {address: job for address, job in plan.missing if address not in computed}
        computed |= missing.keys()
        yield replace(plan, missing=list(missing.items()))


def _contents(cached: CachedShard) -> Iterator[tuple[CachedTrack, Array]]:
    shard = Shard(cached.path)
    start = 0
    for track in cached.tracks:
        yield track, shard.rows[start : start + track.clips]
        start += track.clips
    shard.close()


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
