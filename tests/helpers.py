"""A small project on disk, and what it takes to train on it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from models.fit import assemble
from models.saved import Description, save_model
from pipeline.extract import extract
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.params import Params, parse_params
from pipeline.store import CLIPS, FEATURE_STORES, in_store_order, write_store
from pipeline.tables import write_csv
from pipeline.tracks import COLUMNS, FOLDS, TRACKS, FoldedTrack, read_folds, write_folds

Array = npt.NDArray[Any]

ROOT = Path(__file__).parent.parent
SAMPLE_RATE = 4000
FRAMES = 11  # of `centroid` below: 1 + 4000 // 400
PITCH = {"high": 1200.0, "low": 200.0, "": 600.0}
TRACKS_PER_GENRE = 6
UNLABELLED = ("unlabelled/a", "unlabelled/b")
SMALL: dict[str, Any] = {
    "model": "ann",
    "feature": "centroid",
    "segment.sample_rate": SAMPLE_RATE,
    "segment.seconds": 1,
    "extract.mel.fmax": 2000,
    "extract.centroid.n_fft": 256,
    "extract.centroid.hop_length": 400,
    "split.folds": 2,
    "train.precision": "float32",
    "train.validation": 0.25,
    "models.ann.epochs": 2,
    "models.ann.batch_size": 8,
}

# Keras copies variables in a way that NumPy 2 deprecates.
saves_models = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def committed_document() -> dict[str, Any]:
    """The content of the committed params.yaml."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return document


def changed_document(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The committed params.yaml with other values at some dotted keys."""
    document = committed_document()
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = document
        for part in sections:
            section = section[part]
        section[name] = value
    return document


def write_params(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write params.yaml with `changes` from the committed one."""
    text = yaml.safe_dump(changed_document(changes))
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def small_params(changes: Mapping[str, Any] | None = None) -> Params:
    """Parameters of the small project."""
    return parse_params(changed_document({**SMALL, **(changes or {})}))


def tone(pitch: float, seed: int, clips: int = 2) -> npt.NDArray[np.int16]:
    """Clips of a sine at `pitch` Hz in noise; shape (clips, SAMPLE_RATE)."""
    rng = np.random.default_rng(seed)
    time = np.arange(clips * SAMPLE_RATE) / SAMPLE_RATE
    samples = 0.5 * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.02, len(time))
    return np.rint(samples * 32767 / 2).astype(np.int16).reshape(clips, SAMPLE_RATE)


def labelled_tracks() -> list[FoldedTrack]:
    """The small project's labelled tracks, in two folds."""
    return [
        FoldedTrack(f"{genre}/{number}", genre, number % 2)
        for genre in ("high", "low")
        for number in range(TRACKS_PER_GENRE)
    ]


def write_tracks(folder: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    """Write data/tracks.csv from (track_id, genre, status)."""
    write_csv(
        folder / TRACKS,
        COLUMNS,
        ({"track_id": track, "genre": genre, "status": status} for track, genre, status in rows),
    )


def write_project(folder: Path, changes: Mapping[str, Any] | None = None) -> Params:
    """Write params.yaml, both tables and the feature store of a project of two genres."""
    write_params(folder, {**SMALL, **(changes or {})})
    params = small_params(changes)
    genres = {track.track_id: track.genre for track in labelled_tracks()}
    genres |= dict.fromkeys(UNLABELLED, "")
    write_tracks(folder, [(track_id, genre, "ok") for track_id, genre in sorted(genres.items())])
    write_folds(labelled_tracks(), folder / FOLDS)
    pcm = {
        track_id: tone(PITCH[genres[track_id]], seed)
        for seed, track_id in enumerate(in_store_order(genres))
    }
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": 1}
    write_store(folder / CLIPS, description, pcm)
    name = params.feature
    extract(folder / CLIPS, name, params.extract[name], folder / FEATURE_STORES / name)
    return params


def labelled_clips(folder: Path) -> LabelledClips:
    """The labelled clips of the project in `folder`."""
    return load_labelled(folder / FEATURE_STORES / "centroid", read_folds(folder / FOLDS))


def describe(fold: int = 0, **changes: Any) -> Description:
    """Description of a model of the small project."""
    known: dict[str, Any] = {
        "model": "ann",
        "feature": "centroid",
        "genres": ["high", "low"],
        "fold": fold,
        "store": {},
        "training": {"seed": 7, "precision": "float32"},
    }
    return Description(**{**known, **changes})


def save_untrained(folder: Path, description: Description) -> Any:
    """Save a model with random weights as its fold's, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    fit = small_params().fit
    model = assemble((FRAMES,), description, fit, 800.0, 400.0**2, "float32")
    save_model(folder / f"fold-{description.fold}.keras", model, description)
    return model
