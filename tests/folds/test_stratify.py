"""Stratified folds of whole groups, beside scikit-learn's."""

from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.dataset.gtzan import read_facts
from pipeline.folds.protocols import stratified_group_folds


def deviation(fold_of: list[int], genres: list[str], folds: int) -> float:
    counts = Counter(zip(fold_of, genres, strict=True))
    return float(
        np.mean([np.std([counts[fold, g] for fold in range(folds)]) for g in sorted(set(genres))])
    )


@pytest.mark.parametrize("folds", [5, 10])
def test_artists_are_assigned_as_evenly_as_by_scikit_learn(folds: int) -> None:
    genres = [name.split("/")[0] for name in read_facts()]
    names = [fact.artist or name for name, fact in read_facts().items()]
    theirs = np.empty(len(genres), int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(splitter.split(genres, genres, names)):
        theirs[test] = fold
    ours = deviation(stratified_group_folds(names, genres, folds, 0), genres, folds)
    assert ours < 1.05 * deviation(theirs.tolist(), genres, folds)
