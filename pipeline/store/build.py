"""Build a store so that every track is computed only once; stages write rows in no other way."""

import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.base.errors import PipelineError
from pipeline.base.files import digest, locked
from pipeline.base.parallel import map_tracks
from pipeline.base.types import Array, Result
from pipeline.store.addresses import HasSources, code_address, recipe_address
from pipeline.store.cache import Cache, CachedShard, CachedTrack, link, machine_cache
from pipeline.store.shard import HashedRows, Shard, write_shard
from pipeline.store.store import SHARDS, Store, rows_of, shard_name, shard_of

LAYOUT = "pipeline/store/shard.py"  # decides the bytes of a shard, given its rows

Part = TypeVar("Part")


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


Addressed = tuple[str, Job]  # the address of the result, and what it is computed of


def jobs_of(folder: Path) -> list[Job]:
    """A job for every track of a store, whose input are its rows."""
    with Store(folder) as store:
        digests = {track_id: store.digest(track_id) for track_id in store.track_ids}
    return [
        Job(track_id, digest, partial(rows_of, folder.absolute(), track_id, digest))
        for track_id, digest in digests.items()
    ]


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


@dataclass(frozen=True)
class Plan:
    """The content that a shard will have, and the part of it that the cache has.

    Attributes
    ----------
    number : int
    key : str
        Hash of everything that determines the shard's bytes.
    jobs : sequence of (address, Job)
        Sorted by track id.
    ready : CachedShard or None
        The same shard, if it was made before.
    missing : sequence of (address, Job)
        What must be computed, and no plan before it computes.
    """

    number: int
    key: str
    jobs: Sequence[Addressed]
    ready: CachedShard | None
    missing: Sequence[Addressed] = ()


class Builder:
    """Plans and assembles the shards of a store; the parameters are those of `build_store`.

    Attributes
    ----------
    compute : callable
        Computes one (address, Job) into the cache. It holds nothing of other tracks, as it goes
        to a worker with each of them.
    """

    def __init__(
        self,
        cache: Cache,
        description: Mapping[str, Any],
        template: Callable[[], Array],
        recipe: Recipe,
    ) -> None:
        self.cache, self.description, self.template = cache, description, template
        self.address = recipe_address(recipe)
        self.compute = partial(compute, cache, recipe, self.address)
        self._layout = digest(code_address(LAYOUT), json.dumps(description, sort_keys=True))
        self._last_use: dict[str, int] = {}  # number of a shard, by address
        # What other shards of the cache hold, perhaps under another track id.
        self._held: dict[str, tuple[CachedTrack, HashedRows]] = {}

    def plans(self, jobs: Sequence[Job]) -> list[Plan]:
        """Plan every shard of a store that holds `jobs`."""
        by_shard: dict[int, list[Addressed]] = defaultdict(list)
        for job in sorted(jobs, key=lambda job: job.track_id):
            address = digest(self.address, job.key)
            by_shard[shard_of(job.track_id)].append((address, job))
        plans = [self._plan(number, by_shard[number]) for number in range(SHARDS)]
        self._last_use = {address: plan.number for plan in plans for address, _ in plan.jobs}
        self._hold([plan for plan in plans if not plan.ready])
        planned: set[str] = set()
        return [replace(plan, missing=list(self._missing(plan, planned))) for plan in plans]

    def _plan(self, number: int, jobs: Sequence[Addressed]) -> Plan:
        content = (f"{address} {job.track_id}" for address, job in jobs)
        key = digest(self._layout, *content)
        return Plan(number, key, jobs, self.cache.shard(self.address, number, key))

    def _hold(self, plans: Sequence[Plan]) -> None:
        """Find what the cache's shards hold of the tracks of some plans."""
        wanted = {address for plan in plans for address, _ in plan.jobs}
        # A track that was renamed lies in the shard of its old name.
        numbers = dict.fromkeys([*(plan.number for plan in plans), *range(SHARDS)])
        cached = (each for number in numbers for each in self.cache.shards(self.address, number))
        while wanted and (shard := next(cached, None)):
            if any(track.address in wanted for track in shard.tracks):
                held = {t.address: (t, rows) for t, rows in _tracks_in(shard)}
                self._held |= {address: held[address] for address in wanted & held.keys()}
                wanted -= held.keys()

    def _missing(self, plan: Plan, planned: set[str]) -> Iterator[Addressed]:
        """What the cache lacks of a plan; tracks of the same content are computed once."""
        for address, job in plan.jobs if not plan.ready else ():
            if address not in self._held and address not in planned:
                planned.add(address)
                if self.cache.head(address) is None:
                    yield address, job

    def assemble(self, plan: Plan) -> CachedShard:
        """Make the shard of a plan, of which the cache has every result by now."""
        if plan.ready and plan.ready.path.exists():  # not pruned since it was planned
            return plan.ready
        tracks = [self._track(addressed) for addressed in plan.jobs]
        write = partial(
            write_shard,
            description=self.description,
            template=self.template(),
            clips={track.track_id: track.clips for track in tracks if track.clips},
            tracks=self._rows(plan, tracks),
        )
        shard = self.cache.publish(self.address, plan.number, plan.key, tracks, write)
        for address, _ in plan.jobs:
            if self._last_use[address] == plan.number:  # no track of another shard is the same
                self.cache.forget(address)
        return shard

    def _track(self, addressed: Addressed) -> CachedTrack:
        address, job = addressed
        if address in self._held:
            return replace(self._held[address][0], track_id=job.track_id)
        head = self._from_cache(self.cache.head, addressed)
        return CachedTrack(job.track_id, address, *head)

    def _rows(self, plan: Plan, tracks: Sequence[CachedTrack]) -> Iterator[HashedRows]:
        just_hashed = {address for address, _ in plan.missing}
        for addressed, track in zip(plan.jobs, tracks, strict=True):
            if track.clips and track.address in self._held:
                yield self._held[track.address][1]
            elif track.clips:
                read = partial(self.cache.rows, verify=track.address not in just_hashed)
                yield self._from_cache(read, addressed)

    def _from_cache(self, read: Callable[[str], Part | None], addressed: Addressed) -> Part:
        """What `read` returns of a result, which may have been pruned or be damaged."""
        part = read(addressed[0])
        if part is None:
            self.compute(addressed)
            part = read(addressed[0])
        assert part is not None
        return part


def compute(cache: Cache, recipe: Recipe, address: str, addressed: Addressed) -> None:
    """Compute a track into the cache; other machines run this.

    Parameters
    ----------
    cache : Cache
    recipe : Recipe
    address : str
        Of the recipe, where the job was made.
    addressed : (str, Job)

    Raises
    ------
    PipelineError
        The recipe has another address here.
    """
    if recipe_address(recipe) != address:
        raise PipelineError(
            "a worker runs other code or libraries than this process; restart the workers of "
            "a cluster, and run it again"
        )
    target, job = addressed
    cache.save(target, recipe(job.load()))


def _tracks_in(cached: CachedShard) -> Iterator[tuple[CachedTrack, HashedRows]]:
    """The tracks of a shard in the cache; none if it has another schema or cannot be read."""
    with suppress(PipelineError), closing(Shard(cached.path)) as shard:
        start = 0
        for track in cached.tracks:
            stop = start + track.clips
            yield track, HashedRows(shard.rows[start:stop], shard.digests(start, stop))
            start = stop


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` if the block ends without an error.

    Raises
    ------
    PipelineError
        Another process is writing `folder`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock"), written=folder):
        new = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(new, folder)
