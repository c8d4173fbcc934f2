"""The figures of an evaluation: metrics/summary.json, the tables beside it, and the headline."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.base.cli import clean, percent
from pipeline.base.errors import PipelineError
from pipeline.base.files import METRICS, rounded, write_csv
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import CLIP, VOTERS, Predictions

# The keys of metrics/summary.json: few, so that `dvc metrics show` fits on a screen.
HEADLINE = (
    "track_accuracy",
    "track_accuracy_low",
    "track_accuracy_high",
    "track_accuracy_std",
    "track_macro_f1",
    "track_log_loss",
    "track_calibration_error",
    "clip_accuracy",
    "tracks",
    "clips",
)
LEAKY = "leaky_"  # begins the name of every figure that says nothing about new music
# Columns of metrics/history.csv, by their names in metrics/curves.csv.
CURVES = {
    "training_accuracy": "accuracy",
    "validation_accuracy": "val_accuracy",
    "training_loss": "loss",
    "validation_loss": "val_loss",
}
COMPARE = "`python -m pipeline.compare HEAD`, "
NEXT = "`python -m pipeline.experiments`, `dvc plots show`"

Row = dict[str, Any]
Epoch = Mapping[str, float]
Histories = Mapping[int, Sequence[Epoch]]  # the epochs of each fold, in their order


def summarise(levels: Mapping[str, Predictions], vote: str) -> Row:
    """The figures worth comparing between commits.

    The predictions of all folds are pooled. `*_low` and `*_high` are the bounds of a 95 %
    interval, and `*_std` is the standard deviation of the folds' accuracies. A track that several
    seeds test counts once for each, except in `tracks` and `clips`. `track_log_loss` and
    `track_calibration_error` are those of the mean probability.

    Parameters
    ----------
    levels : mapping of level to Predictions
        As `predictions.by_level` returns them.
    vote : str
        The voting rule of the main figures.
    """
    tracks, clips = levels[vote], levels[CLIP]
    summary = {
        **_figures("track", tracks),
        **_figures("clip", clips),
        **_reliability("track", levels["mean"]),
        **_reliability("clip", clips),
    }
    for level in VOTERS:
        summary[f"track_accuracy_{level}"] = float(levels[level].correct.mean())
        summary[f"track_calibration_error_{level}"] = _calibration_error(levels[level])
    # Several seeds test the same tracks, so every track and clip occurs equally often.
    distinct = len(np.unique(tracks.track_ids))
    return {**summary, "tracks": distinct, "clips": len(clips) * distinct // len(tracks)}


def summarise_leaky(clips: Predictions) -> Row:
    """Figures of clips from tracks that were also trained on, under names that say so."""
    summary = {**_figures("clip", clips), **_reliability("clip", clips), "clips": len(clips)}
    return {f"{LEAKY}{name}": value for name, value in summary.items()}


def split_summary(summary: Row) -> tuple[Row, Row]:
    """Split a summary into the figures of metrics/summary.json and those of metrics/scores.json."""
    names = [name for name in summary if name in HEADLINE or name.startswith(LEAKY)]
    others = [name for name in summary if name not in names]
    return {name: summary[name] for name in names}, {name: summary[name] for name in others}


def write_tables(levels: Mapping[str, Predictions], tracks: Predictions) -> None:
    """Write the tables in metrics/ that count and score predictions.

    Parameters
    ----------
    levels : mapping of level to Predictions
        As `predictions.by_level` returns them; clips alone, where folds are cut by clip.
    tracks : Predictions
        Those that the tables of genres count: tracks by the chosen vote, or clips.
    """
    labels = tracks.actual, tracks.predicted, tracks.genres
    pairs = scores.confused_pairs(*labels)
    write_csv(METRICS / "confused_pairs.csv", ["actual", "predicted", "count"], pairs)
    _write("accuracies", accuracies(levels))
    _write("fold_scores", fold_scores(levels))
    _write("genres", scores.per_genre(*labels))


def fold_scores(levels: Mapping[str, Predictions]) -> list[Row]:
    """Accuracy, macro F1 and log loss of each fold at each level."""
    return [
        {
            "fold": int(fold),
            "level": level,
            "accuracy": float(part.correct.mean()),
            "macro_f1": scores.macro_f1(part.actual, part.predicted),
            "log_loss": scores.log_loss(part.actual, part.probabilities),
        }
        for level, predictions in levels.items()
        for fold in np.unique(predictions.folds)
        for part in [predictions.take(predictions.folds == fold)]
    ]


def accuracies(levels: Mapping[str, Predictions]) -> list[Row]:
    """Accuracy at each level, with the bounds of its 95 % interval."""
    rows = []
    for level, predictions in levels.items():
        low, high = scores.accuracy_interval(predictions.correct, predictions.groups)
        accuracy = float(predictions.correct.mean())
        rows.append({"level": level, "accuracy": accuracy, "low": low, "high": high})
    return rows


def parse_histories(content: bytes, where: str, advice: str = "run `dvc repro`") -> Histories:
    """Read metrics/history.csv: the losses and accuracies of every fold and epoch.

    Parameters
    ----------
    content : bytes
    where, advice : str
        Name of the file, and what to do if it is damaged, for the error.

    Raises
    ------
    PipelineError
        It is not CSV in UTF-8, has no rows, lacks a column, or a value is not a number.
    """
    histories: dict[int, list[Epoch]] = {}
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        for row in csv.DictReader(text):
            epoch = {name: float(row[name]) for name in CURVES.values()}
            histories.setdefault(int(row["fold"]), []).append(epoch)
    except UnicodeDecodeError as error:
        raise PipelineError(f"{where}: {error}; {advice}") from None
    except KeyError as error:
        raise PipelineError(f"{where}: no column {error}; {advice}") from None
    except (csv.Error, TypeError, ValueError):  # None where a row is cut short
        raise PipelineError(f"{where} has a value that is not a number; {advice}") from None
    if not histories:
        raise PipelineError(f"{where}: no rows; {advice}")
    return histories


def kept_accuracy(history: Sequence[Epoch], patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's.

    Parameters
    ----------
    history : sequence of mappings
        One for each epoch of a fold, in their order.
    patience : int
        Of the training; 0 for one that does not stop early.
    """
    kept = min(history, key=lambda epoch: epoch["val_loss"]) if patience else history[-1]
    return kept["val_accuracy"]


def write_curves(histories: Histories) -> None:
    """Write metrics/curves.csv: the mean over the folds in each epoch."""
    _write("curves", mean_curves(histories))


def mean_curves(histories: Histories) -> list[Row]:
    """Average the folds in each epoch, where one that stopped early stays at its last values.

    Without these, the means of the last epochs would be those of the few folds that are left.

    Returns
    -------
    list of dict, one for each epoch
        `folds` is the number of those that were still trained.
    """
    curves = []
    for number in range(max(map(len, histories.values()))):
        epochs = [fold[min(number, len(fold) - 1)] for fold in histories.values()]
        means = {
            name: float(np.mean([epoch[source] for epoch in epochs]))
            for name, source in CURVES.items()
        }
        left = sum(number < len(fold) for fold in histories.values())
        curves.append({"epoch": number + 1, **means, "folds": left})
    return curves


def headline(
    summary: Mapping[str, Any],
    predictions: Predictions,
    split: Mapping[str, Any],
    trained: str,
    vote: str,
    *,
    comparable: bool,
) -> str:
    """Five lines: the accuracy, the tracks, their artists, their genres, and what to do next.

    Parameters
    ----------
    summary : mapping
        As `summarise` or `summarise_leaky` made it.
    predictions : Predictions
        For tracks; for clips, where folds are cut by clip.
    split : mapping
        Figures of metrics/split.json.
    trained : str
        The names of the network and the feature, such as "cnn on mel".
    vote : str
        The voting rule of the accuracy.
    comparable : bool
        Whether the run can be compared with the one of the last commit.
    """
    parts = "folds" if split["judged"] == "all" else f"seeds, {split['judged']} part"
    lines = [
        _accuracy(summary, predictions, vote),
        f"of {summary.get('tracks', split['tracks'])} tracks, split by {split['protocol']} "
        f"({split['folds']} {parts}); {trained}",
        _artists(split),
        f"{_extremes(predictions)}; {_confusion(predictions)}",
        f"next: {COMPARE if comparable else ''}{NEXT}",
    ]
    return "\n".join(map(clean, lines))


def _figures(name: str, predictions: Predictions) -> Row:
    by_fold = [row["accuracy"] for row in fold_scores({name: predictions})]
    low, high = scores.accuracy_interval(predictions.correct, predictions.groups)
    return {
        f"{name}_accuracy": float(predictions.correct.mean()),
        f"{name}_accuracy_low": low,
        f"{name}_accuracy_high": high,
        f"{name}_accuracy_std": float(np.std(by_fold, ddof=1)),
        f"{name}_balanced_accuracy": scores.balanced_accuracy(
            predictions.actual, predictions.predicted
        ),
        f"{name}_macro_f1": scores.macro_f1(predictions.actual, predictions.predicted),
    }


def _reliability(name: str, predictions: Predictions) -> Row:
    return {
        f"{name}_log_loss": scores.log_loss(predictions.actual, predictions.probabilities),
        f"{name}_calibration_error": _calibration_error(predictions),
    }


def _calibration_error(predictions: Predictions) -> float:
    return scores.expected_calibration_error(predictions.actual, predictions.probabilities)


def _write(name: str, rows: Sequence[Row]) -> None:
    write_csv(METRICS / f"{name}.csv", list(rows[0]), map(rounded, rows))


def _accuracy(summary: Mapping[str, Any], predictions: Predictions, vote: str) -> str:
    leaky = f"{LEAKY}clip_accuracy"
    name = leaky if leaky in summary else "track_accuracy"
    low, high = (percent(summary[f"{name}_{bound}"]) for bound in ("low", "high"))
    accuracy = f"{percent(summary[name])} % (95 % interval: {low} to {high})"
    if name == leaky:
        return f"leaky accuracy of clips: {accuracy}, which says nothing about new music"
    line = f"accuracy of tracks: {accuracy}, by the {vote} of their clips"
    if vote != "mean":
        line += f" ({percent(summary[f'{name}_mean'])} % by their mean, which `predict` goes by)"
    balanced = percent(summary["track_balanced_accuracy"])
    if balanced != percent(summary[name]):
        line += f"; mean over the genres: {balanced} %"
    counts = np.bincount(predictions.actual)
    chance = counts.max() / counts.sum()
    if summary[f"{name}_low"] <= chance:
        line += (
            "; this may be no better than always naming the commonest genre, "
            f"{predictions.genres[counts.argmax()]} ({percent(chance)} %)"
        )
    return line


def _artists(split: Mapping[str, Any]) -> str:
    """Whether artists, or what split.group names, are on both sides, and how to judge without."""
    group, share = split["group"], split["known_artist_share"]
    if not share:
        return (
            f"no {group} is known: with a column {group} in metadata.csv, split.protocol=artist "
            "judges new ones"
        )
    if not split["artists_kept"]:
        return (
            f"{group}s are on both sides of the folds: `dvc exp run -S split.protocol=artist` "
            "judges new ones"
        )
    unknown = f"; it is unknown of {percent(1 - share)} % of the tracks" if share < 1 else ""
    return f"every {group} is on one side of the folds, so those that are tested are new{unknown}"


def _extremes(predictions: Predictions) -> str:
    """The tested genres with the largest and the smallest share of right rows."""
    genres, actual = predictions.genres, predictions.actual
    rows = np.bincount(actual, minlength=len(genres))
    right = np.bincount(actual[predictions.correct], minlength=len(genres))
    tested = np.flatnonzero(rows)
    ordered = tested[np.argsort(-right[tested] / rows[tested], kind="stable")]
    best, worst = (
        f"{genres[genre]}, {right[genre]} of {rows[genre]} right" for genre in ordered[[0, -1]]
    )
    return f"best genre: {best}; worst: {worst}"


def _confusion(predictions: Predictions) -> str:
    pairs = scores.confused_pairs(predictions.actual, predictions.predicted, predictions.genres)
    if not pairs:
        return "most confused: nothing"
    return "most confused: {actual} taken for {predicted} ({count})".format_map(pairs[0])
