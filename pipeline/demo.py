"""Stage: write the small synthetic dataset that a fresh clone runs on."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from pipeline.base.entry import command_line, run_stage
from pipeline.base.paths import DEMO, DEMO_TRUTH
from pipeline.base.sections import read_section, read_seed
from pipeline.base.tables import write_csv
from pipeline.synthesis.params import DemoParams
from pipeline.synthesis.play import piece
from pipeline.synthesis.styles import GENRES, artist_sound

SAMPLE_RATE = 22_050

# Each kind of thing that is drawn has a stream of its own, so that none shifts another.
ARTISTS, TRACKS, UNLABELLED, SHUFFLE = range(4)


@dataclass(frozen=True)
class Track:
    """One piece to be written: `index` seeds it, among the tracks of its stream and genre."""

    track_id: str
    genre: str
    artist: int
    stream: int
    index: int


def write_demo(folder: Path, truth: Path, params: DemoParams, seed: int) -> None:
    """Write the dataset, and apart from it the genres of its unlabelled tracks.

    Parameters
    ----------
    folder : Path
        Becomes the dataset: one folder for each genre, ``unlabelled/`` and ``metadata.csv``; what
        was there is replaced. Tracks are 16-bit mono WAV at `SAMPLE_RATE` Hz.
    truth : Path
        Becomes a table of ``track_id`` and ``genre``, for the unlabelled tracks alone.
    params : DemoParams
        How many tracks and artists, and how long in seconds.
    seed : int
        Every track follows from it and its own place alone: same arguments, same bytes.
    """
    labelled, unlabelled = list(_labelled(params)), list(_unlabelled(params, seed))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for track in tqdm(labelled + unlabelled, desc="demo", unit="track"):
        _write_track(partial, track, params.seconds, seed)
    write_csv(partial / "metadata.csv", ["track_id", "artist"], map(_credit, labelled))
    answers = ({"track_id": track.track_id, "genre": track.genre} for track in unlabelled)
    write_csv(truth, ["track_id", "genre"], answers)
    # Last, and at once: a killed run leaves the old dataset or none, never a part of one.
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _labelled(params: DemoParams) -> Iterator[Track]:
    for genre in GENRES:
        for i in range(params.tracks_per_genre):
            track_id = f"{genre}/demo.{genre}.{i:05d}"  # or it would be taken for GTZAN's
            yield Track(track_id, genre, i % params.artists_per_genre, TRACKS, i)


def _unlabelled(params: DemoParams, seed: int) -> Iterator[Track]:
    rng = np.random.default_rng([seed, SHUFFLE])
    genres = rng.permutation(np.resize(list(GENRES), params.unlabelled)).tolist()
    for i, genre in enumerate(genres):
        artist = int(rng.integers(params.artists_per_genre))
        yield Track(f"unlabelled/unlabelled.{i:05d}", genre, artist, UNLABELLED, i)


def _write_track(folder: Path, track: Track, seconds: float, seed: int) -> None:
    genre = list(GENRES).index(track.genre)
    artist = artist_sound(np.random.default_rng([seed, ARTISTS, genre, track.artist]))
    rng = np.random.default_rng([seed, track.stream, genre, track.index])
    samples = piece(GENRES[track.genre], artist, seconds, SAMPLE_RATE, rng)
    path = folder / f"{track.track_id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")


def _credit(track: Track) -> dict[str, str]:
    return {"track_id": track.track_id, "artist": f"{track.genre} artist {track.artist + 1}"}


def main() -> None:
    """Write the demo dataset that ``params.yaml`` asks for."""
    command_line(__doc__).parse_args()
    write_demo(DEMO, DEMO_TRUTH, read_section(DemoParams, "demo"), read_seed())


if __name__ == "__main__":
    run_stage(main)
