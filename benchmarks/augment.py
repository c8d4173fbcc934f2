"""Each kind of augmentation, sample by sample, beside the plain way to do the same.

Pictures and spectrograms: rows of `mel` as a store holds them, through `Target.make`, beside
scipy.ndimage of the same interpolation and edge where we do not call that ourselves (NumPy where
scipy has no such thing), and beside Keras' nearest random layer, image by image. Sound: clips of
3 s in float32, without the feature that follows, beside librosa.effects, or NumPy in its own
float64.

All sides run in this process on one thread, in turns; a figure is the fastest of several runs
over the same samples. What is drawn is drawn beforehand, but for Keras, whose layers draw.

`python benchmarks/augment.py`
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import librosa
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.audio.clips import from_pcm, to_pcm
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.target import Target, parse_augment
from pipeline.base.backend import keras
from pipeline.base.params import lookup
from pipeline.features.mel import Mel
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

Array = npt.NDArray[Any]
State = dict[str, Any]
Side = Callable[[Array, State], Any]

RATE, SECONDS = 22050, 3
LAYERS = keras.layers
SIZES = {"64 x 65": (64, 1024), "128 x 130": (128, 512)}  # bands, hop
ROUNDS, PICTURES, CLIPS = 15, 20, 4
REFLECT = {"order": 1, "mode": "reflect"}
OURS = "ours"
SOUNDED = [name for name, kind in augmentations().items() if kind.acts_on == "sound"]
PICTURED = [name for name in augmentations() if name not in SOUNDED]


def affine(picture: Array, rows: float, columns: float, y: float, x: float) -> Array:
    """Scaled by 1 / `rows` and 1 / `columns` about a point in shares of height and width."""
    fixed = np.array([y, x]) * (np.array(picture.shape) - 1)
    scale = np.array([rows, columns])
    return ndimage.affine_transform(picture, scale, fixed - fixed * scale, **REFLECT)


def masked(picture: Array, state: State, axis: int) -> Array:
    """SpecAugment's mask, filled with the mean."""
    cells = picture.shape[axis]
    first = int(state["start"] * cells)
    hidden = slice(first, first + max(1, round(state["width"] * cells)))
    filled = picture.copy()
    filled[(slice(None),) * axis + (hidden,)] = picture.mean()
    return filled


def equalised(picture: Array, gains: Sequence[float]) -> Array:
    """Gains with lines between them."""
    places = np.linspace(0, len(gains) - 1, len(picture))
    return picture + np.interp(places, np.arange(len(gains)), gains)[:, np.newaxis]


def with_noise(picture: Array, state: State) -> Array:
    """Powers added up."""
    power = 10 ** (picture / 10)
    scale = power.mean() * 10 ** (-state["snr_db"] / 10)
    noise = np.random.default_rng(state["seed"]).exponential(scale, power.shape)
    return 10 * np.log10(power + noise)


def resized_stretch(clip: Array, state: State) -> Array:
    """librosa's, cut or begun again."""
    return np.resize(librosa.effects.time_stretch(clip, rate=state["rate"]), len(clip))


def hiss(clip: Array, state: State) -> Array:
    """White noise at a ratio in dB."""
    rng = np.random.default_rng(state["seed"])
    deviation = np.sqrt(np.mean(clip.astype(np.float64) ** 2)) * 10 ** (-state["snr_db"] / 20)
    return clip + rng.normal(0, deviation, len(clip))


# Of pictures of shape (bands, frames), float32.
PLAIN: dict[str, tuple[str, Side]] = {
    "mirror": ("NumPy", lambda p, _: np.fliplr(p)),
    "flip": ("NumPy", lambda p, _: np.flipud(p)),
    "stretch": ("scipy", lambda p, s: affine(p, 1, 1 / s["factor"], 0.5, 0.5)),
    "zoom": ("scipy", lambda p, s: affine(p, 1 / s["factor"], 1 / s["factor"], s["y"], s["x"])),
    "time_mask": ("NumPy", lambda p, s: masked(p, s, 1)),
    "frequency_mask": ("NumPy", lambda p, s: masked(p, s, 0)),
    "equaliser": ("NumPy", lambda p, s: equalised(p, s["db"])),
    "spectral_noise": ("NumPy", with_noise),
}
# Of clips of shape (samples,), float32.
PLAIN_SOUND: dict[str, tuple[str, Side]] = {
    "gain": ("NumPy", lambda c, s: c.astype(np.float64) * 10 ** (s["db"] / 20)),
    "noise": ("NumPy", hiss),
    "pitch_shift": (
        "librosa",
        lambda c, s: librosa.effects.pitch_shift(c, sr=RATE, n_steps=s["semitones"]),
    ),
    "time_stretch": ("librosa", resized_stretch),
    "time_shift": ("NumPy", lambda c, s: np.roll(c, round(s["share"] * len(c)))),
}
KERAS: dict[str, Callable[[], Any]] = {
    "mirror": lambda: LAYERS.RandomFlip("horizontal"),
    "flip": lambda: LAYERS.RandomFlip("vertical"),
    "rotate": lambda: LAYERS.RandomRotation(5 / 360, fill_mode="reflect"),
    "stretch": lambda: LAYERS.RandomZoom(0.0, (-0.2, 0.25), fill_mode="reflect"),
    "zoom": lambda: LAYERS.RandomZoom((-0.2, 0.0), fill_mode="reflect"),
    "blur": lambda: LAYERS.RandomGaussianBlur(1.0, 9, (0.3, 1.0), value_range=(-100, 50)),
    "time_mask": lambda: LAYERS.RandomErasing(1.0, scale=(0.01, 0.2), value_range=(-100, 50)),
    "spectral_noise": lambda: LAYERS.GaussianNoise(1.0),
}


def a_clip() -> Array:
    """Synthetic rock as int16, shape (samples,)."""
    rng = np.random.default_rng(0)
    samples = piece(GENRES["rock"], artist_sound(rng), SECONDS, RATE, rng)
    return to_pcm(samples.astype(np.float32))[: SECONDS * RATE]


def by_scipy(side: Side, row: Array, state: State) -> Array:
    """From a stored row to one that could be stored."""
    return side(row[..., 0].astype(np.float32), state).astype(row.dtype)[..., np.newaxis]


def by_keras(layer: Any, row: Array, _: State) -> Array:
    """Likewise."""
    return np.asarray(layer(row.astype(np.float32), training=True)).astype(row.dtype)


def micros(side: Side, x: Array, states: Sequence[State]) -> float:
    """Mean wall time of a sample, in microseconds."""
    start = time.perf_counter()
    for state in states:
        side(x, state)
    return 1e6 * (time.perf_counter() - start) / len(states)


def fastest(sides: Mapping[str, Side], x: Array, states: Sequence[State]) -> dict[str, float]:
    """Microseconds a sample of each side, taken in turns, the first round only to warm up."""
    times = [[micros(side, x, states) for side in sides.values()] for _ in range(ROUNDS + 1)]
    return dict(zip(sides, map(min, zip(*times[1:], strict=True)), strict=True))


def line(name: str, size: str, times: Mapping[str, float]) -> str:
    """One row of the table: ours, and each other way that there is."""
    ours, *others = times.values()
    ways = zip(list(times)[1:], others, strict=True)
    cells = (f"  {way:8} {other:9.1f} {other / ours:7.1f}" for way, other in ways)
    return f"{name:15} {size:10} {ours:9.1f}" + "".join(cells)


def picture_sides(name: str, target: Target) -> dict[str, Side]:
    """Ours, and the plain way and Keras' where there is one."""
    sides: dict[str, Side] = {
        OURS: lambda row, state: target.make_sample([augmentations()[name]], [state], row, None)
    }
    if name in PLAIN:
        way, plain = PLAIN[name]
        sides[way] = partial(by_scipy, plain)
    return sides | ({"Keras": partial(by_keras, KERAS[name]())} if name in KERAS else {})


def sound_sides(name: str) -> dict[str, Side]:
    """Ours, and the plain way where there is one."""
    sides: dict[str, Side] = {OURS: augmentations()[name].apply}
    return sides | dict([PLAIN_SOUND[name]] if name in PLAIN_SOUND else [])


def main() -> None:
    """Print one line for each kind and size."""
    ranges, clip = parse_augment(lookup("augment")).ranges, a_clip()
    print("microseconds a sample; a ratio is the other way's time in ours")
    print("kind            size            ours  other way     time   ratio  ...")
    with threadpool_limits(1):
        for size, (bands, hop) in SIZES.items():
            feature = Mel(2048, hop, bands, 0.0, 11_025.0, 80.0, 1, "viridis")
            row = feature(from_pcm(clip)[np.newaxis], RATE)[0]
            target = Target(feature, RATE, row.shape, row.dtype.name)
            for name in PICTURED:
                states = [ranges[name].draw(np.random.default_rng(n)) for n in range(PICTURES)]
                times = fastest(picture_sides(name, target), row, states)
                print(line(name, size, times), flush=True)
        for name in SOUNDED:
            states = [ranges[name].draw(np.random.default_rng(n)) for n in range(CLIPS)]
            times = fastest(sound_sides(name), from_pcm(clip), states)
            print(line(name, f"{SECONDS} s", times), flush=True)


if __name__ == "__main__":
    main()
