"""Scores of predictions against the actual genres, and their confidence intervals.

The intervals are bootstraps over groups: all tracks of an artist are drawn together, because a
model that is right about one of them tends to be right about the others. They cover what other
music would give with the same trained models, but not what another training would give.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special  # scipy.stats has the same functions, and takes a second to import

from pipeline.base.types import Array

CALIBRATION_BINS = 15
LEAST_PROBABILITY = 1e-12  # so that a log loss is finite
TAIL = 0.025  # on either side of 95 %
SEED = 0  # of a bootstrap, so that equal predictions give equal intervals
RESAMPLES, GENRE_RESAMPLES = 10_000, 2000
BATCH = 1000  # resamples at a time, which bounds the memory for any number of groups

Interval = tuple[float, float]


def macro_f1(actual: Array, predicted: Array) -> float:
    """Unweighted mean of F1 over the genres that occur in `actual`.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Index of each row's genre.
    """
    right, claimed, present = (
        np.bincount(genres, minlength=1 + max(actual.max(), predicted.max()))
        for genres in (actual[actual == predicted], predicted, actual)
    )
    occurs = present > 0
    return float(np.mean(2 * right[occurs] / (claimed + present)[occurs]))


def balanced_accuracy(actual: Array, predicted: Array) -> float:
    """Mean over the genres in `actual` of the share of their rows that is right.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Index of each row's genre.
    """
    present = np.bincount(actual)
    right = np.bincount(actual[actual == predicted], minlength=len(present))
    return float(np.mean(right[present > 0] / present[present > 0]))


def log_loss(actual: Array, probabilities: Array) -> float:
    """Mean of minus the log of the actual genre's probability, in nats; at most 27.6 per row.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    chosen = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.maximum(chosen, LEAST_PROBABILITY)).mean())


def expected_calibration_error(actual: Array, probabilities: Array) -> float:
    """Mean distance of confidence from accuracy (Guo et al., 2017, equation 3).

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of the actual genre.
    probabilities : float array, shape (n, genres)
        The confidence of a row is its highest probability. It falls into one of 15 bins of equal
        width, each open below and closed above.

    Returns
    -------
    float
        Mean over the rows of |accuracy - mean confidence| in their bin; 0 is best.
    """
    confidence, correct, number = _calibration(actual, probabilities)
    return float(np.abs(np.bincount(number, correct - confidence)).sum() / len(actual))


@dataclass(frozen=True)
class Bin:
    """Rows of similar confidence.

    Attributes
    ----------
    confidence : float
        Mean of their highest probabilities.
    accuracy : float
        Share of them that are right.
    rows : int
        At least 1.
    """

    confidence: float
    accuracy: float
    rows: int


def reliability(actual: Array, probabilities: Array) -> list[Bin]:
    """The bins of `expected_calibration_error` that are not empty, in order.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    confidence, correct, number = _calibration(actual, probabilities)
    inside = [number == each for each in np.unique(number)]
    return [
        Bin(float(confidence[rows].mean()), float(correct[rows].mean()), int(rows.sum()))
        for rows in inside
    ]


def _calibration(actual: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """The confidence of each row, whether it is right, and the number of its bin."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == actual
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    return confidence, correct, np.digitize(confidence, edges, right=True)


def confused_pairs(actual: Array, predicted: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Count the confused pairs of genres, the most frequent first.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    genres : list of str

    Returns
    -------
    list of dict, one for each pair of `actual` and `predicted`
        `count` is the number of rows, at least 1.
    """
    wrong = np.column_stack([actual, predicted])[actual != predicted]
    pairs = [
        {"actual": genres[each[0]], "predicted": genres[each[1]], "count": int(count)}
        for each, count in zip(*np.unique(wrong, axis=0, return_counts=True), strict=True)
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))


def per_genre(actual: Array, predicted: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of tracks of each genre.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    genres : list of str

    Returns
    -------
    list of dict, one for each genre
        `tracks` is a number of rows: with several seeds, a track counts once for each.
    """
    from sklearn.metrics import precision_recall_fscore_support  # it takes a second to import

    columns = precision_recall_fscore_support(
        actual, predicted, labels=range(len(genres)), zero_division=0
    )
    return [
        {"genre": genre, "precision": p, "recall": r, "f1": f, "tracks": int(n)}
        for genre, p, r, f, n in zip(genres, *columns, strict=True)
    ]


@dataclass(frozen=True)
class Score:
    """A share between 0 and 1 with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GenreScores:
    """Precision, recall and F1 of one genre.

    Attributes
    ----------
    tracks : int
        Rows of this genre.
    precision : Score or None
        None if nothing is predicted as this genre.
    recall, f1 : Score or None
        None if there is nothing of this genre; for F1, nothing predicted either.
    """

    genre: str
    tracks: int
    precision: Score | None
    recall: Score | None
    f1: Score | None


def score_genres(
    actual: Array, predicted: Array, groups: Array, genres: list[str]
) -> list[GenreScores]:
    """Score each genre, with intervals by the bootstrap over groups.

    Each of the three is the accuracy of some rows: precision of those that are predicted as the
    genre, recall of those that are of it, and F1 = 2 TP / (2 TP + FP + FN) of both together.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    groups : array, shape (n,)
        As in `accuracy_interval`.
    """
    correct = actual == predicted
    scores = []
    for index, genre in enumerate(genres):
        claimed, present = np.flatnonzero(predicted == index), np.flatnonzero(actual == index)
        either = np.concatenate([claimed, present])
        parts = (_score(correct[rows], groups[rows]) for rows in (claimed, present, either))
        scores.append(GenreScores(genre, len(present), *parts))
    return scores


def _score(correct: Array, groups: Array) -> Score | None:
    if not len(correct):
        return None
    low, high = accuracy_interval(correct, groups, resamples=GENRE_RESAMPLES)
    return Score(float(correct.mean()), low, high)


def accuracy_interval(
    correct: Array, groups: Array, seed: int = SEED, *, resamples: int = RESAMPLES
) -> Interval:
    """95 % interval of an accuracy by the bootstrap over groups.

    BCa (Efron, 1987), which follows the skew of an accuracy far from one half, at levels that are
    widened for few groups (Hesterberg, 2015, "What teachers should know about the bootstrap",
    section 4.3). `benchmarks/interval_coverage.py` measures how often it contains the truth.

    Parameters
    ----------
    correct : float or bool array, shape (tracks,)
        1 where the track is right, 0 where it is wrong; in between for a mean over seeds.
    groups : array, shape (tracks,)
        Tracks of the same group are drawn together: their artists, or their own ids.
    seed : int
    resamples : int
        A multiple of 1000.

    Returns
    -------
    low, high : float
        Between 0 and 1, and never equal. Where all groups have the same accuracy (all right, all
        wrong, or a single group), resampling shows nothing; see `_bounds_of_alike`.

    Raises
    ------
    ValueError
        There are no tracks.
    """
    kinds = _kinds(correct, groups)
    if _alike(kinds):
        return _bounds_of_alike(kinds, 0, 1)
    means = kinds.resampled_means(seed, resamples)
    return _quantiles(means, _bca_levels(kinds, means))


def difference_interval(
    correct_a: Array,
    correct_b: Array,
    groups: Array,
    seed: int = SEED,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """95 % interval of b's accuracy minus a's on the same tracks, by the bootstrap over groups.

    The percentile interval at widened levels (Hesterberg, 2015): a difference is hardly skewed,
    and where few tracks differ, the corrections of BCa are mostly noise and reduce the coverage.
    Where only a handful of groups differ at all, the interval is too narrow, as any bootstrap is.

    Parameters
    ----------
    correct_a, correct_b : float or bool array, shape (tracks,)
        As in `accuracy_interval`, in the same order of tracks.
    groups : array, shape (tracks,)
    seed : int
    resamples : int
        A multiple of 1000.

    Returns
    -------
    low, high : float
        Between -1 and 1; above 0 where b is better.

    Raises
    ------
    ValueError
        There are no tracks.
    """
    kinds = _kinds(np.subtract(correct_b, correct_a, dtype=float), groups)
    if _alike(kinds):
        return _bounds_of_alike(kinds, -1, 1)
    levels = special.ndtr(_widened_scores(kinds.groups))
    return _quantiles(kinds.resampled_means(seed, resamples), levels)


@dataclass(frozen=True)
class _Kinds:
    """Groups, counted by kind: those of one kind have equal sums and sizes.

    Attributes
    ----------
    sums, sizes : float array, shape (kinds,)
        Sum of a group's values, and number of its tracks.
    counts : int array, shape (kinds,)
        Number of groups of each kind.
    """

    sums: Array
    sizes: Array
    counts: Array

    @property
    def groups(self) -> int:
        return int(self.counts.sum())

    def mean(self, counts: Array) -> Array:
        """Mean over all tracks, given `counts` groups of each kind; (..., kinds) -> (...)."""
        return (counts @ self.sums) / (counts @ self.sizes)

    def resampled_means(self, seed: int, resamples: int) -> Array:
        rng = np.random.default_rng(seed)
        shares = self.counts / self.groups
        sizes = [BATCH] * (resamples // BATCH)
        draws = (rng.multinomial(self.groups, shares, size) for size in sizes)
        return np.concatenate([self.mean(counts) for counts in draws])


def _kinds(values: Array, groups: Array) -> _Kinds:
    if len(values) == 0:
        raise ValueError("no tracks, so no interval")
    _, group = np.unique(groups, return_inverse=True)
    pairs = np.column_stack([np.bincount(group, values), np.bincount(group)])
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return _Kinds(kinds[:, 0], kinds[:, 1], counts)


def _alike(kinds: _Kinds) -> bool:
    return bool(np.ptp(kinds.sums / kinds.sizes) < 1e-12)


def _bounds_of_alike(kinds: _Kinds, worst: float, best: float) -> Interval:
    """Bounds where all n groups have the same mean, after Clopper and Pearson for n of n successes.

    At least 0.025^(1/n) of all groups have this mean; the others may have any.
    """
    share = TAIL ** (1 / kinds.groups)
    mean = float(kinds.mean(kinds.counts))
    return share * mean + (1 - share) * worst, share * mean + (1 - share) * best


def _widened_scores(groups: int) -> Array:
    """Normal scores at which a percentile interval is as wide as Student's with n - 1 degrees."""
    return special.stdtrit(groups - 1, [TAIL, 1 - TAIL]) * np.sqrt(groups / (groups - 1))


def _bca_levels(kinds: _Kinds, means: Array) -> Array:
    mean = kinds.mean(kinds.counts)
    bias = special.ndtri((np.mean(means < mean) + np.mean(means <= mean)) / 2)
    left_out = (kinds.counts @ kinds.sums - kinds.sums) / (kinds.counts @ kinds.sizes - kinds.sizes)
    off = np.average(left_out, weights=kinds.counts) - left_out  # the jackknife's
    skew = kinds.counts @ off**3 / (6 * (kinds.counts @ off**2) ** 1.5)
    scores = bias + _widened_scores(kinds.groups)
    return special.ndtr(bias + scores / (1 - skew * scores))


def _quantiles(means: Array, levels: Array) -> Interval:
    low, high = np.quantile(means, levels)
    return float(low), float(high)
