"""Stage: find tracks that are the same recording, and list the pairs in data/replicas.csv."""

from pipeline.base.cli import command_line, run_stage, warn
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
from pipeline.recordings.matching import (
    count_pairs,
    find_replicas,
    is_across_genres,
    write_fingerprints,
)
from pipeline.store.store import Store

COUNTS = METRICS / "replicas.json"


def main() -> None:
    """Compare all usable tracks, labelled or not, with each other."""
    command_line(__doc__).parse_args()
    genres = {track.track_id: track.genre for track in read_tracks()}
    with Store(CLIPS) as store:
        digests = {track_id: store.digest(track_id) for track_id in store.track_ids}
    if set(genres) != set(digests):
        raise PipelineError(f"{TRACKS} and {CLIPS} have different tracks; run `dvc repro segment`")
    write_fingerprints(CLIPS, FINGERPRINTS)
    with Store(FINGERPRINTS) as store:
        rows = find_replicas(digests, lambda track_id: store.rows(track_id).reshape(-1))
    for row in rows:
        row |= {"genre": genres[row["track_id"]], "same_as_genre": genres[row["same_as"]]}
        if is_across_genres(row):
            warn(
                f"{row['track_id']} and {row['same_as']} are the same recording ({row['kind']}, "
                f"agreement {row['agreement']:.4f}) with two genres"
            )
    write_csv(REPLICAS, REPLICA_COLUMNS, map(rounded, rows))
    write_json(COUNTS, count_pairs(rows, len(digests)))


if __name__ == "__main__":
    run_stage(main)
