"""Stage: assign the labelled tracks to folds, audit these, and write data/folds.csv."""

from pipeline.base.entry import command_line, run_stage
from pipeline.base.paths import SPLIT
from pipeline.base.sections import read_section, read_seed
from pipeline.base.tables import write_json
from pipeline.base.terminal import warn
from pipeline.dataset.tracks import read_tracks
from pipeline.folds.assignment import assign_folds
from pipeline.folds.figures import folds_digest
from pipeline.folds.params import SplitParams
from pipeline.folds.table import write_folds
from pipeline.recordings.pairs import read_replica_pairs


def main() -> None:
    """Assign folds as params.yaml says."""
    command_line(__doc__).parse_args()
    params = read_section(SplitParams, "split")
    assigned = assign_folds(read_tracks(), read_replica_pairs(), params, read_seed())
    for line in assigned.warnings:
        warn(line)
    write_folds(assigned.tracks)
    write_json(SPLIT, {**assigned.figures, "folds_digest": folds_digest()})


if __name__ == "__main__":
    run_stage(main)
