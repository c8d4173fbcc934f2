"""Stage: files of the dataset -> PCM clips in data/clips, a row a file in data/tracks.csv."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.build import Job, NoRowsError, build_store
from pipeline.cache import CachedTrack
from pipeline.clips import CutTrack
from pipeline.dataset import TrackFile, find_tracks, hash_file, join_artists, unchanged
from pipeline.errors import PipelineError, run_stage
from pipeline.parallel import map_tracks
from pipeline.params import SegmentParams, load_params
from pipeline.store import CLIPS
from pipeline.tables import write_csv, write_json
from pipeline.tracks import COLUMNS, OK, REJECTED, TRACKS, TRUNCATED

METRICS = Path("metrics/segment.json")
FACTS = ("seconds", "sample_rate", "channels")

Row = dict[str, Any]


@dataclass(frozen=True)
class Hashed:
    """A track's file and its SHA-256, or why it cannot be read."""

    track: TrackFile
    sha256: str = ""
    error: str = ""


def segment(tracks: Sequence[TrackFile], params: SegmentParams, folder: Path) -> list[Row]:
    """Write the clips of all usable tracks to the store `folder`; a row of tracks.csv for each."""
    hashes = list(map_tracks(_hash, tracks, total=len(tracks), label="hash", light=True))
    jobs = [
        Job(
            hashed.track.track_id,
            f"{hashed.sha256} {hashed.track.path.suffix}",
            partial(unchanged, hashed.track.path.absolute(), hashed.sha256),
        )
        for hashed in hashes
        if not hashed.error
    ]
    recipe = CutTrack(params.sample_rate, params.clip_samples)
    description = {
        "name": "pcm",
        "unit": "full scale / 32768",
        "sample_rate": params.sample_rate,
        "seconds": params.seconds,
    }
    built = build_store(folder, description, recipe.template(), jobs, recipe)
    return [_row(hashed, built.get(hashed.track.track_id)) for hashed in hashes]


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts of tracks.csv for the metrics."""
    labelled = [row for row in rows if row["genre"] and row["clips"]]
    known = sum(bool(row["artist"]) for row in labelled)
    return {
        "files": len(rows),
        "labelled_tracks": len(labelled),
        "unlabelled_tracks": sum(not row["genre"] and row["clips"] > 0 for row in rows),
        "clips": sum(row["clips"] for row in rows),
        "rejected": sum(row["status"].startswith(REJECTED) for row in rows),
        "truncated": sum(row["status"] == TRUNCATED for row in rows),
        "known_artist_share": round(known / len(labelled), 4) if labelled else 0.0,
    }


def main() -> None:
    """Segment `dataset.path` as params.yaml says."""
    params = load_params()
    folder = Path(params.dataset.path).expanduser()
    tracks = find_tracks(folder)
    artists = join_artists(tracks, folder)
    try:
        rows = segment(tracks, params.segment, CLIPS)
    except NoRowsError:
        raise PipelineError(
            f"dataset.path = {str(folder)!r}: not one file of it can be used"
        ) from None
    for row in rows:
        row["artist"] = artists.get(row["track_id"], "")
    write_csv(TRACKS, COLUMNS, rows)
    counts = summarise(rows)
    write_json(METRICS, counts)
    _warn(counts)


def _hash(track: TrackFile) -> Hashed:
    try:
        return Hashed(track, sha256=hash_file(track.path))
    except OSError as error:
        return Hashed(track, error=str(error.strerror))


def _row(hashed: Hashed, built: CachedTrack | None) -> Row:
    row: Row = {
        "track_id": hashed.track.track_id,
        "genre": hashed.track.genre,
        "sha256": hashed.sha256,
        "clips": built.clips if built else 0,
    }
    facts = built.facts if built else {"rejected": hashed.error}
    if "rejected" in facts:
        return {**row, "status": f"{REJECTED}: {facts['rejected']}"}
    status = TRUNCATED if facts["truncated"] else OK
    return {**row, **{name: facts[name] for name in FACTS}, "status": status}


def _warn(counts: Mapping[str, Any]) -> None:
    if counts["rejected"] or counts["truncated"]:
        print(
            f"warning: of {counts['files']} files {counts['rejected']} rejected and "
            f"{counts['truncated']} truncated; the column status of {TRACKS} says why",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
