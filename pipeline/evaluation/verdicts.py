"""What models say of a track or a file as a row: genre, runner-up, probabilities and tags."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.terminal import aligned
from pipeline.dataset.files import name_of
from pipeline.evaluation.summary import probability_columns, probability_row
from pipeline.training.prediction import Prediction, recipe_of
from pipeline.training.saved import Description

COLUMNS = ["genre", "probability", "runner_up", "runner_up_probability"]
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
        **probability_row(genres, chances),
    }


def file_row(genres: Sequence[str], path: Path, found: Prediction) -> Row:
    """The row of one audio file, with its strongest tags if the feature has tags."""
    told = verdict(genres, found.probabilities.mean(axis=0))
    tags = {TAGS: ", ".join(found.tags)} if found.tags else {}
    return {"file": name_of(path), **told, **tags}


def track_columns(genres: Sequence[str]) -> list[str]:
    """Columns of a table of tracks."""
    return ["track_id", *COLUMNS, *probability_columns(genres)]


def file_columns(description: Description) -> list[str]:
    """Columns of a table of files that the model of `description` is given."""
    has_tags = recipe_of(description)[0].feature.tag_names
    tags = [TAGS] if has_tags else []
    return ["file", *COLUMNS, *probability_columns(description.genres), *tags]


def format_table(rows: Sequence[Row]) -> str:
    """Align the columns: file, genre, probability, runner-up and its probability, and tags."""
    columns = ["file", *COLUMNS, *([TAGS] if TAGS in rows[0] else [])]
    return aligned([columns, *([row[name] for name in columns] for row in rows)])
