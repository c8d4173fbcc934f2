"""Cut the files of a dataset into clips, or survey them: decode all and keep nothing but facts."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.audio.clips import Pcm, SegmentParams
from pipeline.audio.decode import MARKS, CutTrack
from pipeline.base.parallel import map_tracks
from pipeline.base.types import Array
from pipeline.dataset.folder import Cells, TrackFile, hash_files, unchanged
from pipeline.dataset.tracks import OK, REJECTED, Track, status_of
from pipeline.store.build import Job, build_store
from pipeline.store.cache import CachedTrack

FACTS = ("seconds", "sample_rate", "channels")

Row = dict[str, Any]


def segment(tracks: Sequence[TrackFile], params: SegmentParams, folder: Path) -> list[Row]:
    """Write the clips of all usable tracks to the store `folder`.

    Returns
    -------
    list of dict
        One row of data/tracks.csv for each track, without what metadata say of it.

    Raises
    ------
    NoRowsError
        No track can be used.
    PipelineError
        A file changed meanwhile, or is decoded by something else on another machine.
    """
    paths = [track.path.absolute() for track in tracks]
    hashes = hash_files(paths)
    jobs = [
        Job(track.track_id, f"{sha256} {path.suffix}", partial(unchanged, path, sha256))
        for track, path, sha256 in zip(tracks, paths, hashes, strict=True)
        if isinstance(sha256, str)
    ]
    recipe = CutTrack(params.sample_rate, params.clip_samples)
    description = {
        "name": "pcm",
        "unit": "full scale / 32768",
        "sample_rate": params.sample_rate,
        "seconds": params.seconds,
    }
    built = build_store(folder, description, recipe.template, jobs, recipe)
    return [
        _row(track, sha256, built.get(track.track_id))
        for track, sha256 in zip(tracks, hashes, strict=True)
    ]


def labelled(rows: Sequence[Row]) -> list[Row]:
    """The rows of labelled, usable tracks."""
    return [row for row in rows if row["genre"] and row["clips"]]


def count_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """Count files, tracks and clips for metrics/segment.json."""
    usable = labelled(rows)
    known = sum(bool(row.get("artist")) for row in usable)
    return {
        "files": len(rows),
        "labelled_tracks": len(usable),
        "unlabelled_tracks": sum(not row["genre"] and row["clips"] > 0 for row in rows),
        "clips": sum(row["clips"] for row in rows),
        "rejected": sum(row["status"].startswith(REJECTED) for row in rows),
        **{mark: sum(_has(row["status"], mark) for row in rows) for mark in MARKS},
        "known_artist_share": round(known / len(usable), 4) if usable else 0.0,
    }


def _row(track: TrackFile, sha256: str | OSError, built: CachedTrack | None) -> Row:
    row: Row = {"track_id": track.track_id, "genre": track.genre, "clips": 0}
    if isinstance(sha256, OSError):
        return {**row, "status": status_of(sha256)}
    assert built is not None  # as every file that has a hash has a job
    known = {name: built.facts[name] for name in FACTS if name in built.facts}
    status = status_of(built.facts)
    return {**row, "sha256": sha256, "clips": built.clips, **known, "status": status}


@dataclass(frozen=True)
class Surveyed:
    """A file of the dataset.

    Attributes
    ----------
    file : TrackFile
    status : str
        As in data/tracks.csv.
    facts : dict
        ``seconds``, ``sample_rate`` and ``channels`` of a usable track.
    clips : int
        Number of its clips; 0 where it is rejected.
    digest : str
        Hash of the samples of its clips.
    took : float
        Seconds that decoding and cutting took here.
    fingerprint : uint32 array, shape (frames,), or None
        None where none was asked for, or there is no clip.
    """

    file: TrackFile
    status: str
    facts: dict[str, Any]
    clips: int
    digest: str
    took: float
    fingerprint: Array | None

    @property
    def is_usable(self) -> bool:
        """Whether `segment` would give it clips."""
        return not self.status.startswith(REJECTED)


def survey(
    files: Sequence[TrackFile], cut: CutTrack, fingerprint: Callable[[Pcm], Array] | None = None
) -> list[Surveyed]:
    """Decode every file, on all cores, one in memory on each.

    Parameters
    ----------
    files : sequence of TrackFile
    cut : CutTrack
        The recipe of `segment`, so that a file is rejected here if and only if it is there.
    fingerprint : callable, optional
        Turns samples, int16, shape (n,), into the fingerprint to keep.
    """
    look = partial(_look, cut=cut, fingerprint=fingerprint)
    return list(map_tracks(look, files, total=len(files), label="decode"))


def usable_tracks(files: Sequence[Surveyed], metadata: Mapping[str, Cells]) -> list[Track]:
    """The usable tracks as `segment` would list them, with the hash of their samples."""
    return [
        Track(
            track_id=each.file.track_id,
            genre=each.file.genre,
            clips=each.clips,
            sha256=each.digest,
            **{"artist": "", "split": "", "fold": "", **metadata.get(each.file.track_id, {})},
        )
        for each in files
        if each.is_usable
    ]


def summarise(files: Sequence[Surveyed], tracks: Sequence[Track]) -> dict[str, Any]:
    """Count files, genres, lengths, formats and artists, and name what is rejected or marked."""
    usable = [each for each in files if each.is_usable]
    artists = {track.track_id: track.artist for track in tracks if track.genre}
    return {
        "files": len(files),
        "tracks": len(artists),
        "unlabelled": len(tracks) - len(artists),
        "hours": round(sum(each.facts["seconds"] for each in usable) / 3600, 3),
        "clips": sum(track.clips for track in tracks),
        "genres": [
            _genre([each for each in files if each.file.genre == genre], artists)
            for genre in sorted({each.file.genre for each in files})
        ],
        "lengths": _lengths(sorted(each.facts["seconds"] for each in usable)),
        "formats": _counted(each.file.path.suffix.lower() for each in usable),
        "sample_rates": _counted(each.facts["sample_rate"] for each in usable),
        "channels": _counted(each.facts["channels"] for each in usable),
        "rejected": {
            str(each.file.path): each.status.removeprefix(f"{REJECTED}: ")
            for each in files
            if not each.is_usable
        },
        "marked": {str(each.file.path): each.status for each in usable if each.status != OK},
        "artists_known": sum(map(bool, artists.values())),
    }


def _has(status: str, mark: str) -> bool:
    """Whether a status names one of the `MARKS`, perhaps with an amount."""
    return any(part.startswith(mark) for part in status.split("; "))


def _look(file: TrackFile, cut: CutTrack, fingerprint: Callable[[Pcm], Array] | None) -> Surveyed:
    start = time.perf_counter()
    try:
        result = cut(file.path)
    except OSError as error:
        return Surveyed(file, status_of(error), {}, 0, "", time.perf_counter() - start, None)
    took = time.perf_counter() - start
    status = status_of(result.facts)
    if result.rows is None:
        return Surveyed(file, status, {}, 0, "", took, None)
    pcm = result.rows.reshape(-1)
    return Surveyed(
        file=file,
        status=status,
        facts=result.facts,
        clips=len(result.rows),
        digest=hashlib.sha256(pcm.tobytes()).hexdigest(),
        took=took,
        fingerprint=fingerprint(pcm) if fingerprint else None,
    )


def _genre(files: Sequence[Surveyed], artists: Mapping[str, str]) -> dict[str, Any]:
    usable = [each for each in files if each.is_usable]
    known = {artists.get(each.file.track_id, "") for each in usable}
    return {
        "genre": files[0].file.genre,
        "tracks": len(usable),
        "rejected": len(files) - len(usable),
        "minutes": round(sum(each.facts["seconds"] for each in usable) / 60, 1),
        "artists": len(known - {""}),
    }


def _lengths(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"shortest": seconds[0], "median": median(seconds), "longest": seconds[-1]}


def _counted(values: Iterable[object]) -> dict[str, int]:
    """Count the values, the most frequent first; they are text, as keys of JSON are."""
    return {str(value): count for value, count in Counter(values).most_common()}
