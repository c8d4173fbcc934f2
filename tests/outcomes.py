"""What `evaluate` and `predict` write, made up: for the tests of pages."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.files import (
    CLIP_PREDICTIONS,
    METRICS,
    REPLICAS,
    UNLABELLED_CLIPS,
    write_csv,
    write_json,
)
from pipeline.dataset.tracks import REPLICA_COLUMNS

Row = dict[str, str]

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
SAME = {"tracks": 14, "exact_pairs": 0, "near_pairs": 0, "pairs_across_genres": 0}
RECORD = {
    "parameters": {"model": "ann", "feature": "centroid", "models": {"ann": {"epochs": 2}}},
    "backend": "tensorflow",
    "seconds": 3.5,
}


def clip_rows(
    track_id: str,
    actual: str,
    genres: Sequence[str],
    chances: Sequence[Sequence[float]],
    fold: int = 0,
    group: str = "",
) -> list[Row]:
    """Rows of data/clip_predictions.csv: `chances` has the probabilities of each clip."""
    known = {"track_id": track_id, "fold": str(fold), "group": group or track_id, "actual": actual}
    return [
        {
            **known,
            "predicted": genres[int(np.argmax(clip))],
            **{f"p_{genre}": f"{p:.4f}" for genre, p in zip(genres, clip, strict=True)},
        }
        for clip in chances
    ]


def track_row(clips: Sequence[Row]) -> Row:
    """The row of metrics/predictions.csv that follows from a track's clips, by the majority."""
    said = [row["predicted"] for row in clips]
    columns = [name for name in clips[0] if name.startswith("p_")]
    mean = {name: f"{np.mean([float(row[name]) for row in clips]):.4f}" for name in columns}
    return {**clips[0], "predicted": max(said, key=said.count), **mean}


def write_outcome(
    clips: Sequence[Sequence[Row]],
    unlabelled: Sequence[Sequence[Row]] = (),
    replicas: Sequence[Mapping[str, str]] = (),
    split: Mapping[str, Any] = SPLIT,
) -> None:
    """Write all that the stage `report` reads of a run, besides the stores and data/tracks.csv.

    Parameters
    ----------
    clips, unlabelled : sequence of the `clip_rows` of each track
    replicas : sequence of rows of data/replicas.csv
    split : mapping
        metrics/split.json.
    """
    rows = [row for track in clips for row in track]
    _write(METRICS / "predictions.csv", [track_row(track) for track in clips])
    _write(CLIP_PREDICTIONS, rows)
    heard = [
        {name: cell for name, cell in row.items() if name == "track_id" or name.startswith("p_")}
        for track in unlabelled
        for row in track
    ]
    columns = [name for name in rows[0] if name == "track_id" or name.startswith("p_")]
    write_csv(UNLABELLED_CLIPS, columns, heard)
    write_csv(REPLICAS, REPLICA_COLUMNS, replicas)
    _write(METRICS / "history.csv", histories())
    for name, content in (
        ("segment", SEGMENT),
        ("replicas", SAME),
        ("split", split),
    ):
        write_json(METRICS / f"{name}.json", content)
    (METRICS / "training.json").write_text(json.dumps(RECORD), encoding="utf-8")


def histories() -> list[dict[str, float]]:
    """Rows of metrics/history.csv: two folds, of which the second stops early."""
    return [
        {
            "fold": fold,
            "epoch": epoch,
            "loss": 2.0 / epoch,
            "accuracy": 0.2 * epoch,
            "val_loss": 2.2 / epoch,
            "val_accuracy": 0.15 * epoch,
        }
        for fold, epochs in ((0, 3), (1, 2))
        for epoch in range(1, epochs + 1)
    ]


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_csv(path, list(rows[0]), rows)
