"""Predict the genres of audio files and of unlabelled tracks, as tables and along the time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.cli import aligned, clean, counted, percent, progress
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.files import (
    FEATURE_STORES,
    METRICS,
    SCORES,
    TRAINED,
    UNLABELLED,
    UNLABELLED_CLIPS,
    GrowingTable,
    csv_writer,
    read_json,
    replacing,
    write_csv,
)
from pipeline.base.types import Array
from pipeline.dataset.folder import name_of
from pipeline.dataset.tracks import read_tracks
from pipeline.evaluation.predictions import (
    predictions_of,
    probability_cells,
    probability_columns,
    write_predictions,
)
from pipeline.prediction.classifier import Classifier, Prediction, recipe_of
from pipeline.prediction.ensemble import Models, models_digest, predict_clips
from pipeline.store.store import Store
from pipeline.training.trained import Description

VERDICT_COLUMNS = ["genre", "probability", "runner_up", "runner_up_probability"]
TAGS = "tags"
CLIP_COLUMNS = ["file", "start", "end", "genre", "probability"]

Row = dict[str, Any]
# Takes the prediction for each file.
Output = Callable[[Path, Prediction], object]


def describe_models(models: Models, folder: Path) -> str:
    """Say what predicts, how it votes and, if metrics/ are of these models, how often it is right.

    Parameters
    ----------
    models : Models
        Those in `folder`.
    """
    known, number = models[0][1], counted(len(models), "model")
    line = f"{known.model} on {known.feature}: the mean of {number} and of a file's clips"
    scores: dict[str, Any] = {}
    with suppress(PipelineError):  # there may be none, as predictions do without
        scores = read_json(SCORES)
    recorded = scores.get("sha256", {}).get(TRAINED.as_posix())
    if not recorded or "track_accuracy_mean" not in scores:
        return line
    if recorded != models_digest(folder):
        return f"{line}; {METRICS}/ is of other models"
    return f"{line}; right about {percent(scores['track_accuracy_mean'])} % of the tested tracks"


def predict_files(
    classifier: Classifier, paths: Sequence[Path], outputs: Sequence[Output] = ()
) -> tuple[list[Row], list[str]]:
    """Predict the genres of audio files; only `outputs` keep what is predicted for their clips.

    Returns
    -------
    rows : list of dict
        What `format_table` shows of each file that can be used.
    errors : list of str
        One line for each of the others.

    Raises
    ------
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    rows, errors = [], []
    with progress(len(paths), "predict", "file") as reported:
        for path in paths:
            try:
                prediction = classifier.predict(path)
            except Rejection as rejection:
                errors.append(clean(f"{path}: {rejection}"))
            except OSError as error:
                errors.append(clean(f"{path}: {error.strerror}"))
            else:
                rows.append(_shown(file_row(path, prediction)))
                for output in outputs:
                    output(path, prediction)
            reported.update()
    return rows, errors


def predict_unlabelled(models: Models) -> None:
    """Write the predictions for the dataset's unlabelled tracks, and for each of their clips.

    Raises
    ------
    PipelineError
        The feature's store is not the one that the models were trained on, or lacks a track.
    """
    description = models[0][1]
    genres = description.genres
    track_ids = [track.track_id for track in read_tracks() if not track.genre]
    predicted = dict(predict_store(models, FEATURE_STORES / description.feature, track_ids))
    columns = ["track_id", *VERDICT_COLUMNS, *probability_columns(genres)]
    rows = (
        {"track_id": track_id, **verdict(genres, clips.mean(axis=0))}
        for track_id, clips in predicted.items()
    )
    write_csv(UNLABELLED, columns, rows)
    counts = list(map(len, predicted.values()))
    clips = predictions_of(
        genres,
        np.repeat(np.array(track_ids, str), counts),
        np.concatenate([np.empty((0, len(genres))), *predicted.values()]),
        clips=np.concatenate([np.empty(0, int), *map(np.arange, counts)]),
    )
    write_predictions(UNLABELLED_CLIPS, clips)


def predict_store(
    models: Models, folder: Path, track_ids: Sequence[str]
) -> Iterator[tuple[str, Array]]:
    """Yield each of `track_ids` with its clips' probabilities, from the store `folder`.

    Raises
    ------
    PipelineError
        The store is not the one that the models were trained on, or lacks a track.
    """
    with Store(folder) as store:
        if store.description != models[0][1].store:
            raise PipelineError(f"the models were not trained on {folder}; run `dvc repro`")
        for track_id in track_ids:
            if track_id not in store:
                raise PipelineError(f"{folder} has no rows of {track_id}")
            yield track_id, predict_clips(models, store.read([track_id]))


@contextmanager
def open_outputs(
    description: Description,
    *,
    csv: Path | None = None,
    resume: bool = False,
    over_time: Path | None = None,
    labels: Path | None = None,
    named: bool = False,
) -> Iterator[tuple[list[Output], set[str]]]:
    """Open what is written about files; each file is written as soon as it is predicted.

    Parameters
    ----------
    description : Description
        What the models were trained on.
    csv : Path, optional
        A table with one row for each file. What it has remains if the block ends with an error.
    resume : bool
        Whether the rows that `csv` has already stay.
    over_time : Path, optional
        A table with one row for each clip: its likeliest genre, and where it lies in its file, in
        seconds.
    labels : Path, optional
        A label track that Audacity imports: start, end and text, between tabs. Clips that follow
        one another with the same genre share a label. Several files follow one another in time, as
        if each were appended to the one before.
    named : bool
        Whether labels begin with the name of their file.

    Yields
    ------
    outputs : list of Output
    done : set of str
        Names of the files that `csv` has already.

    Raises
    ------
    PipelineError
        The table to go on with has other columns.
    """
    outputs: list[Output] = []
    done: set[str] = set()
    with ExitStack() as stack:
        if csv:
            columns = file_columns(description)
            growing = stack.enter_context(GrowingTable(csv, columns, resume=resume))
            done = {row["file"] for row in growing.earlier}
            outputs.append(lambda path, each: growing.add(file_row(path, each)))
        if over_time:
            outputs.append(stack.enter_context(_over_time(over_time)))
        if labels:
            outputs.append(stack.enter_context(_label_track(labels, named=named)))
        yield outputs, done


def verdict(genres: Sequence[str], chances: Array) -> Row:
    """The genre, the runner-up and the probability of each genre, as cells of a table.

    Parameters
    ----------
    genres : sequence of str
    chances : float array, shape (genres,)
        Probability of each genre.
    """
    best, second = np.argsort(-chances, kind="stable")[:2]
    return {
        "genre": genres[best],
        "probability": f"{chances[best]:.4f}",
        "runner_up": genres[second],
        "runner_up_probability": f"{chances[second]:.4f}",
        **dict(zip(probability_columns(genres), probability_cells(chances), strict=True)),
    }


def file_row(path: Path, prediction: Prediction) -> Row:
    """The row of one audio file in a table of the `file_columns`."""
    row = {"file": name_of(path), **verdict(prediction.genres, prediction.chances)}
    return {**row, TAGS: ", ".join(prediction.tags)} if prediction.tags else row


def file_columns(description: Description) -> list[str]:
    """Columns of a table of files, as predicted by models of that description."""
    tags = [TAGS] if recipe_of(description)[0].feature.tag_names else []
    return ["file", *VERDICT_COLUMNS, *probability_columns(description.genres), *tags]


def format_table(rows: Sequence[Row]) -> str:
    """Align the columns: file, genre, probability, runner-up and its probability, and tags."""
    return aligned([list(rows[0]), *(list(row.values()) for row in rows)])


def _shown(row: Row) -> Row:
    return {name: row[name] for name in ("file", *VERDICT_COLUMNS, TAGS) if name in row}


@contextmanager
def _over_time(path: Path) -> Iterator[Output]:
    with replacing(path) as file:
        writer = csv_writer(file, CLIP_COLUMNS)
        writer.writeheader()

        def write(source: Path, prediction: Prediction) -> None:
            for start, end, genre, chance in _spans(prediction):
                cells = (name_of(source), f"{start:.10g}", f"{end:.10g}", genre, f"{chance:.4f}")
                writer.writerow(dict(zip(CLIP_COLUMNS, cells, strict=True)))

        yield write


@contextmanager
def _label_track(path: Path, *, named: bool) -> Iterator[Output]:
    offset = 0.0  # where the next file begins, in seconds
    with replacing(path) as file:

        def write(source: Path, prediction: Prediction) -> None:
            nonlocal offset
            spans = _spans(prediction)
            for genre, group in groupby(spans, lambda span: span[2]):
                run = list(group)
                start, end = offset + run[0][0], offset + run[-1][1]
                text = f"{name_of(source)}: {genre}" if named else genre
                file.write(f"{start:.6f}\t{end:.6f}\t{clean(text)}\n")
            offset += prediction.seconds

        yield write


def _spans(prediction: Prediction) -> Iterator[tuple[float, float, str, float]]:
    """Yield start, end, likeliest genre and its probability of each clip.

    The last one ends where the file ends.
    """
    starts = prediction.starts.tolist()
    ends = [*starts[1:], prediction.seconds]
    for start, end, clip in zip(starts, ends, prediction.clips, strict=True):
        best = int(clip.argmax())
        yield start, end, prediction.genres[best], clip[best]
