"""A small project on disk, and what is needed to train on it."""

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from documents import changed_document, write_params

from pipeline.augmentation.offline import make_samples
from pipeline.augmentation.samples import by_store, read_samples
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES, FOLDS, TRACKS, write_csv
from pipeline.dataset.tracks import COLUMNS, Track, read_tracks
from pipeline.extract import extract
from pipeline.features.shared.feature import read_feature
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack, read_folds, write_folds
from pipeline.store.store import Store, in_store_order, write_store
from pipeline.training import cross_validation
from pipeline.training.cross_validation import Experiment, read_experiment
from pipeline.training.fit import assemble
from pipeline.training.trained import Description, save_model

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

OFFLINE: dict[str, Any] = {
    "augment.mode": "offline",
    "augment.copies": 2,
    "augment.kinds": ["stretch", "time_mask+blur", "noise"],
}
INLINE = {**OFFLINE, "augment.mode": "inline"}

# Keras copies variables in a way that NumPy 2 deprecates.
saves_models = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def small_document(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Content of params.yaml of the small project."""
    return changed_document({**SMALL, **(changes or {})})


def small_experiment(changes: Mapping[str, Any] | None = None) -> Experiment:
    """The experiment of the small project."""
    return read_experiment(small_document(changes))


def tone(pitch: float, seed: int, clips: int = 2) -> npt.NDArray[np.int16]:
    """Clips of a sine at `pitch` Hz in noise; shape (clips, SAMPLE_RATE)."""
    rng = np.random.default_rng(seed)
    time = np.arange(clips * SAMPLE_RATE) / SAMPLE_RATE
    samples = 0.5 * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.02, len(time))
    return np.rint(samples * 32767 / 2).astype(np.int16).reshape(clips, SAMPLE_RATE)


def folded(track_id: str, genre: str, **known: Any) -> FoldedTrack:
    """A labelled track with no other attribute, unless it is among `known`."""
    nothing: dict[str, Any] = {"clip": None, "artist": "", "replica": "", "tested_in": ()}
    return FoldedTrack(track_id, genre=genre, **{**nothing, **known})


def labelled_tracks() -> list[FoldedTrack]:
    """The labelled tracks of the small project, in two folds."""
    return [
        folded(f"{genre}/{number}", genre, tested_in=(number % 2,))
        for genre in ("high", "low")
        for number in range(TRACKS_PER_GENRE)
    ]


def write_tracks(
    folder: Path, rows: Sequence[tuple[str, str, str]], **columns: Mapping[str, object]
) -> None:
    """Write data/tracks.csv from (track_id, genre, status), and other columns by track id."""
    write_csv(
        folder / TRACKS,
        COLUMNS,
        (
            {"track_id": track, "genre": genre, "status": status, "clips": 2, "sha256": track}
            | {name: cells[track] for name, cells in columns.items() if track in cells}
            for track, genre, status in rows
        ),
    )


def write_project(folder: Path, changes: Mapping[str, Any] | None = None) -> Experiment:
    """Write params.yaml, both tables and the feature store of a project with two genres."""
    write_params(folder, {**SMALL, **(changes or {})})
    experiment = small_experiment(changes)
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
    name = experiment.feature
    feature = read_feature(name, small_document(changes))
    extract(folder / CLIPS, name, feature, folder / FEATURE_STORES / name)
    return experiment


def augmented_project(changes: Mapping[str, Any] | None = None) -> Experiment:
    """The small project in the working directory, with augmented samples of its labelled clips."""
    experiment = write_project(Path(), {**OFFLINE, **(changes or {})})
    make_small_samples(experiment)
    return experiment


def make_small_samples(
    experiment: Experiment, folder: Path = AUGMENTED, tracks: Sequence[Track] | None = None
) -> int:
    """Make samples of `tracks`, by default of all that the project in the working directory has."""
    tracks = read_tracks() if tracks is None else tracks
    return make_samples(experiment.augment, experiment.feature, tracks, experiment.seed, folder)


def sample_rows() -> dict[tuple[str, int], list[bytes]]:
    """Rows of the samples of each track and clip, as the table in the working directory says."""
    rows: dict[tuple[str, int], list[bytes]] = defaultdict(list)
    for chain, tracks in by_store(read_samples(AUGMENTED)).items():
        with Store(AUGMENTED / chain) as store:
            for track_id, samples in tracks.items():
                for sample, row in zip(samples, store.rows(track_id), strict=True):
                    rows[track_id, sample.clip].append(row.tobytes())
    return rows


def run_main(main: Callable[[], None], *arguments: object) -> None:
    """Run a stage or a command with these arguments on its command line."""
    with mock.patch.object(sys, "argv", [main.__module__, *map(str, arguments)]):
        main()


def train_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have folds train in this process, one after another, with a narrow network."""
    monkeypatch.setattr(cross_validation, "map_folds", lambda f, calls: [f(each) for each in calls])
    monkeypatch.setattr("models.ann.WIDTHS", (32,))


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
    network = small_experiment().network
    model = assemble((FRAMES,), description, network, 800.0, 400.0**2, "float32")
    save_model(folder / f"fold-{description.fold}.keras", model, description)
    return model
