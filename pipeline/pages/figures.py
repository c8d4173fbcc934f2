"""The figures of a run for its page, and the caveats with which they have to be read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from pipeline.audio.decode import MARKS
from pipeline.base.cli import percent
from pipeline.base.types import Array
from pipeline.evaluation.predictions import CLIP, VOTERS, Predictions
from pipeline.evaluation.scores import (
    Bin,
    GenreScores,
    Score,
    balanced_accuracy,
    reliability,
    score_genres,
)
from pipeline.evaluation.summary import LEAKY
from pipeline.pages.charts import Estimate

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Card:
    """One figure of the headline; `interval` is what it was estimated as, if it has one."""

    label: str
    text: str
    hint: str
    interval: Score | None = None


@dataclass(frozen=True)
class Figures:
    """Figures of a run, as `evaluate` recorded them or from its predictions.

    Attributes
    ----------
    tracks, clips : Predictions
        As metrics/predictions.csv and data/clip_predictions.csv have them. Where folds are cut by
        clip, both are of clips, and there are no figures of tracks.
    summary : mapping
        metrics/summary.json.
    accuracies : mapping of level to Score
        metrics/accuracies.csv: clips, and tracks by each voting rule.
    """

    tracks: Predictions
    clips: Predictions
    summary: Record
    accuracies: Mapping[str, Score]

    @property
    def by_clip(self) -> bool:
        """True if folds are cut by clip."""
        return self.tracks.clips is not None

    @property
    def headline(self) -> list[Card]:
        """The cards at the top of the page."""
        level = f"{LEAKY}{CLIP}" if self.by_clip else "track"
        f1, error = (self.summary[f"{level}_{name}"] for name in ("macro_f1", "calibration_error"))
        commonest = np.bincount(self.tracks.actual).max() / len(self.tracks)
        balanced = percent(balanced_accuracy(self.tracks.actual, self.tracks.predicted))
        uneven = balanced != percent(self.tracks.correct.mean())
        return [
            *([] if self.by_clip else [_accuracy_card("Tracks right", self._track_accuracy)]),
            _accuracy_card("Clips right", self.accuracies[CLIP]),
            *([Card("Balanced", f"{balanced} %", "right, mean over the genres")] if uneven else []),
            Card("Macro F1", f"{f1:.3f}", "mean over the genres"),
            Card("Calibration error", f"{error:.3f}", "mean distance of confidence from accuracy"),
            Card("By chance", f"{percent(commonest)} %", "always the commonest genre"),
        ]

    @property
    def _track_accuracy(self) -> Score:
        ends = ("", "_low", "_high")
        return Score(*(self.summary[f"track_accuracy{end}"] for end in ends))

    @property
    def scores(self) -> list[GenreScores]:
        """Precision, recall and F1 of each genre: of tracks, or else of clips."""
        tracks = self.tracks
        return score_genres(tracks.actual, tracks.predicted, tracks.groups, tracks.genres)

    @property
    def votes(self) -> list[Estimate]:
        """Accuracy of tracks by each voting rule; none where folds are cut by clip."""
        recorded = {rule: self.accuracies[rule] for rule in VOTERS if rule in self.accuracies}
        return [Estimate(rule, each.value, each.low, each.high) for rule, each in recorded.items()]

    @property
    def calibration(self) -> list[list[Bin]]:
        """Bins of a reliability diagram: of tracks, by their mean probability, and of clips."""
        levels = [self.clips] if self.by_clip else [self.tracks, self.clips]
        return [reliability(level.actual, level.probabilities) for level in levels]

    @property
    def confusion(self) -> dict[str, list[list[int]]]:
        """Counts of actual genres (rows) and predicted ones, per track and per clip."""
        levels = {"clips": self.clips}
        if not self.by_clip:
            levels = {"tracks": self.tracks, **levels}
        return {name: _confusion(level).tolist() for name, level in levels.items()}


def _confusion(predictions: Predictions) -> Array:
    genres = len(predictions.genres)
    cells = predictions.actual * genres + predictions.predicted
    return np.bincount(cells, minlength=genres**2).reshape(genres, genres)


def _accuracy_card(label: str, score: Score) -> Card:
    hint = f"95 % interval {percent(score.low)} to {percent(score.high)}"
    return Card(label, f"{percent(score.value)} %", hint, score)


@dataclass(frozen=True)
class Caveat:
    """A sentence; `grave` if the figures mean something else than they seem to."""

    text: str
    grave: bool = False


def caveats(segment: Record, replicas: Record, split: Record, training: Record) -> list[Caveat]:
    """Caveats from metrics/segment.json and the records beside it, the grave ones first.

    A key that a file lacks gives none, except that without known artists, there is one about them.
    """
    parts = (
        *(_of_folds(split), _of_feature(training)),
        *(_of_replicas(replicas, split), _of_files(segment, split)),
    )
    return sorted(chain.from_iterable(parts), key=lambda caveat: not caveat.grave)


def _of_folds(split: Record) -> Iterator[Caveat]:
    if split.get("protocol") == "clip":
        yield Caveat(
            "The folds are cut by clip, so clips of a track that was trained on are tested: these "
            "figures say nothing about other music. The protocol song keeps tracks whole.",
            grave=True,
        )
    share, group = split.get("known_artist_share", 0), split.get("group", "artist")
    if not share:
        yield Caveat(
            f"No {group} is known, so songs of one {group} may be on both sides of a fold, which "
            f"makes them easier: expect less of music whose {group} is new.",
            grave=True,
        )
    elif not split.get("artists_kept", True):
        yield Caveat(
            f"Songs of one {group} are on both sides of the folds, which makes them easier: expect "
            f"less of music whose {group} is new. The protocol artist keeps them apart.",
            grave=True,
        )
    if 0 < share < 1:
        yield Caveat(f"The {group} is known of {share:.0%} of the tracks only.")
    if split.get("genres_untrained"):
        yield Caveat(
            f"In {_times(split['genres_untrained'])}, a genre is tested that the fold's model was "
            "never trained on.",
            grave=True,
        )
    if split.get("genres_absent"):
        yield Caveat(f"In {_times(split['genres_absent'])}, a fold tests no track of a genre.")
    if split.get("judged") in ("test", "valid"):
        yield Caveat(f"One part is judged, {split['judged']}, by models that differ in their seed.")


def _of_feature(training: Record) -> Iterator[Caveat]:
    trained = training.get("parameters", {})
    feature = trained.get("feature", "")
    if checkpoint := trained.get("extract", {}).get(feature, {}).get("checkpoint"):
        yield Caveat(
            f"The feature {feature} comes from a network that was trained before ({checkpoint}), "
            "perhaps on some of these recordings: folds decide what the model is trained on, not "
            "what the feature has heard. For music that is not well known, this does not matter.",
            grave=True,
        )


def _of_replicas(replicas: Record, split: Record) -> Iterator[Caveat]:
    if replicas.get("pairs_across_genres"):
        yield Caveat(
            f"{_are(replicas['pairs_across_genres'], 'pair')} the same recording under two genres: "
            "no model can be right about both tracks.",
            grave=True,
        )
    if split.get("replica_groups"):
        yield Caveat(
            f"{_are(split['replica_groups'], 'recording')} in the dataset more than once; the "
            "copies are on the same side of every fold."
        )
    if split.get("replicas_left_out"):
        yield Caveat(
            f"{_are(split['replicas_left_out'], 'track')} left out of training where a copy is "
            "tested."
        )


def _of_files(segment: Record, split: Record) -> Iterator[Caveat]:
    if segment.get("rejected"):
        yield Caveat(
            f"{segment['rejected']} of {segment['files']} files cannot be used; "
            "data/tracks.csv says why."
        )
    if marked := [f"{mark} ({segment[mark]})" for mark in MARKS if segment.get(mark)]:
        yield Caveat(
            f"Files are marked {', '.join(marked)}; data/tracks.csv says which in column status."
        )
    if split.get("genres_left_out"):
        yield Caveat(f"Genres left out as small: {', '.join(split['genres_left_out'])}.")
    if split.get("left_out"):
        yield Caveat(f"{_are(split['left_out'], 'labelled track')} left out by the protocol.")


def _are(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"


def _times(number: int) -> str:
    return "one case" if number == 1 else f"{number} cases"
