"""Predict the genres of audio files, as a table and along the time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import SegmentParams
from pipeline.audio.decode import open_clips
from pipeline.base.cli import aligned, clean
from pipeline.base.errors import PipelineError
from pipeline.base.files import replacing, write_csv
from pipeline.base.params import choice, parse
from pipeline.base.types import Array
from pipeline.dataset.folder import name_of
from pipeline.evaluation.predictions import probability_cells, probability_columns
from pipeline.features.shared.feature import ExtractFeature, described_feature, strongest_tags
from pipeline.prediction.ensemble import PREDICT_ROWS, Models, predict_clips
from pipeline.training.trained import Description

MOST_VALUES = 1 << 22  # of a row, so that a batch of them takes 1 GiB


@dataclass(frozen=True)
class Prediction:
    """What models predict for an audio file.

    Attributes
    ----------
    probabilities : float array, shape (clips, genres)
    tags : list of str
        The strongest ones, where the models' feature has tags.
    """

    probabilities: Array
    tags: list[str]


def predict_sound(models: Models, path: Path) -> Prediction:
    """Predict the genres of the clips of an audio file.

    However long the file is, the samples and features of PREDICT_ROWS clips are in memory.

    Raises
    ------
    Rejection, OSError
        The file cannot be used.
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    recipe, clip_samples = recipe_of(models[0][1])
    found, tags = [], []
    with open_clips(path, recipe.sample_rate, clip_samples, PREDICT_ROWS) as (_, batches):
        for pcm in batches:
            with threadpool_limits(1):  # as `extract` computes it, to the last bit
                rows = np.asarray(recipe(pcm).rows)
            found.append(predict_clips(models, rows))
            tags.append(recipe.feature.tags(rows))
    strongest = strongest_tags(recipe.feature.tag_names, np.concatenate(tags))
    return Prediction(np.concatenate(found), strongest)


def require_use(model: Any, description: Description) -> None:
    """Check that a model takes the features that can be computed here of a file.

    Raises
    ------
    PipelineError
        It does not, or its description does not hold what has to be known.
    """
    recipe, clip_samples = recipe_of(description)
    recipe.feature.check("store.params", clip_samples, recipe.sample_rate)
    shape = recipe.feature.template(clip_samples, recipe.sample_rate).shape[1:]
    if model.input_shape != (None, *shape):
        raise PipelineError(
            f"the network takes rows of the shape {model.input_shape[1:]}, but those of the "
            f"feature {description.feature!r} have the shape {shape}"
        )
    if math.prod(shape) > MOST_VALUES:
        raise PipelineError(f"rows of {math.prod(shape)} values; {MOST_VALUES} are the most")


def recipe_of(description: Description) -> tuple[ExtractFeature, int]:
    """The recipe of the features that a model was trained on, and the length of a clip in samples.

    Raises
    ------
    PipelineError
        The feature is not one of those that can be computed here, or a parameter is wrong.
    """
    store = description.store
    feature = described_feature(store)
    if feature is None:
        raise PipelineError(
            f"the models were trained on a feature of your own, {description.feature!r}, which "
            "cannot be computed here; put the tracks into the dataset's folder unlabelled, and "
            "their rows into the feature's store"
        )
    choice(store["name"], "store.name", [description.feature])
    cut = {name: store[name] for name in ("sample_rate", "seconds") if name in store}
    sound = parse(SegmentParams, cut, "store")
    return ExtractFeature(feature, sound.sample_rate), sound.clip_samples


VERDICT_COLUMNS = ["genre", "probability", "runner_up", "runner_up_probability"]
TAGS = "tags"

Row = dict[str, Any]


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


def file_row(genres: Sequence[str], path: Path, probabilities: Array, tags: Sequence[str]) -> Row:
    """The row of one audio file.

    Parameters
    ----------
    genres : sequence of str
    path : Path
    probabilities : float array, shape (clips, genres)
    tags : sequence of str
        The strongest ones; none where the feature has no tags.
    """
    told = verdict(genres, probabilities.mean(axis=0))
    return {"file": name_of(path), **told, **({TAGS: ", ".join(tags)} if tags else {})}


def track_columns(genres: Sequence[str]) -> list[str]:
    """Columns of a table of tracks."""
    return ["track_id", *VERDICT_COLUMNS, *probability_columns(genres)]


def file_columns(genres: Sequence[str], *, has_tags: bool) -> list[str]:
    """Columns of a table of files."""
    return ["file", *VERDICT_COLUMNS, *probability_columns(genres), *([TAGS] if has_tags else [])]


def format_table(rows: Sequence[Row]) -> str:
    """Align the columns: file, genre, probability, runner-up and its probability, and tags."""
    columns = ["file", *VERDICT_COLUMNS, *([TAGS] if TAGS in rows[0] else [])]
    return aligned([columns, *([row[name] for name in columns] for row in rows)])


CLIP_COLUMNS = ["file", "start", "end", "genre", "probability"]

Heard = Mapping[str, Array]


def write_over_time(path: Path, heard: Heard, genres: Sequence[str], seconds: float) -> None:
    """Write a CSV with a row for each clip: where it lies in seconds, and its likeliest genre.

    Parameters
    ----------
    path : Path
    heard : mapping of name to float array, shape (clips, genres)
        Probabilities of the clips of each file.
    genres : sequence of str
    seconds : float
        Length of a clip.
    """
    rows = ({"file": name, **row} for name in heard for row in _clips(heard[name], genres, seconds))
    write_csv(path, CLIP_COLUMNS, rows)


def write_labels(path: Path, heard: Heard, genres: Sequence[str], seconds: float) -> None:
    """Write a label track that Audacity imports: start, end and text, between tabs.

    Clips that follow one another with the same genre share a label. Several files follow one
    another in time, as clips of one track would.
    """
    with replacing(path) as file:
        offset = 0.0
        for name, probabilities in heard.items():
            for start, end, text in _labels(_clips(probabilities, genres, seconds)):
                named = text if len(heard) == 1 else f"{name}: {text}"
                file.write(f"{offset + start:.6f}\t{offset + end:.6f}\t{clean(named)}\n")
            offset += len(probabilities) * seconds


def _clips(probabilities: Array, genres: Sequence[str], seconds: float) -> Iterator[dict[str, Any]]:
    for number, clip in enumerate(probabilities):
        best = int(clip.argmax())
        yield {
            "start": number * seconds,
            "end": (number + 1) * seconds,
            "genre": genres[best],
            "probability": f"{clip[best]:.4f}",
        }


def _labels(clips: Iterator[dict[str, Any]]) -> Iterator[tuple[float, float, str]]:
    for genre, group in groupby(clips, lambda clip: clip["genre"]):
        run = list(group)
        yield run[0]["start"], run[-1]["end"], genre
