"""Pure: how labelled tracks are dealt into folds, and the audit that none leaks."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold

from pipeline.errors import PipelineError


class FoldError(PipelineError):
    """Tracks cannot be dealt into folds, or a fold leaks."""


def song(genres: Sequence[str], folds: int, seed: int) -> list[int]:
    """Stratified folds by track.

    Parameters
    ----------
    genres : sequence of str, length n
        Genre of each track.
    folds, seed : int

    Returns
    -------
    list of int, length n
        Fold of each track, 0 to folds - 1; in each, a genre's tracks differ by at most one.

    Raises
    ------
    FoldError
        A genre has fewer tracks than folds.
    """
    for genre, count in sorted(Counter(genres).items()):
        if count < folds:
            raise FoldError(
                f"genre {genre!r} has {count} usable tracks, fewer than split.folds = {folds}; "
                f"add tracks or lower split.folds to at most {count}"
            )
    fold_of = np.empty(len(genres), int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(genres, genres)):
        fold_of[test] = fold
    return [int(fold) for fold in fold_of]


PROTOCOLS: dict[str, Callable[[Sequence[str], int, int], list[int]]] = {"song": song}


def inner_validation(
    track_ids: Sequence[str], genres: Sequence[str], share: float, seed: int
) -> set[str]:
    """Tracks of the training folds kept for validation: `share` of each genre, at least one.

    Raises
    ------
    FoldError
        A genre has a single training track, which cannot do both.
    """
    by_genre: dict[str, list[str]] = defaultdict(list)
    for track_id, genre in zip(track_ids, genres, strict=True):
        by_genre[genre].append(track_id)
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for genre, members in sorted(by_genre.items()):
        if len(members) < 2:
            raise FoldError(
                f"genre {genre!r} has one training track; training and validation need one each"
            )
        count = min(len(members) - 1, max(1, round(share * len(members))))
        kept.update(rng.permutation(sorted(members))[:count].tolist())
    return kept


def audit(train: Sequence[str], validation: Sequence[str], test: Sequence[str]) -> None:
    """Raise `FoldError`, naming the tracks, if a track is in more than one part."""
    parts = {"training": set(train), "validation": set(validation), "test": set(test)}
    for first, second in (("training", "validation"), ("training", "test"), ("validation", "test")):
        shared = sorted(parts[first] & parts[second])
        if shared:
            raise FoldError(f"leak: in {first} and in {second}: {', '.join(shared[:10])}")
