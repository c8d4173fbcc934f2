"""What is predicted for a track or a file as a row: genre, runner-up, probabilities and tags."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.terminal import aligned
from pipeline.dataset.files import name_of
from pipeline.evaluation.summary import probability_columns, probability_row

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
    return ["track_id", *COLUMNS, *probability_columns(genres)]


def file_columns(genres: Sequence[str], *, has_tags: bool) -> list[str]:
    """Columns of a table of files."""
    return ["file", *COLUMNS, *probability_columns(genres), *([TAGS] if has_tags else [])]


def format_table(rows: Sequence[Row]) -> str:
    """Align the columns: file, genre, probability, runner-up and its probability, and tags."""
    columns = ["file", *COLUMNS, *([TAGS] if TAGS in rows[0] else [])]
    return aligned([columns, *([row[name] for name in columns] for row in rows)])
