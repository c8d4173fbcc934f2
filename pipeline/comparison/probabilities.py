"""The probabilities that a revision's models gave to tracks and to clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pipeline.base import paths
from pipeline.base.errors import PipelineError
from pipeline.comparison.git import read_files
from pipeline.comparison.outcomes import PROBABILITY, Rows, genres_of
from pipeline.comparison.recorded import PREDICTIONS, parse_predictions
from pipeline.comparison.revisions import Revision, read_recorded
from pipeline.evaluation.predictions import Predictions, vote_by_track

CLIP_PREDICTIONS = paths.CLIP_PREDICTIONS.as_posix()
LOCK = "dvc.lock"
ROUNDING = 2e-4  # probabilities of clips, and those of tracks, are written with four decimals


@dataclass(frozen=True)
class Probable:
    """A revision with its probabilities.

    Attributes
    ----------
    revision : Revision
    genres : list of str
        In the order of the columns of probabilities.
    tracks : Predictions
        One row for each track and fold that tests it, sorted by both.
    """

    revision: Revision
    genres: list[str]
    tracks: Predictions


def with_probabilities(revision: Revision) -> Probable:
    """Read the probabilities of tracks that a revision recorded.

    Raises
    ------
    PipelineError
        A row of metrics/predictions.csv is not as `evaluate` writes it.
    """
    content = read_recorded(revision.commit, [PREDICTIONS], revision.name)[PREDICTIONS]
    rows = parse_predictions(content, revision.name)
    genres = genres_of(rows)
    return Probable(revision, genres, as_predictions(rows, genres, PREDICTIONS, revision.name))


def as_predictions(rows: Rows, genres: Sequence[str], path: str, revision: str) -> Predictions:
    """Arrays of the rows of metrics/predictions.csv, or of another file of its form.

    Parameters
    ----------
    rows : sequence of mappings
        They are sorted by track id and fold; the clips of a track keep their order.
    genres : sequence of str
    path, revision : str
        Names of the file and the revision, for the error.

    Raises
    ------
    PipelineError
        A fold or a probability is not a number, or a genre has no column.
    """
    numbers = {genre: number for number, genre in enumerate(genres)}
    columns = [f"{PROBABILITY}{genre}" for genre in genres]
    try:
        ordered = sorted(rows, key=lambda row: (row["track_id"], int(row["fold"])))
        return Predictions(
            track_ids=np.array([row["track_id"] for row in ordered]),
            actual=np.array([numbers[row["actual"]] for row in ordered]),
            folds=np.array([int(row["fold"]) for row in ordered]),
            groups=np.array([row["group"] for row in ordered]),
            probabilities=np.array([[float(row[name]) for name in columns] for row in ordered]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{path} of {revision}: {error}; run `dvc repro` there") from None


def read_clips(parts: Sequence[Probable]) -> list[Predictions]:
    """Probabilities of the same clips by each of several comparable revisions.

    Raises
    ------
    PipelineError
        Their clips differ, or a revision's table of them is not at hand.
    """
    first, *others = (part.revision for part in parts)
    for other in others:
        ours, theirs = (each.parameters.get("segment.seconds") for each in (first, other))
        if ours != theirs:
            raise PipelineError(
                f"clips have {ours} s in {first.name} and {theirs} s in {other.name}"
            )
    found = [_clips_of(part) for part in parts]
    for other, clips in zip(others, found[1:], strict=True):
        if not np.array_equal(clips.track_ids, found[0].track_ids):
            raise PipelineError(f"{first.name} and {other.name} have other clips")
    return found


def _clips_of(part: Probable) -> Predictions:
    name = part.revision.name
    rows = parse_predictions(_content(part.revision), name, CLIP_PREDICTIONS)
    clips = as_predictions(rows, part.genres, CLIP_PREDICTIONS, name)
    means = vote_by_track(clips, "mean")
    if not (
        np.array_equal(means.track_ids, part.tracks.track_ids)
        and np.allclose(means.probabilities, part.tracks.probabilities, rtol=0, atol=ROUNDING)
    ):
        raise PipelineError(f"{CLIP_PREDICTIONS} of {name} is of another run")
    return clips


def _content(revision: Revision) -> bytes:
    """The table of clips in the workspace, or in DVC's cache as the commit has it."""
    try:
        path = _cached(revision.commit) if revision.commit else Path(CLIP_PREDICTIONS)
        return path.read_bytes()
    except FileNotFoundError:
        where = "DVC's cache" if revision.commit else "the workspace"
        raise PipelineError(f"{where} lacks {CLIP_PREDICTIONS} of {revision.name}") from None


def _cached(commit: str) -> Path:
    """Where DVC's cache has the table of a commit, if it is there.

    Raises
    ------
    FileNotFoundError
        No stage of the commit wrote it.
    """
    from dvc.config import Config  # slow to import

    lock = yaml.safe_load(read_files([commit], [LOCK])[0][LOCK] or b"{}")
    outs = [out for stage in lock.get("stages", {}).values() for out in stage.get("outs", [])]
    digest = next((out["md5"] for out in outs if out["path"] == CLIP_PREDICTIONS), None)
    if digest is None:
        raise FileNotFoundError
    config = Config.from_cwd(validate=False)
    cache = Path(config["cache"].get("dir") or Path(config.dvc_dir, "cache"))
    return cache / "files" / "md5" / digest[:2] / digest[2:]
