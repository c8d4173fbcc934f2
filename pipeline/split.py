"""Stage: assign the labelled tracks to folds, audit these, and write data/folds.csv."""

from pipeline.base.cli import command_line, run_stage, warn
from pipeline.base.files import SPLIT, write_json
from pipeline.base.params import read_section, read_seed
from pipeline.dataset.tracks import read_replica_pairs, read_statuses, read_tracks
from pipeline.folds.assignment import assign_folds, require_all_genres
from pipeline.folds.table import SplitParams, folds_digest, write_folds


def main() -> None:
    """Assign folds as params.yaml says."""
    command_line(__doc__).parse_args()
    params = read_section(SplitParams, "split")
    left_out = require_all_genres(read_statuses(), params.least_tracks)
    assigned = assign_folds(read_tracks(), read_replica_pairs(), params, read_seed())
    for line in assigned.warnings:
        warn(line)
    write_folds(assigned.tracks)
    figures = {**assigned.figures, "genres_left_out": list(left_out)}
    write_json(SPLIT, {**figures, "folds_digest": folds_digest()})


if __name__ == "__main__":
    run_stage(main)
