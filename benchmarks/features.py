"""Each feature of a 30 s track in 3 s clips, beside the libraries' own, clip by clip.

Both sides run in this process on one thread, in turns; the figure is the ratio of the fastest
of several runs. `python benchmarks/features.py`
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import librosa
import matplotlib
import numpy as np
import numpy.typing as npt
import scipy.signal
from matplotlib import pyplot
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.features import FEATURES
from pipeline.params import Params, load_params
from pipeline.styles import GENRES, artist_sound
from pipeline.synth import piece

Array = npt.NDArray[Any]
RATE = 22050
REPEATS = 5


def a_track() -> Array:
    """Ten 3 s clips of synthetic rock, float32 of shape (10, 66150)."""
    rng = np.random.default_rng(0)
    samples = piece(GENRES["rock"], artist_sound(rng), 30.0, RATE, rng)
    return samples.astype(np.float32).reshape(10, -1)


def plain_mel(clip: Array, p: Any) -> None:
    """librosa, as its documentation shows."""
    power = librosa.feature.melspectrogram(
        y=clip, sr=RATE, n_fft=p.n_fft, hop_length=p.hop_length, n_mels=p.n_mels
    )
    librosa.power_to_db(power, ref=1.0, top_db=p.top_db)


def plain_centroid(clip: Array, p: Any) -> None:
    """librosa, likewise."""
    librosa.feature.spectral_centroid(y=clip, sr=RATE, n_fft=p.n_fft, hop_length=p.hop_length)


def plain_grey(clip: Array, p: Any) -> None:
    """scipy's spectrogram in dB."""
    overlap = p.n_fft - p.hop_length
    _, _, power = scipy.signal.spectrogram(clip, RATE, "hann", p.n_fft, overlap)
    10 * np.log10(np.maximum(power, 1e-12))


def plain_colour(clip: Array, p: Any) -> None:
    """A figure a clip, saved as PNG."""
    figure, axes = pyplot.subplots()
    axes.specgram(clip, NFFT=p.n_fft, Fs=RATE, noverlap=p.n_fft - p.hop_length)
    axes.axis("off")
    figure.savefig(BytesIO(), format="png")
    pyplot.close(figure)


PLAIN: dict[str, Callable[[Array, Any], None]] = {
    "mel": plain_mel,
    "centroid": plain_centroid,
    "grey": plain_grey,
    "colour": plain_colour,
}


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, params: Params, clips: Array) -> tuple[float, float]:
    """Fastest seconds of ours and of the plain way, taken in turns."""
    feature = params.extract[name]
    ours, plain = [], []
    for _ in range(REPEATS):
        ours.append(seconds(lambda: feature(clips, RATE)))
        plain.append(seconds(lambda: [PLAIN[name](clip, feature) for clip in clips]))
    return min(ours), min(plain)


def main() -> None:
    """Print one line a feature."""
    matplotlib.use("Agg")
    params, clips = load_params(), a_track()
    print("feature    ours (ms)  plain (ms)  ratio")
    with threadpool_limits(1):
        for name in FEATURES:
            ours, plain = compare(name, params, clips)
            print(f"{name:9}  {1e3 * ours:9.1f}  {1e3 * plain:10.1f}  {plain / ours:5.1f}")


if __name__ == "__main__":
    main()
