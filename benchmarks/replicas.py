"""Which copies of a recording are found, and how long that takes.

`python benchmarks/replicas.py [dataset folder]` makes replicas of every track of the folder
(without one, of synthetic tracks), each written to a file and read as `segment` would. Of each kind
it prints the precision and recall of the pairs that are claimed among the tracks and their replicas
of that kind, and how many of the bits of the right pairs agree.
A folder that has replicas to begin with shows them as wrong claims.

Then all kinds are matched at once, beside the plain way: the correlation of every pair.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import soundfile
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.audio.decode import load_clips, open_sound, resampled
from pipeline.dataset.folder import find_tracks
from pipeline.recordings.fingerprint import BITS, MUTE, fingerprint
from pipeline.recordings.matching import Match, find_matches
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

Array = npt.NDArray[Any]
RATE = 22050
CLIP_SAMPLES = 3 * RATE
SYNTHETIC_TRACKS, SYNTHETIC_SECONDS = 30, 10
PAIRS = 20  # that the plain way is timed with


def gain(decibels: float) -> Callable[[Array], Array]:
    """Louder or softer; what is beyond full scale is clipped."""
    return lambda samples: samples * 10 ** (decibels / 20)


def cut(seconds: float) -> Callable[[Array], Array]:
    """Begin later."""
    return lambda samples: samples[round(seconds * RATE) :]


def noise(snr_decibels: float) -> Callable[[Array], Array]:
    """With white noise, of its own for every track."""
    rng = np.random.default_rng(0)

    def add(samples: Array) -> Array:
        level = np.sqrt(np.mean(samples**2) * 10 ** (-snr_decibels / 10))
        return samples + rng.normal(0, level, len(samples))

    return add


@dataclass(frozen=True)
class Kind:
    """What is done to the samples, and the file that they are written to."""

    change: Callable[[Array], Array]
    suffix: str = ".wav"
    options: dict[str, Any] = field(default_factory=dict)


def mp3(level: float) -> Kind:
    """MP3 of a constant bit rate; the higher the level, the lower the rate."""
    options = {"bitrate_mode": "CONSTANT", "compression_level": level}
    return Kind(gain(0), ".mp3", options)


KINDS = {
    "gain -12 dB": Kind(gain(-12)),
    "gain -6 dB": Kind(gain(-6)),
    "gain +6 dB": Kind(gain(6)),
    "MP3 40 kbit/s": mp3(0.8),
    "MP3 16 kbit/s": mp3(0.95),
    "OGG": Kind(gain(0), ".ogg", {"compression_level": 0.9}),
    "cut 0.5 s": Kind(cut(0.5)),
    "cut 1 s": Kind(cut(1)),
    "cut 2 s": Kind(cut(2)),
    "noise 20 dB": Kind(noise(20)),
    "noise 10 dB": Kind(noise(10)),
}


def tracks(arguments: Sequence[str]) -> Iterator[Array]:
    """Samples at RATE, of a folder's files or synthetic."""
    for track in find_tracks(Path(arguments[0])) if arguments else []:
        with open_sound(track.path) as sound:
            yield np.concatenate(list(resampled(sound, sound.sample_rate, RATE)))
    for number in range(0 if arguments else SYNTHETIC_TRACKS):
        rng = np.random.default_rng(number)
        style = GENRES[sorted(GENRES)[number % len(GENRES)]]
        yield piece(style, artist_sound(rng), SYNTHETIC_SECONDS, RATE, rng)


def pcm_of(samples: Array, kind: Kind, folder: Path) -> Array:
    """What the stage reads of a replica."""
    path = folder / f"replica{kind.suffix}"
    soundfile.write(path, np.clip(kind.change(samples), -1, 1), RATE, **kind.options)
    return load_clips(path, RATE, CLIP_SAMPLES).pcm.reshape(-1)


def all_fingerprints(originals: Sequence[Array]) -> dict[str, list[Array]]:
    """By kind, a fingerprint a track; "" are the tracks themselves."""
    found: dict[str, list[Array]] = {}
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in {"": Kind(gain(0)), **KINDS}.items():
            pcms = [pcm_of(samples, kind, Path(folder)) for samples in originals]
            start = time.perf_counter()
            found[name] = [fingerprint(pcm, RATE) for pcm in pcms]
            spent += time.perf_counter() - start
    made = len(originals) * len(found)
    print(f"fingerprints: {made} in {spent:.1f} s, {made / spent:.0f} tracks/s on one core\n")
    return found


def report(name: str, matches: Sequence[Match], originals: int, pairs: int) -> None:
    """One line: precision, recall, how far the right ones agree."""
    right = [m.agreement for m in matches if m.first % originals == m.second % originals]
    precision = len(right) / max(len(matches), 1)
    agreement = f"{min(right):.3f} .. {np.median(right):.3f}" if right else "-"
    print(f"{name:14} {precision:9.4f}  {len(right) / pairs:6.4f}  {agreement}")


def plain(first: Array, second: Array) -> float:
    """The most bits that agree in any alignment: correlation by FFT, bit by bit."""
    size = scipy.fft.next_fast_len(len(first) + len(second))
    spectra = []
    for values in (first, second):
        bits = np.unpackbits(values.view(np.uint8)).reshape(len(values), BITS)
        signs = np.where((values != MUTE)[:, np.newaxis], 2 * bits.astype(np.float32) - 1, 0)
        spectra.append(scipy.fft.rfft(signs, size, axis=0))
    return float(scipy.fft.irfft((np.conj(spectra[0]) * spectra[1]).sum(axis=1), size).max())


def main() -> None:
    """Print a line a kind, and the times."""
    originals = list(tracks(sys.argv[1:]))
    number = len(originals)
    by_kind = all_fingerprints(originals)
    print("replicas       precision  recall  agreement, least .. median")
    for name in KINDS:
        report(name, find_matches([*by_kind[""], *by_kind[name]]), number, number)
    everything = [values for prints in by_kind.values() for values in prints]
    start = time.perf_counter()
    matches = find_matches(everything)
    ours = time.perf_counter() - start
    report("all at once", matches, number, number * len(by_kind) * (len(by_kind) - 1) // 2)
    start = time.perf_counter()
    for pair in range(PAIRS):
        plain(everything[pair], everything[-1 - pair])
    each = (time.perf_counter() - start) / PAIRS
    pairs = len(everything) * (len(everything) - 1) // 2
    print(
        f"\nmatching: {len(everything)} tracks in {ours:.1f} s, {len(everything) / ours:.0f} "
        f"tracks/s; {pairs} pairs one by one would take {pairs * each:.0f} s"
    )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
