"""Stage: files of the dataset -> PCM clips in data/clips, a row a file in data/tracks.csv."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.audio import AudioError
from pipeline.clips import ClippedTrack, Pcm, load_clips
from pipeline.dataset import TrackFile, find_tracks, join_artists
from pipeline.errors import PipelineError, run_stage
from pipeline.parallel import map_tracks
from pipeline.params import SegmentParams, load_params
from pipeline.store import CLIPS, in_store_order, write_store
from pipeline.tables import write_csv, write_json
from pipeline.tracks import COLUMNS, OK, REJECTED, TRACKS, TRUNCATED

METRICS = Path("metrics/segment.json")

Row = dict[str, Any]


@dataclass
class Segmenter:
    """Cuts every track and remembers a row for each; rejected tracks give no clips."""

    params: SegmentParams
    artists: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)

    def clips(self, tracks: Sequence[TrackFile]) -> Iterator[tuple[str, Pcm]]:
        """Clips of every usable track, in the order given."""
        segment = partial(segment_track, params=self.params)
        for track, (row, pcm) in zip(
            tracks, map_tracks(segment, tracks, total=len(tracks), label="segment"), strict=True
        ):
            self.rows.append({**row, "artist": self.artists.get(track.track_id, "")})
            if pcm is not None:
                yield track.track_id, pcm


def segment_track(track: TrackFile, params: SegmentParams) -> tuple[Row, Pcm | None]:
    """Row of tracks.csv, and clips of shape (clips, clip_samples) unless it is rejected."""
    row: Row = {"track_id": track.track_id, "genre": track.genre, "clips": 0}
    try:
        with track.path.open("rb") as file:
            row["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        clipped = load_clips(track.path, params.sample_rate, params.clip_samples)
    except AudioError as error:
        return {**row, "status": f"{REJECTED}: {error}"}, None
    except OSError as error:
        return {**row, "status": f"{REJECTED}: {error.strerror}"}, None
    return {**row, **_facts(clipped)}, clipped.pcm


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
    tracks = {track.track_id: track for track in find_tracks(folder)}
    segmenter = Segmenter(params.segment, join_artists(list(tracks.values()), folder))
    ordered = [tracks[track_id] for track_id in in_store_order(tracks)]
    description = {
        "name": "pcm",
        "unit": "full scale / 32768",
        "sample_rate": params.segment.sample_rate,
        "seconds": params.segment.seconds,
    }
    clips = _require_any(segmenter.clips(ordered), folder)
    write_store(CLIPS, description, clips)
    rows = sorted(segmenter.rows, key=lambda row: row["track_id"])
    write_csv(TRACKS, COLUMNS, rows)
    write_json(METRICS, summarise(rows))
    _warn(rows)


def _facts(clipped: ClippedTrack) -> Row:
    recording = clipped.recording
    return {
        "seconds": round(recording.seconds, 3),
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "clips": len(clipped.pcm),
        "status": TRUNCATED if recording.truncated else OK,
    }


def _require_any(clips: Iterator[tuple[str, Pcm]], folder: Path) -> Iterator[tuple[str, Pcm]]:
    usable = False
    for track in clips:
        usable = True
        yield track
    if not usable:
        raise PipelineError(f"dataset.path = {str(folder)!r}: not one file of it can be used")


def _warn(rows: Sequence[Row]) -> None:
    counts = summarise(rows)
    if counts["rejected"] or counts["truncated"]:
        print(
            f"warning: of {counts['files']} files {counts['rejected']} rejected and "
            f"{counts['truncated']} truncated; the column status of {TRACKS} says why",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
