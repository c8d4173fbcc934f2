"""What each file of a dataset gives, found out by decoding it and keeping nothing but facts."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from pipeline.audio.clips import Pcm
from pipeline.audio.decode import CutTrack
from pipeline.base.parallel import map_tracks
from pipeline.base.types import Array
from pipeline.dataset.folder import Cells, TrackFile
from pipeline.dataset.tracks import REJECTED, TRUNCATED, Track, status_of


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
        """Whether the pipeline would take it."""
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


def usable_tracks(found: Sequence[Surveyed], metadata: Mapping[str, Cells]) -> list[Track]:
    """The usable tracks as `segment` would list them, with the hash of their samples."""
    return [
        Track(
            track_id=each.file.track_id,
            genre=each.file.genre,
            clips=each.clips,
            sha256=each.digest,
            **{"artist": "", "split": "", "fold": "", **metadata.get(each.file.track_id, {})},
        )
        for each in found
        if each.is_usable
    ]


def _look(file: TrackFile, cut: CutTrack, fingerprint: Callable[[Pcm], Array] | None) -> Surveyed:
    start = time.perf_counter()
    try:
        result = cut(file.path)
    except OSError as error:
        return Surveyed(file, status_of(error), {}, 0, "", time.perf_counter() - start, None)
    took = time.perf_counter() - start
    if result.rows is None:
        return Surveyed(file, status_of(result.facts), {}, 0, "", took, None)
    pcm = result.rows.reshape(-1)
    digest = hashlib.sha256(pcm.tobytes()).hexdigest()
    found = fingerprint(pcm) if fingerprint else None
    return Surveyed(
        file, status_of(result.facts), result.facts, len(result.rows), digest, took, found
    )


def summarise(found: Sequence[Surveyed], tracks: Sequence[Track]) -> dict[str, Any]:
    """Count files, genres, lengths, formats and artists, and name what is rejected."""
    usable = [each for each in found if each.is_usable]
    artists = {track.track_id: track.artist for track in tracks if track.genre}
    return {
        "files": len(found),
        "tracks": len(artists),
        "unlabelled": len(tracks) - len(artists),
        "hours": round(sum(each.facts["seconds"] for each in usable) / 3600, 3),
        "clips": sum(track.clips for track in tracks),
        "genres": [
            _genre([each for each in found if each.file.genre == genre], artists)
            for genre in sorted({each.file.genre for each in found})
        ],
        "lengths": _lengths(sorted(each.facts["seconds"] for each in usable)),
        "formats": _counted(each.file.path.suffix.lower() for each in usable),
        "sample_rates": _counted(each.facts["sample_rate"] for each in usable),
        "channels": _counted(each.facts["channels"] for each in usable),
        "rejected": {
            str(each.file.path): each.status.removeprefix(f"{REJECTED}: ")
            for each in found
            if not each.is_usable
        },
        "truncated": [str(each.file.path) for each in found if each.status == TRUNCATED],
        "artists_known": sum(map(bool, artists.values())),
    }


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
    """How often each value occurs, the most frequent first; as text, for JSON."""
    return {str(value): count for value, count in Counter(values).most_common()}
