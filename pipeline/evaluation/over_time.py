"""Where in a song which genre is predicted: as a table, and as labels for Audacity."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.base.arrays import Array
from pipeline.base.tables import replacing, write_csv
from pipeline.base.terminal import clean

COLUMNS = ["file", "start", "end", "genre", "probability"]

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
    write_csv(path, COLUMNS, rows)


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
