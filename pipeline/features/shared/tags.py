"""Name the strongest tags of a track."""

from collections.abc import Sequence

from pipeline.base.arrays import Array

MOST = 3


def strongest_tags(names: Sequence[str], probabilities: Array) -> list[str]:
    """The tags with the highest mean over a track's clips, such as "jazz 61 %", best first.

    Parameters
    ----------
    names : sequence of str
        Empty if the feature has no tags.
    probabilities : array, shape (clips, tags)
    """
    if not names:
        return []
    means = probabilities.mean(axis=0)
    best = (-means).argsort(kind="stable")[:MOST]
    return [f"{names[tag]} {100 * means[tag]:.0f} %" for tag in best]
