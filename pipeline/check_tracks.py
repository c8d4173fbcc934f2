"""Stage: check that there are enough tracks for the folds, before a feature is computed."""

from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import TRACKS_CHECKED
from pipeline.base.params import read_section, read_seed
from pipeline.dataset.tracks import read_tracks
from pipeline.folds.assignment import require_folds
from pipeline.folds.table import SplitParams


def main() -> None:
    """Check data/tracks.csv; the output never changes, so that no later stage runs again for it."""
    command_line(__doc__).parse_args()
    require_folds(read_tracks(), read_section(SplitParams, "split"), read_seed())
    TRACKS_CHECKED.write_text("the tracks are enough for the folds\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
