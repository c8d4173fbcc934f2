"""The parameters, figures and predictions that a revision recorded in metrics/."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIP_PREDICTIONS,
    HISTORIES,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINING,
    VALIDATION_PREDICTIONS,
    content_digest,
)
from pipeline.evaluation.predictions import (
    NONE,
    Predictions,
    TrackOutcomes,
    outcomes,
    parse_predictions,
    vote_by_track,
)
from pipeline.evaluation.summary import Histories, parse_histories
from pipeline.runs.git import find_commit, git, read_files

WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
RECORDED = (SPLIT, TRAINING, SUMMARY, SCORES, PREDICTIONS)
# Keys of metrics/split.json that two revisions must share, and what to call them.
DATASET_DIGEST = "dataset_digest"
SHARED = {"protocol": "protocols", DATASET_DIGEST: "datasets", "folds_digest": "folds"}
# Keys that each file of JSON must have, and their types.
KEYS: dict[Path, dict[str, Any]] = {
    SPLIT: {**dict.fromkeys(SHARED, str), "folds": int},
    TRAINING: {"parameters": dict, "seconds": int | float},
    SCORES: {"vote": str, "sha256": dict},
    SUMMARY: {},
}
ADVICE = "run `dvc repro` there"
ROUNDING = 2e-4  # probabilities of clips, and those of tracks, are written with four decimals

Parameters = Mapping[str, Any]  # of a run, by their dotted keys in params.yaml


@dataclass(frozen=True)
class Revision:
    """A revision's name, its parameters, the figures that it recorded, and its predictions.

    Attributes
    ----------
    name : str
        As the user gave it.
    commit : str
        Hash; empty for the workspace.
    parameters : mapping
        Those of the run that wrote the figures, by their dotted keys in params.yaml, which may ask
        for something else since.
    seconds : float
        How long all folds trained.
    split, summary : dict
        metrics/split.json and metrics/summary.json.
    tracks : Predictions
        metrics/predictions.csv.
    """

    name: str
    commit: str
    parameters: Parameters
    seconds: float
    split: dict[str, Any]
    summary: dict[str, Any]
    tracks: Predictions

    @cached_property
    def outcomes(self) -> TrackOutcomes:
        """Whether the models were right about each track."""
        return outcomes(self.tracks)

    @property
    def model(self) -> str:
        """Name of the network that was trained."""
        return str(self.parameters["model"])

    @property
    def feature(self) -> str:
        """Name of the feature that it was trained on."""
        return str(self.parameters["feature"])


def add_revisions(parser: ArgumentParser, rule: str) -> None:
    """Let the command line name revisions; `rule` is the end of the help on them."""
    parser.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help=f"branch, commit, tag, experiment or `{WORKSPACE}`; {rule}",
    )


def read_revision(name: str) -> Revision:
    """Read what `name` recorded.

    Parameters
    ----------
    name : str
        A branch, commit, tag or DVC experiment; or `workspace`, the files as they lie there.

    Raises
    ------
    PipelineError
        There is no such revision, it lacks a file, its files are not of one run, or its split
        leaks.
    """
    return read_commit(name, "" if name == WORKSPACE else find_commit(name))


def read_commit(name: str, commit: str) -> Revision:
    """Read what a commit recorded, or the workspace where `commit` is empty.

    Raises
    ------
    PipelineError
        As by `read_revision`.
    """
    contents = _read_recorded(name, commit, RECORDED)
    scores = _parse_object(SCORES, contents[SCORES], name)
    _require_one_run(scores, contents, name)
    split, training, summary = (
        _parse_object(path, contents[path], name) for path in (SPLIT, TRAINING, SUMMARY)
    )
    if split["protocol"] == LEAKY_PROTOCOL:
        raise PipelineError(
            f"{name} was split by the protocol {LEAKY_PROTOCOL!r}: it leaks, and has no result "
            "for each track"
        )
    where = f"{PREDICTIONS} of {name}"
    tracks = parse_predictions(contents[PREDICTIONS], where, ADVICE)
    if not len(tracks) or NONE in tracks.actual:
        raise PipelineError(f"{where}: no rows, or one without its genre; {ADVICE}")
    parameters = dict(dotted(training["parameters"]))
    for label in ("model", "feature"):
        if label not in parameters:
            raise PipelineError(f"{TRAINING} of {name}: no parameter {label!r}; {ADVICE}")
    return Revision(
        name=name,
        commit=commit,
        parameters={
            **parameters,
            "split.protocol": split["protocol"],
            "evaluate.vote": scores["vote"],
        },
        seconds=training["seconds"],
        split=split,
        summary=summary,
        tracks=tracks,
    )


def _read_recorded(name: str, commit: str, paths: Sequence[Path]) -> dict[Path, bytes]:
    """Contents of files of a commit, or of the workspace where `commit` is empty."""
    if commit:
        recorded = read_files([commit], paths)[0]
    else:
        recorded = {path: path.read_bytes() if path.is_file() else None for path in paths}
    contents = {path: content for path, content in recorded.items() if content is not None}
    for path in paths:
        if path not in contents:
            raise PipelineError(f"{name} has no {path}; run `dvc repro` there and commit metrics/")
    return contents


def _parse_object(path: Path, content: bytes, name: str) -> dict[str, Any]:
    """Read a file of JSON, whose keys and their types `KEYS` has."""
    where = f"{path} of {name}"
    try:
        parsed = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise PipelineError(f"{where}: {error}; {ADVICE}") from None
    if not isinstance(parsed, dict):
        raise PipelineError(f"{where}: not a JSON object; {ADVICE}")
    for key, kind in KEYS[path].items():
        if key not in parsed:
            raise PipelineError(f"{where}: no key {key!r}; {ADVICE}")
        if not isinstance(parsed[key], kind):
            raise PipelineError(f"{where}: {key} = {parsed[key]!r} is of another type; {ADVICE}")
    return parsed


def _require_one_run(scores: Mapping[str, Any], contents: Mapping[Path, bytes], name: str) -> None:
    """Refuse files that are not of the run that wrote metrics/scores.json.

    Its `sha256` has a digest for each file that `evaluate` read and wrote.
    """
    for path, content in contents.items():
        if path != SCORES and scores["sha256"].get(path.as_posix()) != content_digest(content):
            raise PipelineError(f"{path} of {name} is not of the run that wrote {SCORES}; {ADVICE}")


def dotted(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a section and of those in it by their dotted keys."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def require_comparable(revisions: Sequence[Revision], purpose: str = "compare") -> None:
    """Refuse revisions that were not tested on the same tracks after training on the same others.

    Parameters
    ----------
    revisions : sequence of Revision
    purpose : str
        A verb for the error: what they were read for.

    Raises
    ------
    PipelineError
        Protocols, datasets, folds, genres or tested tracks differ.
    """
    first, *others = revisions
    for other in others:
        reason = _incomparable(first, other, purpose)
        if reason:
            raise PipelineError(reason)


def is_comparable(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions were tested on the same tracks after training on the same others."""
    return not _incomparable(ours, theirs, "compare")


def _incomparable(ours: Revision, theirs: Revision, purpose: str) -> str:
    """Why two revisions cannot be compared; empty if they can."""
    for key, called in SHARED.items():
        if ours.split[key] != theirs.split[key]:
            sides = ", ".join(f"{_described(each, key)} in {each.name}" for each in (ours, theirs))
            return f"{called} differ, so there is nothing to {purpose}: {sides}"
    if ours.tracks.genres != theirs.tracks.genres:
        sides = ", ".join(f"{', '.join(e.tracks.genres)} in {e.name}" for e in (ours, theirs))
        return f"genres differ, so there is nothing to {purpose}: {sides}"
    for column in ("track_ids", "actual", "groups", "folds"):
        if not np.array_equal(getattr(ours.tracks, column), getattr(theirs.tracks, column)):
            return (
                f"{ours.name} and {theirs.name} were tested on different tracks, genres, groups or "
                "folds; run `dvc repro` on the older"
            )
    return ""


def _described(revision: Revision, key: str) -> str:
    """What a revision has of the keys `SHARED`, in words as far as it recorded any."""
    digest, asked = revision.split[key][:12], revision.parameters
    words = {
        DATASET_DIGEST: asked.get("dataset.path"),
        "folds_digest": f"{revision.split['folds']} by seed {asked.get('seed')}",
    }
    return f"{words[key]} ({digest})" if words.get(key) else digest


def is_same_run(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions, such as a branch and the workspace, hold what one run recorded."""
    names = ("parameters", "seconds", "split", "summary")
    return all(getattr(ours, name) == getattr(theirs, name) for name in names)


def differing(runs: Sequence[Parameters]) -> list[str]:
    """Keys of the parameters in which some of the runs differ.

    A run that has none of a section's keys is not asked for them: that a CNN has no parameters of
    an ANN goes without saying.
    """
    sections = [set(map(_section, run)) for run in runs]

    def values(key: str) -> set[str]:
        asked = (run for run, own in zip(runs, sections, strict=True) if _section(key) in own)
        return {value_of(run, key) for run in asked}

    keys = dict.fromkeys(key for run in runs for key in run)
    return [key for key in keys if len(values(key)) > 1]


def value_of(run: Parameters, key: str) -> str:
    """A parameter as `dvc exp run -S` takes it; `-` where the run has none of that name."""
    return _text(run[key]) if key in run else "-"


def _section(key: str) -> str:
    return key.rpartition(".")[0]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def whole_histories(revisions: Sequence[Revision]) -> dict[str, Histories]:
    """The histories of each revision that has them all, by its name."""
    histories = {}
    for revision in revisions:
        with suppress(PipelineError):
            histories[revision.name] = read_histories(revision)
    return histories


def read_histories(revision: Revision) -> Histories:
    """The losses and accuracies of every fold and epoch of a revision.

    Raises
    ------
    PipelineError
        The revision has no complete metrics/history.csv, it is of another run, or a value in it is
        not a number.
    """
    contents = _read_recorded(revision.name, revision.commit, (HISTORIES, SCORES))
    scores = _parse_object(SCORES, contents[SCORES], revision.name)
    if HISTORIES.as_posix() in scores["sha256"]:  # older versions did not record its digest
        _require_one_run(scores, contents, revision.name)
    where = f"{HISTORIES} of {revision.name}"
    histories = parse_histories(contents[HISTORIES], where, ADVICE)
    folds = revision.split["folds"]
    if len(histories) != folds:
        raise PipelineError(f"{where} covers {len(histories)} of its {folds} folds; {ADVICE}")
    return histories


def read_clips(revisions: Sequence[Revision]) -> list[Predictions]:
    """Predictions for the same clips by each of several comparable revisions.

    Raises
    ------
    PipelineError
        Their clips differ, or a revision's table of them is not at hand.
    """
    first, *others = revisions
    for other in others:
        ours, theirs = (each.parameters.get("segment.seconds") for each in (first, other))
        if ours != theirs:
            raise PipelineError(
                f"clips have {ours} s in {first.name} and {theirs} s in {other.name}"
            )
    clips = [_clips_of(each) for each in revisions]
    for other, theirs in zip(others, clips[1:], strict=True):
        if not np.array_equal(theirs.track_ids, clips[0].track_ids):
            raise PipelineError(f"{first.name} and {other.name} have other clips")
    return clips


def _clips_of(revision: Revision) -> Predictions:
    where = f"{CLIP_PREDICTIONS} of {revision.name}"
    clips = parse_predictions(read_output(revision, CLIP_PREDICTIONS), where, ADVICE)
    means = vote_by_track(clips, "mean") if len(clips) else clips
    tracks = revision.tracks
    if not (
        means.genres == tracks.genres
        and np.array_equal(means.track_ids, tracks.track_ids)
        and np.allclose(means.probabilities, tracks.probabilities, rtol=0, atol=ROUNDING)
    ):
        raise PipelineError(f"{where} is of another run")
    return clips


def read_validation(revision: Revision) -> Predictions:
    """What each fold's model predicted for its inner validation clips.

    Raises
    ------
    PipelineError
        The revision's table is not at hand, or of another run.
    """
    name = revision.name
    try:
        content = read_output(revision, VALIDATION_PREDICTIONS)
    except PipelineError as error:  # a run of an older version has none
        raise PipelineError(f"{error}; {ADVICE}, or combine with --equal") from None
    scores = _read_recorded(name, revision.commit, (SCORES,))[SCORES]
    _require_one_run(_parse_object(SCORES, scores, name), {VALIDATION_PREDICTIONS: content}, name)
    return parse_predictions(content, f"{VALIDATION_PREDICTIONS} of {name}", ADVICE)


def read_output(revision: Revision, path: Path) -> bytes:
    """A file of data/ in the workspace, or in DVC's cache as the commit has it."""
    if not revision.commit:
        if path.is_file():
            return path.read_bytes()
        raise PipelineError(f"the workspace lacks {path} of {revision.name}")
    import dvc.api  # slow to import
    from dvc.exceptions import DvcException

    folder = git(["rev-parse", "--show-prefix"]).decode().strip()  # in git's, which DVC goes by
    try:
        return dvc.api.read(f"{folder}{path}", rev=revision.commit, mode="rb")
    except (DvcException, ImportError, OSError):  # a remote may need what is not installed
        raise PipelineError(f"DVC's cache lacks {path} of {revision.name}") from None
