"""What a revision recorded in metrics/: its parameters, its figures and its predictions."""

import csv
import io
import json
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.base import files as paths
from pipeline.base.errors import PipelineError
from pipeline.base.files import content_digest
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, vote_by_track
from pipeline.runs.git import find_commit, read_files

PREDICTION_COLUMNS = ("track_id", "fold", "group", "actual", "predicted")
PROBABILITY = "p_"

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class TrackOutcomes:
    """Predictions for the tested tracks, sorted by track id.

    Attributes
    ----------
    track_ids, groups, actual : str array, shape (tracks,)
        A bootstrap draws the tracks of a group together: those of one artist, where known.
    predicted : str array, shape (tracks,)
        The vote; for a track with several rows (seeds), the genre of the highest mean probability.
    correct : float array, shape (tracks,)
        Share of the track's rows whose vote is right.
    folds : str array, shape (tracks,)
        The folds, or seeds, that test the track: sorted, separated by spaces.
    seeds : int
        The most rows that a track has.
    """

    track_ids: Array
    groups: Array
    actual: Array
    predicted: Array
    correct: Array
    folds: Array
    seeds: int

    @property
    def right(self) -> Array:
        """Whether `predicted` is the actual genre; bool, shape (tracks,)."""
        return self.predicted == self.actual


def track_outcomes(rows: Rows) -> TrackOutcomes:
    """Gather the rows of metrics/predictions.csv by track.

    Parameters
    ----------
    rows : sequence of mappings
        One row for each track and seed, with `COLUMNS` and a column `p_<genre>` for each genre.
    """
    by_track: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_track[row["track_id"]].append(row)
    tracks = [by_track[track_id] for track_id in sorted(by_track)]
    return TrackOutcomes(
        track_ids=np.array([track[0]["track_id"] for track in tracks]),
        groups=np.array([track[0]["group"] for track in tracks]),
        actual=np.array([track[0]["actual"] for track in tracks]),
        predicted=np.array([_consensus(track) for track in tracks]),
        correct=np.array([_share_right(track) for track in tracks]),
        folds=np.array([" ".join(sorted(row["fold"] for row in track)) for track in tracks]),
        seeds=max(map(len, tracks)),
    )


def outcomes_of(rows: Sequence[Mapping[str, Any]]) -> TrackOutcomes:
    """Gather rows of `prediction_rows` by track, as if they had been written and read again."""
    return track_outcomes([{name: str(cell) for name, cell in row.items()} for row in rows])


def genres_of(rows: Rows) -> list[str]:
    """Genres of the columns `p_<genre>`, in their order."""
    return [name.removeprefix(PROBABILITY) for name in rows[0] if name.startswith(PROBABILITY)]


def _share_right(rows: Rows) -> float:
    return float(np.mean([row["predicted"] == row["actual"] for row in rows]))


def _consensus(rows: Rows) -> str:
    if len(rows) == 1:
        return rows[0]["predicted"]
    genres = genres_of(rows)
    means = [np.mean([float(row[f"{PROBABILITY}{genre}"]) for row in rows]) for genre in genres]
    return genres[int(np.argmax(means))]


Parameters = Mapping[str, Any]


def differing(runs: Sequence[Parameters]) -> list[str]:
    """Keys of the parameters in which some of the runs differ.

    A run that has none of a section's keys is not asked for them: that a CNN has no parameters of
    an ANN goes without saying.

    Parameters
    ----------
    runs : sequence of mappings
        Parameters of each run, by their dotted keys in params.yaml.
    """
    keys = dict.fromkeys(key for run in runs for key in run)
    sections = [{_section(key) for key in run} for run in runs]
    found = []
    for key in keys:
        asked = [run for run, has in zip(runs, sections, strict=True) if _section(key) in has]
        if any(value_of(run, key) != value_of(asked[0], key) for run in asked):
            found.append(key)
    return found


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


PREDICTIONS = paths.PREDICTIONS.as_posix()
HISTORIES = paths.HISTORIES.as_posix()
SCORES = paths.SCORES.as_posix()
SPLIT = paths.SPLIT.as_posix()
SUMMARY = paths.SUMMARY.as_posix()
TRAINING = paths.TRAINING.as_posix()
# Keys of metrics/split.json that two revisions must share, and what to call them.
SHARED = {"protocol": "protocols", "dataset_digest": "datasets", "folds_digest": "folds"}
# Keys that each file of JSON must have, and their types.
KEYS: dict[str, dict[str, Any]] = {
    SPLIT: {**dict.fromkeys(SHARED, str), "folds": int},
    TRAINING: {"parameters": dict, "seconds": int | float},
    SCORES: {"vote": str, "sha256": dict},
    SUMMARY: {},
}
# What is always among the parameters of metrics/training.json.
LABELS = ("model", "feature")


def parse_object(path: str, content: bytes, revision: str) -> dict[str, Any]:
    """Read a file of JSON in metrics/.

    Parameters
    ----------
    path : str
        One of `KEYS`.
    content : bytes
    revision : str
        Its name, for errors.

    Raises
    ------
    PipelineError
        It is not a JSON object, or one of its `KEYS` is missing or of another type.
    """
    where = f"{path} of {revision}"
    try:
        parsed = json.loads(_decode(content, where))
    except json.JSONDecodeError as error:
        raise _error(where, str(error)) from None
    if not isinstance(parsed, dict):
        raise _error(where, "not a JSON object")
    _require(KEYS[path], parsed, "key", where)
    for name, kind in KEYS[path].items():
        if not isinstance(parsed[name], kind):
            raise _error(where, f"{name} = {parsed[name]!r} is of another type")
    if path == TRAINING:
        _require(LABELS, parsed["parameters"], "parameter", where)
    return parsed


def parse_predictions(
    content: bytes, revision: str, path: str = PREDICTIONS
) -> list[dict[str, str]]:
    """Read metrics/predictions.csv of a revision, or another file of its form.

    Raises
    ------
    PipelineError
        It is not text in UTF-8, or lacks a column.
    """
    rows = parse_table(path, content, PREDICTION_COLUMNS, revision)
    if not any(column.startswith(PROBABILITY) for column in rows[0]):
        raise _error(f"{path} of {revision}", f"no column '{PROBABILITY}<genre>'")
    return rows


def parse_table(
    path: str, content: bytes, columns: Iterable[str], revision: str
) -> list[dict[str, str]]:
    """Rows of a CSV file of a revision.

    Raises
    ------
    PipelineError
        It is not text in UTF-8, has no rows, or lacks one of the `columns`.
    """
    where = f"{path} of {revision}"
    reader = csv.DictReader(io.StringIO(_decode(content, where)))
    _require(columns, reader.fieldnames or [], "column", where)
    rows = list(reader)
    if not rows:
        raise _error(where, "no rows")
    return rows


def require_one_run(
    scores: Mapping[str, Any], contents: Mapping[str, bytes], revision: str
) -> None:
    """Refuse files that are not of the run that wrote metrics/scores.json.

    Parameters
    ----------
    scores : mapping
        metrics/scores.json: its `sha256` has a digest for each file that `evaluate` read and wrote.
    contents : mapping of path to bytes
        The files as they are now.

    Raises
    ------
    PipelineError
        One was changed, or is of another run.
    """
    for path, content in contents.items():
        if path != SCORES and scores["sha256"].get(path) != content_digest(content):
            raise PipelineError(
                f"{path} of {revision} is not of the run that wrote {SCORES}; run `dvc repro` there"
            )


def parameters(
    training: Mapping[str, Any], split: Mapping[str, Any], scores: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters that a result followed from, by their dotted keys in params.yaml."""
    return {
        **dict(_flat(training["parameters"])),
        "split.protocol": split["protocol"],
        "evaluate.vote": scores["vote"],
    }


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(where, str(error)) from None


def _require(names: Iterable[str], found: Container[str], called: str, where: str) -> None:
    for name in names:
        if name not in found:
            raise _error(where, f"no {called} {name!r}")


def _error(where: str, reason: str) -> PipelineError:
    return PipelineError(f"{where}: {reason}; run `dvc repro` there")


WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
PATHS = (SPLIT, TRAINING, SUMMARY, SCORES, PREDICTIONS)


def add_revisions(parser: ArgumentParser, rule: str) -> None:
    """Let the command line name revisions; `rule` is the end of the help on them."""
    parser.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help=f"branch, commit, tag, experiment or `{WORKSPACE}`; {rule}",
    )


@dataclass(frozen=True)
class Revision:
    """A revision's name, what it trained, the figures that it recorded, its tracks' outcomes.

    Attributes
    ----------
    name : str
        As the user gave it.
    commit : str
        Short hash; empty for the workspace.
    parameters : dict
        Those of the run that wrote the figures, by their dotted keys in params.yaml, which may ask
        for something else since.
    seconds : float
        How long all folds trained.
    split, summary : dict
        metrics/split.json and metrics/summary.json.
    """

    name: str
    commit: str
    parameters: dict[str, Any]
    seconds: float
    split: dict[str, Any]
    summary: dict[str, Any]
    outcomes: TrackOutcomes

    @property
    def model(self) -> str:
        """Name of the network that was trained."""
        return str(self.parameters["model"])

    @property
    def feature(self) -> str:
        """Name of the feature that it was trained on."""
        return str(self.parameters["feature"])


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
    contents = read_recorded(commit, PATHS, name)
    scores = parse_object(SCORES, contents[SCORES], name)
    require_one_run(scores, contents, name)
    split, training, summary = (
        parse_object(path, contents[path], name) for path in (SPLIT, TRAINING, SUMMARY)
    )
    if split["protocol"] == LEAKY_PROTOCOL:
        raise PipelineError(
            f"{name} was split by the protocol {LEAKY_PROTOCOL!r}: it leaks, and has no result "
            "for each track"
        )
    return Revision(
        name=name,
        commit=commit[:7],
        parameters=parameters(training, split, scores),
        seconds=training["seconds"],
        split=split,
        summary=summary,
        outcomes=track_outcomes(parse_predictions(contents[PREDICTIONS], name)),
    )


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
        Protocols, datasets, folds or tested tracks differ.
    """
    first = revisions[0]
    for other in revisions[1:]:
        for key, called in SHARED.items():
            ours, theirs = first.split[key], other.split[key]
            if ours != theirs:
                raise PipelineError(
                    f"{called} differ, so there is nothing to {purpose}: "
                    f"{_short(ours)} in {first.name}, {_short(theirs)} in {other.name}"
                )
        if not _same_tracks(first.outcomes, other.outcomes):
            raise PipelineError(
                f"{first.name} and {other.name} were tested on different tracks, genres, groups "
                "or folds; run `dvc repro` on the older"
            )


def is_comparable(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions were tested on the same tracks after training on the same others."""
    same_split = all(ours.split[key] == theirs.split[key] for key in SHARED)
    return same_split and _same_tracks(ours.outcomes, theirs.outcomes)


def is_same_run(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions, such as a branch and the workspace, hold what one run recorded."""
    names = ("parameters", "seconds", "split", "summary")
    return all(getattr(ours, name) == getattr(theirs, name) for name in names)


def _same_tracks(ours: TrackOutcomes, theirs: TrackOutcomes) -> bool:
    names = ("track_ids", "actual", "groups", "folds")
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


def read_recorded(commit: str, paths: Sequence[str], name: str) -> dict[str, bytes]:
    """Contents of files in metrics/ in a commit, or in the workspace where `commit` is empty.

    Raises
    ------
    PipelineError
        The revision, which errors call `name`, lacks one of them.
    """
    found = read_files([commit], paths)[0] if commit else {path: _on_disk(path) for path in paths}
    contents = {path: content for path, content in found.items() if content is not None}
    for path in paths:
        if path not in contents:
            raise PipelineError(f"{name} has no {path}; run `dvc repro` there and commit metrics/")
    return contents


def _on_disk(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def _short(value: object) -> str:
    return str(value)[:12]


CURVES = ("accuracy", "val_accuracy", "val_loss")

Epoch = dict[str, float]
Histories = dict[str, list[Epoch]]  # by the fold


def whole_histories(revisions: Sequence[Revision]) -> dict[str, Histories]:
    """The histories of each revision that has them all, by its name."""
    found = {}
    for revision in revisions:
        with suppress(PipelineError):
            found[revision.name] = read_histories(revision)
    return found


def read_histories(revision: Revision) -> Histories:
    """The epochs of each fold, with the values named in `COLUMNS`.

    Raises
    ------
    PipelineError
        The revision has no complete metrics/history.csv, it is of another run, or a value in it is
        not a number.
    """
    contents = read_recorded(revision.commit, [HISTORIES, SCORES], revision.name)
    content = contents[HISTORIES]
    scores = parse_object(SCORES, contents[SCORES], revision.name)
    if HISTORIES in scores["sha256"]:  # runs of older versions did not record its digest
        require_one_run(scores, {HISTORIES: content}, revision.name)
    folds: dict[str, list[Epoch]] = defaultdict(list)
    for row in parse_table(HISTORIES, content, ("fold", *CURVES), revision.name):
        try:
            folds[row["fold"]].append({name: float(row[name]) for name in CURVES})
        except (TypeError, ValueError):  # None where a row is cut short
            raise PipelineError(
                f"{HISTORIES} of {revision.name} has a value that is not a number; run `dvc repro` "
                "there"
            ) from None
    if len(folds) != revision.split["folds"]:
        raise PipelineError(
            f"{HISTORIES} of {revision.name} covers {len(folds)} of its "
            f"{revision.split['folds']} folds; run `dvc repro` there"
        )
    return dict(folds)


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
