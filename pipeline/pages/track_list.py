"""The tracks of a page with their predictions, and which of them come with sound and pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.errors import PipelineError
from pipeline.base.types import STRICT, Array
from pipeline.evaluation.predictions import NONE, Predictions, majority, mean_over_seeds

WRONG, ALL = "wrong", "all"
MOST_LISTED = (
    10_000  # labelled tracks on a page, and unlabelled ones, which a browser filters at once
)
MOST_WRONG, MOST_UNLABELLED = 1000, 100  # with sound and pictures, where those are for wrong tracks
SCALE = 1000  # probabilities are integers on the page, which makes it half as long


def _choice(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value not in (WRONG, ALL) and not number:
        raise ValueError(f"should be {WRONG}, {ALL} or a number of tracks")
    return value


@strict_dataclass(frozen=True, config=STRICT)
class ReportParams:
    """The section `report` of params.yaml: which tracks come with sound and pictures.

    `tracks` is `wrong` for those that are predicted wrongly, of which the first MOST_WRONG have
    them, `all`, or the number of tracks from the top of the list.
    """

    tracks: Annotated[Literal["wrong", "all"] | int, BeforeValidator(_choice)]


@dataclass(frozen=True)
class Media:
    """Addresses of a track's sound and picture in a page; empty where it has none."""

    sound: str = ""
    picture: str = ""


@dataclass(frozen=True)
class ListedTrack:
    """A track in the list of a page; genres are indices.

    Attributes
    ----------
    track_id : str
    actual : int
        NONE for an unlabelled track.
    predicted : list of int
        The genre that its clips vote for, one for each seed that tested it.
    folds : list of int
        The folds, or seeds, that tested it.
    votes : list of int
        The predicted genre of each clip, for each seed.
    probabilities : float array, shape (clips, genres)
        Mean over the seeds, in the order of the clips in the track.
    group : str
        Tracks of the same group are never on both sides of a fold.
    facts : list of str
        What else is known, such as "by John Lee Hooker".
    is_copy : bool
        Whether another track is the same recording.
    tags : list of str
        The strongest ones, where the feature has tags.
    """

    track_id: str
    actual: int
    predicted: list[int]
    folds: list[int]
    votes: list[int]
    probabilities: Array
    group: str = ""
    facts: list[str] = field(default_factory=list)
    is_copy: bool = False
    tags: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """True if the track is labelled, and some seed predicts another genre."""
        return self.actual != NONE and any(genre != self.actual for genre in self.predicted)

    @property
    def sort_key(self) -> tuple[bool, float, str]:
        """Key that puts wrong tracks first, by falling confidence, and the others by rising."""
        confidence = float(self.probabilities.mean(axis=0)[self.predicted[0]])
        return not self.wrong, -confidence if self.wrong else confidence, self.track_id

    def as_data(self, media: Media) -> dict[str, Any]:
        """The track as the script of a page takes it, with probabilities in permille."""
        return {
            "id": self.track_id,
            "actual": self.actual,
            "predicted": self.predicted,
            "folds": self.folds,
            "votes": self.votes,
            "clips": np.rint(self.probabilities * SCALE).astype(int).tolist(),
            "group": self.group if self.group != self.track_id else "",
            "facts": self.facts,
            "copy": self.is_copy,
            "tags": self.tags,
            "sound": media.sound,
            "picture": media.picture,
        }


def first_listed(tracks: Iterable[ListedTrack]) -> list[ListedTrack]:
    """Return the MOST_LISTED tracks that are the first in the order of a page."""
    return nsmallest(MOST_LISTED, tracks, key=lambda track: track.sort_key)


def labelled_tracks(tracks: Predictions, clips: Predictions) -> Iterator[ListedTrack]:
    """Yield the tracks that the stage `evaluate` tested.

    Parameters
    ----------
    tracks, clips : Predictions
        As metrics/predictions.csv and data/clip_predictions.csv have them. Where folds are cut by
        clip, both are of clips, and the genre of a track is that of most of its clips.

    Raises
    ------
    PipelineError
        A track has no clips.
    """
    without = np.setdiff1d(tracks.track_ids, clips.track_ids)
    if len(without):
        raise PipelineError(f"there are no predictions of the clips of {without[0]}")
    clips = clips.take(np.isin(clips.track_ids, tracks.track_ids))
    by_track = (table.by_track() for table in (tracks, clips, mean_over_seeds(clips)))
    for (track_id, rows), (_, own), (_, means) in zip(*by_track, strict=True):
        by_clip = rows.clips is not None
        yield ListedTrack(
            track_id,
            int(rows.actual[0]),
            [int(majority(means.probabilities).argmax())] if by_clip else rows.predicted.tolist(),
            np.unique(own.folds).tolist(),
            own.predicted.tolist(),
            means.probabilities,
            str(rows.groups[0]),
        )


def unlabelled_tracks(clips: Predictions) -> Iterator[ListedTrack]:
    """Yield unlabelled tracks, from the predictions for their clips."""
    return (unlabelled_track(name, rows.probabilities) for name, rows in clips.by_track())


def unlabelled_track(track_id: str, probabilities: Array, tags: Sequence[str] = ()) -> ListedTrack:
    """An unlabelled track, whose genre is that of the highest mean probability.

    Parameters
    ----------
    track_id : str
    probabilities : float array, shape (clips, genres)
        In the order of the clips in the track.
    tags : sequence of str
    """
    best = int(probabilities.mean(axis=0).argmax())
    votes = probabilities.argmax(axis=1).tolist()
    return ListedTrack(track_id, NONE, [best], [], votes, probabilities, tags=list(tags))


def tracks_with_media(
    labelled: Sequence[ListedTrack], unlabelled: Sequence[ListedTrack], choice: str | int
) -> list[str]:
    """Ids of the tracks that come with sound and pictures.

    Parameters
    ----------
    labelled, unlabelled : sequence of ListedTrack
        In the order of the page.
    choice : str or int
        As `ReportParams.tracks`.
    """
    if choice == ALL:
        chosen = [*labelled, *unlabelled]
    elif choice == WRONG:
        wrong = [track for track in labelled if track.wrong]
        chosen = [*wrong[:MOST_WRONG], *unlabelled[:MOST_UNLABELLED]]
    else:
        chosen = [*labelled[: int(choice)], *unlabelled[: int(choice)]]
    return [track.track_id for track in chosen]
