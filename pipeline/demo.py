"""Stage: write the small synthetic dataset on which a fresh clone runs."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from pipeline.base.cli import command_line, progress, run_stage
from pipeline.base.files import DEMO, DEMO_TRUTH, write_csv
from pipeline.base.params import read_section, read_seed
from pipeline.synthesis.demo_dataset import DemoParams, require_own, write_made
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

SAMPLE_RATE = 22_050

# Separate random streams, so that the number of tracks in one does not change the others.
ARTISTS, TRACKS, UNLABELLED, SHUFFLE = range(4)


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
    genre = list(GENRES).index(track.genre)
    artist = artist_sound(np.random.default_rng([seed, ARTISTS, genre, track.artist]))
    rng = np.random.default_rng([seed, track.stream, genre, track.index])
    samples = piece(GENRES[track.genre], artist, seconds, SAMPLE_RATE, rng)
    path = folder / f"{track.track_id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")


def _credit(track: DemoTrack) -> dict[str, str]:
    return {"track_id": track.track_id, "artist": f"{track.genre} artist {track.artist + 1}"}


def main() -> None:
    """Write the demo dataset that params.yaml asks for."""
    command_line(__doc__).parse_args()
    write_demo(DEMO, DEMO_TRUTH, read_section(DemoParams, "demo"), read_seed())


if __name__ == "__main__":
    run_stage(main)
