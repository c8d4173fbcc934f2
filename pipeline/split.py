"""Stage: labelled tracks -> data/folds.csv."""

from pipeline.errors import PipelineError, run_stage
from pipeline.folds import PROTOCOLS
from pipeline.params import load_params
from pipeline.tracks import FoldedTrack, read_tracks, write_folds


def main() -> None:
    """Deal the labelled tracks into folds as `split` in params.yaml says."""
    params = load_params()
    tracks = [track for track in read_tracks() if track.genre]
    genres = [track.genre for track in tracks]
    if len(set(genres)) < 2:
        found = ", ".join(sorted(set(genres))) or "none"
        raise PipelineError(f"genres with usable tracks: {found}; at least two are needed")
    folds = PROTOCOLS[params.split.protocol](genres, params.split.folds, params.seed)
    write_folds(
        [
            FoldedTrack(track.track_id, track.genre, fold)
            for track, fold in zip(tracks, folds, strict=True)
        ]
    )


if __name__ == "__main__":
    run_stage(main)
