"""A made-up run, written as `evaluate` and `predict` write theirs: for the tests of pages."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.base.files import (
    CLIP_PREDICTIONS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    REPLICAS,
    SUMMARY,
    UNLABELLED_CLIPS,
    rounded,
    write_csv,
    write_json,
)
from pipeline.dataset.tracks import REPLICA_COLUMNS
from pipeline.evaluation.predictions import (
    CLIP,
    Predictions,
    by_level,
    predictions_of,
    voted_tracks,
    write_predictions,
)
from pipeline.evaluation.summary import summarise, summarise_leaky, write_tables

SPLIT = {
    "protocol": "song",
    "judged": "all",
    "folds": 2,
    "tracks": 12,
    "left_out": 0,
    "artists_kept": False,
    "known_artist_share": 0.0,
    "replica_groups": 0,
    "genres_absent": 0,
    "dataset_digest": "0123456789ab",
    "replicas_left_out": 0,
    "genres_untrained": 0,
    "folds_digest": "ba9876543210",
}
SEGMENT = {"files": 14, "labelled_tracks": 12, "clips": 28, "rejected": 0, "truncated": 0}
NO_REPLICAS = {"tracks": 14, "exact_pairs": 0, "near_pairs": 0, "pairs_across_genres": 0}
TRAINING = {
    "parameters": {"model": "ann", "feature": "centroid", "models": {"ann": {"epochs": 2}}},
    "backend": "tensorflow",
    "seconds": 3.5,
}


def clips_of(
    genres: Sequence[str],
    chances: Mapping[str, Sequence[Sequence[float]]],
    actual: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> Predictions:
    """Predictions for the clips of some tracks, which two folds test by turns.

    `chances` has the probabilities of each track's clips. Without `actual`, the tracks are
    unlabelled and in no fold; without `groups`, each track is one.
    """
    counts = [len(clips) for clips in chances.values()]
    ids = np.repeat(list(chances), counts)
    labels = {}
    if actual is not None:
        folds = np.repeat(np.arange(len(counts)) % 2, counts)
        labels = {"folds": folds, "actual": np.array([genres.index(actual[each]) for each in ids])}
    return predictions_of(
        genres,
        ids,
        np.array([clip for clips in chances.values() for clip in clips]),
        clips=np.concatenate([np.arange(count) for count in counts]),
        groups=np.array([groups[each] for each in ids]) if groups else None,
        **labels,
    )


def write_outcome(
    clips: Predictions,
    unlabelled: Predictions | None = None,
    replicas: Sequence[Mapping[str, str]] = (),
    vote: str = "majority",
    **split: Any,
) -> None:
    """Write all that the stage `report` reads of a run, besides the stores and data/tracks.csv.

    `vote` is the rule of the main figures, and `split` changes metrics/split.json.
    """
    by_clip = split.get("protocol") == CLIP
    levels = {CLIP: clips} if by_clip else by_level(clips)
    figures = summarise_leaky(clips) if by_clip else summarise(levels, vote)
    write_predictions(PREDICTIONS, clips if by_clip else voted_tracks(levels, vote))
    write_predictions(CLIP_PREDICTIONS, clips)
    write_predictions(
        UNLABELLED_CLIPS, clips.take(np.arange(0)) if unlabelled is None else unlabelled
    )
    write_tables(levels, clips if by_clip else levels[vote])
    write_json(SUMMARY, rounded(figures))
    write_csv(REPLICAS, REPLICA_COLUMNS, replicas)
    epochs = history_rows()
    write_csv(HISTORIES, list(epochs[0]), epochs)
    write_json(METRICS / "segment.json", SEGMENT)
    write_json(METRICS / "replicas.json", NO_REPLICAS)
    write_json(METRICS / "split.json", {**SPLIT, **split})
    write_json(METRICS / "training.json", TRAINING)


def history_rows() -> list[dict[str, float]]:
    """Rows of metrics/history.csv: two folds, of which the second stops early."""
    rows = []
    for fold, epoch in ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2)):
        training = {"loss": 2.0 / epoch, "accuracy": 0.2 * epoch}
        validation = {"val_loss": 2.2 / epoch, "val_accuracy": 0.15 * epoch}
        rows.append({"fold": fold, "epoch": epoch, **training, **validation})
    return rows


def page_data(content: str) -> dict[str, Any]:
    """The data that the scripts of a page take."""
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', content, re.S)
    assert block
    return dict(json.loads(block[1]))
