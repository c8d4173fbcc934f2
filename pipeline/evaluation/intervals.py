"""Confidence intervals of an accuracy, and of the difference of two.

The intervals are bootstraps over groups: all tracks of an artist are drawn together, because a
model that is right about one of them tends to be right about the others. They cover what other
music would give with the same trained models, but not what another training would give.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special  # scipy.stats has the same functions, and takes a second to import

from pipeline.base.types import Array

TAIL = 0.025  # on either side of 95 %
SEED = 0  # so that equal predictions give equal intervals
RESAMPLES = 10_000
BATCH = 1000  # resamples at a time, which bounds the memory for any number of groups

Interval = tuple[float, float]


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
