"""Stage: find tracks that are the same recording, and list the pairs in data/replicas.csv."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIPS,
    FINGERPRINTS,
    METRICS,
    REPLICAS,
    TRACKS,
    rounded,
    write_csv,
    write_json,
)
from pipeline.dataset.tracks import REPLICA_COLUMNS, read_tracks
from pipeline.recordings.fingerprint import FingerprintTrack
from pipeline.recordings.matching import EXACT, NEAR, Row, find_replicas
from pipeline.store.build import build_store, jobs_of
from pipeline.store.store import Store

COUNTS = METRICS / "replicas.json"


def compute_fingerprints(clips: Path, folder: Path) -> None:
    """Compute the fingerprint of every track in the store `clips`, and write the store `folder`."""
    with Store(clips) as store:
        recipe = FingerprintTrack(store.description["sample_rate"])
        template = partial(recipe.template, store.shape[1])
        description = {**store.description, "name": "fingerprint", "unit": "32 signs"}
    build_store(folder, description, template, jobs_of(clips), recipe)


def summarise(rows: Sequence[Row], tracks: int) -> dict[str, int]:
    """Count the pairs for metrics/replicas.json."""
    return {
        "tracks": tracks,
        "exact_pairs": sum(row["kind"] == EXACT for row in rows),
        "near_pairs": sum(row["kind"] == NEAR for row in rows),
        "pairs_across_genres": sum(_across_genres(row) for row in rows),
        "tracks_with_replica": len({row[name] for row in rows for name in ("track_id", "same_as")}),
    }


def _across_genres(row: Row) -> bool:
    genres = {row["genre"], row["same_as_genre"]}
    return len(genres - {""}) == 2  # an unlabelled track contradicts none


def _warn(row: Row) -> None:
    print(
        f"warning: {row['track_id']} and {row['same_as']} are the same recording ({row['kind']}, "
        f"agreement {row['agreement']:.4f}) with two genres",
        file=sys.stderr,
    )


def main() -> None:
    """Compare all usable tracks, labelled or not, with each other."""
    command_line(__doc__).parse_args()
    genres = {track.track_id: track.genre for track in read_tracks()}
    with Store(CLIPS) as store:
        digests = {track_id: store.digest(track_id) for track_id in store.track_ids}
    if set(genres) != set(digests):
        raise PipelineError(f"{TRACKS} and {CLIPS} have different tracks; run `dvc repro segment`")
    compute_fingerprints(CLIPS, FINGERPRINTS)
    with Store(FINGERPRINTS) as store:
        rows = find_replicas(digests, lambda track_id: store.rows(track_id).reshape(-1))
    for row in rows:
        row |= {"genre": genres[row["track_id"]], "same_as_genre": genres[row["same_as"]]}
        if _across_genres(row):
            _warn(row)
    write_csv(REPLICAS, REPLICA_COLUMNS, map(rounded, rows))
    write_json(COUNTS, summarise(rows, len(digests)))


if __name__ == "__main__":
    run_stage(main)
