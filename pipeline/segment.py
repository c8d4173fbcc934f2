"""Stage: cut the dataset's files into PCM clips, and list all files in data/tracks.csv."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.audio.clips import SegmentParams
from pipeline.audio.decode import CutTrack, converter_of
from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, METRICS, TRACKS, write_csv, write_json
from pipeline.base.params import read_section
from pipeline.dataset.folder import TrackFile, find_tracks, hash_files, read_metadata, unchanged
from pipeline.dataset.gtzan import foreign_tracks, gtzan_facts, with_gtzan_artists
from pipeline.dataset.tracks import COLUMNS, REJECTED, TRUNCATED, DatasetParams, status_of
from pipeline.store.build import Job, NoRowsError, build_store
from pipeline.store.cache import CachedTrack

COUNTS = METRICS / "segment.json"
FACTS = ("seconds", "sample_rate", "channels")

Row = dict[str, Any]


def segment(tracks: Sequence[TrackFile], params: SegmentParams, folder: Path) -> list[Row]:
    """Write the clips of all usable tracks to the store `folder`; return one row for each track."""
    paths = [track.path.absolute() for track in tracks]
    hashes = hash_files(paths)
    jobs = [
        _job(track.track_id, path, sha256)
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


def _job(track_id: str, path: Path, sha256: str) -> Job:
    converter = converter_of(path)
    key = " ".join(filter(None, [sha256, path.suffix, converter]))
    return Job(track_id, key, partial(load_path, path, sha256, converter))


def load_path(path: Path, sha256: str, converter: str) -> Path:
    """The path of a file, on the machine that decodes it.

    Raises
    ------
    PipelineError
        The file has changed, or is decoded by something else here.
    """
    if converter_of(path) != converter:
        raise PipelineError(
            f"a worker decodes {path.suffix} with {converter_of(path) or 'nothing'} instead of "
            f"{converter or 'nothing'}; have the same ffmpeg on all machines"
        )
    return unchanged(path, sha256)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Count files, tracks and clips for metrics/segment.json."""
    labelled = _labelled(rows)
    known = sum(bool(row.get("artist")) for row in labelled)
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
    """Segment the dataset as params.yaml says."""
    command_line(__doc__).parse_args()
    folder = read_section(DatasetParams, "dataset").folder
    params = read_section(SegmentParams, "segment")
    tracks = find_tracks(folder)
    metadata = read_metadata(tracks, folder)
    try:
        rows = segment(tracks, params, CLIPS)
    except NoRowsError:
        raise PipelineError(
            f"dataset.path = {str(folder)!r}: none of its files can be used"
        ) from None
    labelled = [row["track_id"] for row in _labelled(rows)]
    known = with_gtzan_artists(metadata, gtzan_facts(labelled))
    for row in rows:
        row |= known.get(row["track_id"], {})
    write_csv(TRACKS, COLUMNS, rows)
    counts = summarise(rows)
    write_json(COUNTS, counts)
    _warn(counts, foreign_tracks(labelled))


def _labelled(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["genre"] and row["clips"]]


def _row(track: TrackFile, sha256: str | OSError, built: CachedTrack | None) -> Row:
    row: Row = {"track_id": track.track_id, "genre": track.genre, "clips": 0}
    if isinstance(sha256, OSError):
        return {**row, "status": status_of(sha256)}
    assert built is not None  # as every file that has a hash has a job
    known = {name: built.facts[name] for name in FACTS if name in built.facts}
    status = status_of(built.facts)
    return {**row, "sha256": sha256, "clips": built.clips, **known, "status": status}


def _warn(counts: Mapping[str, Any], foreign: Sequence[str]) -> None:
    if counts["rejected"] or counts["truncated"]:
        print(
            f"warning: of {counts['files']} files, {counts['rejected']} are rejected and "
            f"{counts['truncated']} truncated; the column status of {TRACKS} says why",
            file=sys.stderr,
        )
    if foreign:
        print(
            f"warning: most labelled tracks are GTZAN's, but not {foreign[0]} (number of such "
            f"tracks: {len(foreign)}), so GTZAN's artists, replicas and split are not used",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
