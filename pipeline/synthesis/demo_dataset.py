"""The demo's dataset: its size, its files, and which of the files in its folder it wrote itself."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.cli import progress
from pipeline.base.errors import PipelineError
from pipeline.base.files import content_digest, read_csv, write_csv
from pipeline.base.types import STRICT
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

SAMPLE_RATE = 22_050
MADE = ".made.csv"  # hidden, so that it is no part of the dataset
COLUMNS = ["file", "sha256"]
# What the demo calls its files: decides where there is no table, as in older commits.
OWN = re.compile(r"(\w+)/demo\.\1\.\d{5}\.wav|unlabelled/unlabelled\.\d{5}\.wav|metadata\.csv")
# Separate random streams, so that the number of tracks in one does not change the others.
ARTISTS, TRACKS, UNLABELLED, SHUFFLE = range(4)


@strict_dataclass(frozen=True, config=STRICT)
class DemoParams:
    """Size of the synthetic dataset; `seconds` is the length of a track."""

    tracks_per_genre: Annotated[int, Field(ge=1, le=1000)]
    artists_per_genre: Annotated[int, Field(ge=1, le=1000)]
    seconds: Annotated[float, Field(ge=1, le=60)]
    unlabelled: Annotated[int, Field(ge=0, le=1000)]


@dataclass(frozen=True)
class DemoTrack:
    """A track to be written; `stream`, genre and `index` seed it."""

    track_id: str
    genre: str
    artist: int
    stream: int
    index: int


def write_demo(folder: Path, truth: Path, params: DemoParams, seed: int) -> None:
    """Write the dataset, and the genres of its unlabelled tracks in a separate file.

    Parameters
    ----------
    folder : Path
        The dataset, which replaces an older one: a folder for each genre, `unlabelled` and
        metadata.csv. Tracks are 16-bit mono WAV files at `SAMPLE_RATE` Hz.
    truth : Path
        A table of `track_id` and `genre`, for the unlabelled tracks only.
    params : DemoParams
        Number of tracks and artists, and length of the tracks in seconds.
    seed : int
        With its id, it determines each track: equal arguments give equal bytes.

    Raises
    ------
    PipelineError
        The folder holds a file that the demo did not make.
    """
    require_own(folder)
    labelled, unlabelled = list(_labelled(params)), list(_unlabelled(params, seed))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    tracks = labelled + unlabelled
    with progress(len(tracks), "demo") as reported:
        for track in tracks:
            _write_track(partial, track, params.seconds, seed)
            reported.update()
    write_csv(partial / "metadata.csv", ["track_id", "artist"], map(_credit, labelled))
    write_made(partial)
    answers = ({"track_id": track.track_id, "genre": track.genre} for track in unlabelled)
    write_csv(truth, ["track_id", "genre"], answers)
    # A run that is killed leaves the old dataset or none, never an incomplete one.
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def write_made(folder: Path) -> None:
    """List all files of a new demo dataset in a table within it."""
    files = sorted(_files(folder))
    rows = [{"file": name, "sha256": content_digest(path.read_bytes())} for name, path in files]
    write_csv(folder / MADE, COLUMNS, rows)


def require_own(folder: Path) -> None:
    """Refuse to go on where the demo's `folder` holds a file that the demo did not make.

    Raises
    ------
    PipelineError
        There is such a file, or one that was changed since; names it.
    """
    table = folder / MADE
    made = None
    if table.is_file():
        made = {row["file"]: row["sha256"] for row in read_csv(table, COLUMNS)}
    for name, path in sorted(_files(folder)):
        if not _is_own(name, path, made):
            raise PipelineError(
                f"{path} is not the demo's own, and would be deleted with it; move it to a folder "
                "of yours that has one sub-folder for each genre, and set dataset.path to that"
            )


def _labelled(params: DemoParams) -> Iterator[DemoTrack]:
    for genre in GENRES:
        for i in range(params.tracks_per_genre):
            track_id = f"{genre}/demo.{genre}.{i:05d}"  # unlike the names of GTZAN's tracks
            yield DemoTrack(track_id, genre, i % params.artists_per_genre, TRACKS, i)


def _unlabelled(params: DemoParams, seed: int) -> Iterator[DemoTrack]:
    rng = np.random.default_rng([seed, SHUFFLE])
    genres = rng.permutation(np.resize(list(GENRES), params.unlabelled)).tolist()
    for i, genre in enumerate(genres):
        artist = int(rng.integers(params.artists_per_genre))
        yield DemoTrack(f"unlabelled/unlabelled.{i:05d}", genre, artist, UNLABELLED, i)


def _write_track(folder: Path, track: DemoTrack, seconds: float, seed: int) -> None:
    import soundfile  # `check` reads the parameters, and needs no codec

    genre = list(GENRES).index(track.genre)
    artist = artist_sound(np.random.default_rng([seed, ARTISTS, genre, track.artist]))
    rng = np.random.default_rng([seed, track.stream, genre, track.index])
    samples = piece(GENRES[track.genre], artist, seconds, SAMPLE_RATE, rng)
    path = folder / f"{track.track_id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")


def _credit(track: DemoTrack) -> dict[str, str]:
    return {"track_id": track.track_id, "artist": f"{track.genre} artist {track.artist + 1}"}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of the files and links below `folder`, without the hidden ones."""
    for path in folder.rglob("[!.]*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), path


def _is_own(name: str, path: Path, made: dict[str, str] | None) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if made is None:
        return OWN.fullmatch(name) is not None
    return made.get(name) == content_digest(path.read_bytes())
