"""Each feature of a 30 s track in 3 s clips, beside the libraries' own, clip by clip.

Both sides and the bare FFTs (of frames that are already windowed) run in this process on one
thread, in turns; a figure is the fastest of several runs. For `musicnn`, the plain way is a graph
of Keras and TensorFlow, and instead of FFTs there are the bare matrix products of its convolutions.
`python benchmarks/features.py [audio file]`; without a file the track is synthetic.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import librosa
import matplotlib
import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal
from matplotlib import pyplot
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from pipeline.audio.clips import from_pcm, to_pcm
from pipeline.base.parallel import ONE_THREAD
from pipeline.features import musicnn
from pipeline.features.shared.feature import read_feature
from pipeline.features.shared.spectra import area_weights
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

Array = npt.NDArray[Any]
RATE = 22050
SAMPLES = 30 * RATE
REPEATS = 15
CENTRED = ("mel", "centroid")


def a_track(arguments: list[str]) -> Array:
    """Ten 3 s clips of a file or of synthetic rock, float32 of shape (10, 66150)."""
    if arguments:
        samples, _ = librosa.load(arguments[0], sr=RATE)
    else:
        rng = np.random.default_rng(0)
        samples = piece(GENRES["rock"], artist_sound(rng), 30.0, RATE, rng)
    pcm = to_pcm(samples.astype(np.float32))
    return from_pcm(np.resize(pcm, (10, SAMPLES // 10)))  # repeats what is a little too short


@cache
def dense_weights(source: int, target: int) -> Array:
    """Share of each source cell in each target cell, as a matrix."""
    return area_weights(source, target).toarray()


def plain_mel(clip: Array, p: Any) -> Array:
    """librosa, as its documentation shows."""
    power = librosa.feature.melspectrogram(
        y=clip,
        sr=RATE,
        n_fft=p.n_fft,
        hop_length=p.hop_length,
        n_mels=p.n_mels,
        fmin=p.fmin,
        fmax=p.fmax,
    )
    return librosa.power_to_db(power, ref=1.0, top_db=p.top_db)


def plain_centroid(clip: Array, p: Any) -> Array:
    """librosa, likewise."""
    return librosa.feature.spectral_centroid(
        y=clip, sr=RATE, n_fft=p.n_fft, hop_length=p.hop_length
    )


def plain_grey(clip: Array, p: Any) -> Array:
    """scipy's spectrogram in dB, averaged over equal areas, scaled to bytes."""
    _, _, power = scipy.signal.spectrogram(
        clip, RATE, "hann", p.n_fft, p.n_fft - p.hop_length, detrend=False
    )
    db = 10 * np.log10(np.maximum(power, 10 ** (p.min_db / 10)))
    rows, columns = dense_weights(len(db), p.height), dense_weights(db.shape[1], p.width)
    scaled = (rows @ db @ columns.T - p.min_db) / (p.max_db - p.min_db)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def plain_colour(clip: Array, p: Any) -> None:
    """One figure for each clip, saved as PNG."""
    figure, axes = pyplot.subplots()
    axes.specgram(clip, NFFT=p.n_fft, Fs=RATE, noverlap=p.n_fft - p.hop_length)
    axes.axis("off")
    figure.savefig(BytesIO(), format="png")
    pyplot.close(figure)


@cache
def keras_network(name: str) -> Any:
    """MusiCNN as one graph."""
    os.environ.update(ONE_THREAD)
    from keras_musicnn import load_network

    network = load_network(name)
    import tensorflow as tf  # after Keras, which has it start without messages

    return tf.function(network, autograph=False)


def plain_musicnn(clip: Array, p: Any) -> Array:
    """librosa and Keras."""
    sound = librosa.resample(clip, orig_sr=RATE, target_sr=musicnn.SAMPLE_RATE)
    power = librosa.feature.melspectrogram(
        y=sound,
        sr=musicnn.SAMPLE_RATE,
        n_fft=musicnn.N_FFT,
        hop_length=musicnn.HOP_LENGTH,
        n_mels=musicnn.BANDS,
    )
    window = np.log10(10_000 * power.T + 1)[: musicnn.FRAMES]
    values = keras_network(p.checkpoint)(window[np.newaxis])
    return np.concatenate([values[layer][0] for layer in p.layers])


PLAIN: dict[str, Callable[[Array, Any], Any]] = {
    "mel": plain_mel,
    "centroid": plain_centroid,
    "grey": plain_grey,
    "colour": plain_colour,
    "musicnn": plain_musicnn,
}


def windowed_frames(name: str, clips: Array, p: Any) -> Array:
    """What a feature transforms: float32, shape (n, frames, n_fft)."""
    if name in CENTRED:
        clips = np.pad(clips, ((0, 0), (p.n_fft // 2, p.n_fft // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(clips, p.n_fft, axis=1)[:, :: p.hop_length]
    return frames * np.hanning(p.n_fft).astype(np.float32)


def clip_by_clip(work: Callable[..., Any], clips: Array, *arguments: Any) -> None:
    """Call `work` for each clip and drop the results."""
    for clip in clips:
        work(clip, *arguments)


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_work(name: str, clips: Array, feature: Any) -> Callable[[], Any]:
    """The FFTs of frames that are windowed, or the products of patches that are laid out."""
    if name != "musicnn":
        frames = windowed_frames(name, clips, feature)
        return lambda: clip_by_clip(scipy.fft.rfft, frames)
    variables = musicnn.read_variables(musicnn.checkpoint_folder(feature.checkpoint))
    products = []
    for number in (*musicnn.FRONT, *musicnn.MIDDLE):
        layer = f"conv2d_{number}" if number else "conv2d"
        height, width, _, filters = variables[f"{layer}/kernel"].shape
        places = musicnn.BANDS - width + 1 if number in musicnn.FRONT else 1
        patches = np.ones((musicnn.FRAMES * places, height * width), np.float32)
        products.append((patches, np.ones((height * width, filters), np.float32)))
    return lambda: [patches @ weights for _ in clips for patches, weights in products]


def compare(name: str, feature: Any, clips: Array) -> list[float]:
    """Fastest milliseconds of the bare work, of ours and of the plain way, measured in turn."""
    sides: list[Callable[[], Any]] = [
        bare_work(name, clips, feature),
        lambda: feature(clips, RATE),
        lambda: clip_by_clip(PLAIN[name], clips, feature),
    ]
    rounds = [[1e3 * seconds(side) for side in sides] for _ in range(REPEATS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def main() -> None:
    """Print one line for each feature."""
    matplotlib.use("Agg")
    clips = a_track(sys.argv[1:])
    print("feature   bare (ms)  ours (ms)  plain (ms)  ours / bare  plain / ours")
    with threadpool_limits(1):
        for name in PLAIN:
            bare, ours, plain = compare(name, read_feature(name), clips)
            times = f"{bare:9.1f}  {ours:9.1f}  {plain:10.1f}"
            print(f"{name:8}  {times}  {ours / bare:11.1f}  {plain / ours:12.1f}")


if __name__ == "__main__":
    main()
