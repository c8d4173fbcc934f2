"""Stage: predict the genres of unlabelled tracks, or of given files, by all folds' models.

As a stage it writes data/unlabelled.csv. `python -m pipeline.predict song.mp3 ...` prints a table.
Everything that it needs to know is in the models, so params.yaml plays no part.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import load_clips
from pipeline.audio.decode import Rejection
from pipeline.base.arrays import Array
from pipeline.base.entry import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import FEATURE_STORES, TRAINED, UNLABELLED, UNLABELLED_CLIPS
from pipeline.base.tables import write_csv
from pipeline.base.terminal import aligned
from pipeline.dataset.tracks import read_tracks
from pipeline.evaluation.summary import probability_columns, probability_row
from pipeline.features.params import described_feature
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.store.store import Store
from pipeline.training.ensemble import load_models, probabilities
from pipeline.training.saved import Description

COLUMNS = ["genre", "probability", "runner_up", "runner_up_probability"]

Models = Sequence[tuple[Any, Description]]
Row = dict[str, Any]


def predict_clips(models: Models, rows: Array) -> Array:
    """Mean probability over models: (clips, ...) -> (clips, genres)."""
    return np.mean([probabilities(model, rows) for model, _ in models], axis=0)


def predict_rows(models: Models, rows: Array) -> Array:
    """Mean probability over models and clips: (clips, ...) -> (genres,)."""
    return predict_clips(models, rows).mean(axis=0)


def verdict(genres: Sequence[str], chances: Array) -> Row:
    """The genre, the runner-up and the probability of each genre, as cells of a table."""
    best, second = np.argsort(-chances, kind="stable")[:2]
    return {
        "genre": genres[best],
        "probability": f"{chances[best]:.4f}",
        "runner_up": genres[second],
        "runner_up_probability": f"{chances[second]:.4f}",
        **probability_row(genres, chances),
    }


def predict_store(
    models: Models, folder: Path, track_ids: Sequence[str]
) -> Iterator[tuple[str, Array]]:
    """Yield each of `track_ids` with its clips' probabilities, from the store `folder`."""
    with Store(folder) as store:
        if store.description != models[0][1].store:
            raise PipelineError(f"the models were not trained on {folder}; run `dvc repro`")
        for track_id in track_ids:
            if track_id not in store:
                raise PipelineError(f"{folder} has no rows of {track_id}")
            yield track_id, predict_clips(models, store.rows(track_id))


def predict_file(models: Models, path: Path) -> Row:
    """The row of one audio file.

    Raises
    ------
    Rejection, OSError
        The file cannot be used.
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    description = models[0][1]
    store = description.store
    feature = described_feature(store)
    if feature is None:
        raise PipelineError(
            f"the models were trained on a feature of your own, {description.feature!r}, which "
            "cannot be computed here; put the tracks into the dataset's folder unlabelled, and "
            "their rows into the feature's store"
        )
    recipe = ExtractFeature(feature, store["sample_rate"])
    pcm = load_clips(path, recipe.sample_rate, recipe.sample_rate * store["seconds"]).pcm
    with threadpool_limits(1):  # as `extract` computes it, to the last bit
        rows = recipe(pcm).rows
    chances = predict_rows(models, np.asarray(rows))
    return {"file": str(path), **verdict(description.genres, chances)}


def predict_files(models: Models, paths: Sequence[Path]) -> tuple[list[Row], list[str]]:
    """The rows of the usable files, and one line for each of the others."""
    rows, errors = [], []
    for path in paths:
        try:
            rows.append(predict_file(models, path))
        except Rejection as error:
            errors.append(f"{path}: {error}")
        except OSError as error:
            errors.append(f"{path}: {error.strerror}")
    return rows, errors


def format_table(rows: Sequence[Row]) -> str:
    """Align the columns: file, genre, probability, runner-up and its probability."""
    cells = [[row["file"], *(row[name] for name in COLUMNS)] for row in rows]
    return aligned([["file", *COLUMNS], *cells])


def main() -> None:
    """Predict the files that the command line names, or else the dataset's unlabelled tracks."""
    parser = command_line(__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="audio files of your own")
    parser.add_argument("--csv", type=Path, metavar="PATH", help="also write the table to PATH")
    parser.add_argument("--models", type=Path, default=TRAINED, help="folder of fold-*.keras")
    arguments = parser.parse_args()
    if arguments.csv and not arguments.files:
        parser.error("--csv needs files; the dataset's unlabelled tracks go to data/unlabelled.csv")
    models = load_models(arguments.models)
    if arguments.files:
        _predict_own(models, arguments.files, arguments.csv)
    else:
        track_ids = [track.track_id for track in read_tracks() if not track.genre]
        folder = FEATURE_STORES / models[0][1].feature
        _write_unlabelled(models, list(predict_store(models, folder, track_ids)))


def _write_unlabelled(models: Models, found: Sequence[tuple[str, Array]]) -> None:
    """Write a row for each track, and beside it one for each clip, in order."""
    genres = models[0][1].genres
    tracks = (
        {"track_id": track_id, **verdict(genres, clips.mean(axis=0))} for track_id, clips in found
    )
    rows = (
        {"track_id": track_id, **probability_row(genres, clip)}
        for track_id, clips in found
        for clip in clips
    )
    _write(UNLABELLED, "track_id", models, tracks)
    write_csv(UNLABELLED_CLIPS, ["track_id", *probability_columns(genres)], rows)


def _predict_own(models: Models, paths: Sequence[Path], table: Path | None) -> None:
    rows, errors = predict_files(models, paths)
    if rows:
        print(format_table(rows))
    if table is not None:
        _write(table, "file", models, rows)
    for line in errors:
        print(f"rejected: {line}", file=sys.stderr)
    if errors:
        raise PipelineError(f"{len(errors)} of {len(paths)} files cannot be used")


def _write(path: Path, first: str, models: Models, rows: Any) -> None:
    write_csv(path, [first, *COLUMNS, *probability_columns(models[0][1].genres)], rows)


if __name__ == "__main__":
    run_stage(main)
