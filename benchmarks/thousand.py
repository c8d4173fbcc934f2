"""From a thousand files of 30 s to ten tested folds of `linear` on `musicnn`, beside the plain way.

The tracks are synthetic, in a temporary folder with a cache of its own; making them does not
count. Ours are the stages as they stand, one process after another, each on all cores. The plain
way is one process: librosa loads each file at 16 kHz, the same network in Keras takes it clip by
clip, and scikit-learn's logistic regression is trained on the same folds of all tracks. Its
features are measured on a few of the tracks, and the time for all of them follows.

`python benchmarks/thousand.py [--tracks 1000] [--sample 20]`; a thousand take 1.4 GB of disk.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from growth import make_project, read_params, run

from pipeline.base.parallel import map_tracks, workers
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

LEAST = 30  # tracks: three of each genre
RATE, SECONDS, CLIP_SECONDS = 22050, 30, 3
CHANGES = {"model": "linear", "feature": "musicnn"}
STAGES = {
    "decode and cut": [["segment"]],
    "feature": [["extract", "musicnn"]],
    "folds, without replicas": [["replicas"], ["split"]],
    "train and test": [["train"], ["evaluate"]],
}


def write_track(number: int, folder: Path) -> None:
    """A synthetic piece in one of ten genres, by an artist of its own."""
    rng = np.random.default_rng(number)
    genre = list(GENRES)[number % len(GENRES)]
    sound = piece(GENRES[genre], artist_sound(rng), SECONDS, RATE, rng)
    path = folder / genre / f"{number:05d}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE, subtype="PCM_16")


def write_project(folder: Path, tracks: int) -> None:
    """The pipeline, its parameters with `CHANGES`, and the tracks."""
    params = read_params() | CHANGES
    params["extract"]["features"] = [params["feature"]]
    params["segment"]["seconds"] = CLIP_SECONDS
    params["split"]["folds"] = min(10, tracks // len(GENRES))  # fewer if it is only tried out
    make_project(folder, params)
    write = partial(write_track, folder=folder / "music")
    for _ in map_tracks(write, range(tracks), total=tracks, label="music"):
        pass


def ours(folder: Path) -> dict[str, float]:
    """Seconds of each step."""
    seconds = {}
    for step, stages in STAGES.items():
        done = [
            run(folder, sys.executable, "-m", f"pipeline.{name}", *more) for name, *more in stages
        ]
        seconds[step] = sum(spent for spent, _ in done)
    print(done[-1][1].splitlines()[0])
    return seconds


def plain_feature(paths: list[Path]) -> tuple[float, float]:
    """Seconds of loading some files, and of their clips' features, in this process."""
    import librosa
    from keras_musicnn import FRAMES, load_network

    network = load_network("MSD")
    loaded = computed = 0.0
    for number, path in enumerate([paths[0], *paths]):  # the first, which compiles, does not count
        start = time.perf_counter()
        sound, rate = librosa.load(path, sr=16000)
        between = time.perf_counter()
        for clip in sound[: SECONDS * rate].reshape(-1, CLIP_SECONDS * rate):
            power = librosa.feature.melspectrogram(
                y=clip, sr=rate, n_fft=512, hop_length=256, n_mels=96
            )
            window = np.log10(10_000 * power.T + 1)[:FRAMES]
            network(window[np.newaxis])
        if number:
            loaded += between - start
            computed += time.perf_counter() - between
    return loaded, computed


def plain_folds() -> float:
    """Seconds of a logistic regression on every fold of the project in the working directory."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from pipeline.base.files import FEATURE_STORES
    from pipeline.folds.labelled import load_labelled
    from pipeline.folds.table import read_folds

    clips = load_labelled(FEATURE_STORES / CHANGES["feature"], read_folds())
    rows = clips.rows[np.arange(len(clips.rows))]
    start = time.perf_counter()
    for tested in clips.tested:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(rows[~tested], clips.labels[~tested]).predict_proba(rows[tested])
    return time.perf_counter() - start


def plain(sample: int) -> None:
    """Print the seconds of the plain way, in the project that is the working directory."""
    paths = sorted(Path("music").rglob("*.wav"))
    few = paths[:: max(1, len(paths) // sample)][:sample]
    loaded, computed = (spent * len(paths) / len(few) for spent in plain_feature(few))
    print(loaded, computed, plain_folds())


def report(mine: dict[str, float], theirs: dict[str, float]) -> None:
    """Print minutes of each step, and of all."""
    for step, seconds in [*mine.items(), ("in all", sum(mine.values()))]:
        other = theirs.get(step)
        beside = f"{other / 60:9.2f}  {other / seconds:10.1f}" if other else f"{'-':>9}  {'-':>10}"
        print(f"{step:24} {seconds / 60:8.2f}  {beside}")


def main() -> None:
    """Run both ways, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tracks", type=int, default=1000, help=f"at least {LEAST}")
    parser.add_argument("--sample", type=int, default=20, help="tracks of the plain way")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.tracks < LEAST:
        parser.error(f"--tracks {asked.tracks}: should be at least {LEAST}")
    if asked.plain:
        plain(asked.sample)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, asked.tracks)
        print(f"{asked.tracks} tracks of {SECONDS} s, {workers()} cores")
        mine = ours(folder)
        script = [str(Path(__file__).resolve()), "--plain", "--sample", str(asked.sample)]
        _, output = run(folder, sys.executable, *script)
    loaded, computed, folds = map(float, output.splitlines()[-1].split())
    theirs = dict(zip(STAGES, (loaded, computed, 0.0, folds), strict=True))
    theirs["in all"] = sum(theirs.values())
    print(f"plain: decoding and features of {asked.sample} tracks, extrapolated to all")
    print(f"{'minutes':24} {'ours':>8}  {'plain':>9}  plain / ours")
    report(mine, theirs)


if __name__ == "__main__":
    main()
