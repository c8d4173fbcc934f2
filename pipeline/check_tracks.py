"""Stage: check that there are enough tracks for the folds, before a feature is computed."""

from pipeline.base.cli import command_line, run_stage, warn
from pipeline.base.errors import FoldError
from pipeline.base.files import TRACKS_CHECKED
from pipeline.base.params import read_section, read_seed
from pipeline.dataset.tracks import read_statuses, read_tracks
from pipeline.folds.assignment import require_all_genres, require_folds, small_genres
from pipeline.folds.table import SplitParams


def main() -> None:
    """Check data/tracks.csv; the output never changes, so that no later stage runs again for it."""
    command_line(__doc__).parse_args()
    params, files = read_section(SplitParams, "split"), read_statuses()
    for genre, text in require_all_genres(files, params.least_tracks).items():
        warn(f"genre {genre!r} is left out: {text}, and split.least_tracks = {params.least_tracks}")
    try:
        require_folds(read_tracks(), params, read_seed())
    except FoldError as error:
        small = small_genres(files, params.folds).items()
        rejected = [f"genre {genre!r}: {text}" for genre, text in small if text.endswith(")")]
        way = "split.least_tracks can leave small genres out"
        raise FoldError("; ".join([str(error), way, *rejected])) from None
    TRACKS_CHECKED.write_text("the tracks are enough for the folds\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
