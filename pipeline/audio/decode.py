"""Decode audio files block by block, mix them to mono, resample them, and cut them into clips."""

import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from pipeline.audio.clips import EXTENSIONS, Pcm, cut, to_pcm
from pipeline.audio.readers import DECODER, Reader, open_reader
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.types import Array, Result

SOURCES = tuple(f"pipeline/audio/{name}.py" for name in ("clips", "decode", "readers"))
# What there may be to know of a file that is used.
MARKS = ("truncated", "damaged", "one channel", "rescaled", "clipped")
SAMPLE_RATES = range(500, 1_000_001)  # in Hz; others stand in damaged headers alone
SILENCE = 2.0**-16  # between the highest and the lowest sample
INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
LOUDEST = INTEGER_SCALES[-1]  # others stand in damaged files of floating-point samples
MOST_OVERSHOOT = 16.0  # times full scale; a peak above it is that of integers
ROUNDED = 1 + 2.0**-14  # times full scale: so little is nobody's loss
# Share of the energy that the mean of unrelated channels has, 12 dB less. The mean of two hundred
# songs had 2 dB less at most, that of two channels of opposite sign at least 18 dB less: Vorbis
# adds noise to each.
CANCELLED = 1 / 16
TOPS = 1 - np.array([2.0**-12, 2.0**-5])  # of the peak: the loudest samples, and almost those
# Share of samples that are the loudest. None of 890 songs had as many, and all of twenty that were
# amplified until their peak was at twice full scale; then at least four of five that almost are.
# A tone has as many at its peak, but more beside it.
CLIPPED, FLAT = 0.001, 2 / 3
RESAMPLED_BLOCK = 1 << 19  # samples
BATCH = 16  # clips
MOST_SAMPLES = 1 << 29  # of a track that is held whole, which take 1 GiB: 6.7 hours at 22 050 Hz

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Mix:
    """How the channels of a file become one of full scale 1.

    Attributes
    ----------
    channel : int, optional
        The one that is used; the mean of all where it is None.
    divisor : float
        Full scale of the file's samples.
    """

    channel: int | None = None
    divisor: float = 1.0


class Levels:
    """Levels of the channels of a file, as far as it was read.

    Parameters
    ----------
    channels : int
    ceiling : float
        Magnitude above which samples are clipped; infinite where they are rescaled instead.

    Attributes
    ----------
    peak : float
        The greatest magnitude.
    """

    def __init__(self, channels: int, ceiling: float) -> None:
        self.peak = 0.0
        self._ceiling = ceiling
        self._count = 0  # samples, of all channels together
        self._at_tops = np.zeros(len(TOPS))
        self._low, self._high = np.full(channels, np.inf), np.full(channels, -np.inf)
        # Of each channel, and of their mean behind them.
        self._sums, self._squares = np.zeros((2, channels + 1))

    def add(self, block: Array, mean: Samples) -> None:
        """Add float32 samples, shape (channels, n), and the mean of the channels, shape (n,).

        Raises
        ------
        Rejection
            They are NaN, infinite or too loud.
        """
        low, high = block.min(axis=1), block.max(axis=1)
        magnitudes = np.abs(block)
        top = float(magnitudes.max())
        if not np.isfinite(top):
            raise Rejection("samples that are not numbers (NaN or infinite)")
        if top > LOUDEST:
            raise Rejection(f"samples of more than {LOUDEST:.0f} times full scale")
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        rows = [*block, mean]
        self._sums += [row.sum() for row in rows]
        self._squares += [np.vdot(row, row) for row in rows]
        self._count += block.size
        tops = TOPS * min(max(self.peak, top), self._ceiling)
        self._at_tops[tops > self.peak] = 0
        self.peak = max(self.peak, top)
        if top >= tops.min():
            self._at_tops += [np.count_nonzero(magnitudes >= each) for each in tops]

    @property
    def are_silent(self) -> bool:
        """Whether no channel has two samples that differ."""
        return bool((self._high - self._low).max() < SILENCE)

    @property
    def are_clipped(self) -> bool:
        """Whether samples are as loud as others were cut down to, here or before."""
        loudest, almost = self._at_tops
        is_flat = self.peak > self._ceiling or loudest > FLAT * almost
        return bool(is_flat and loudest > CLIPPED * self._count)

    @property
    def mix(self) -> Mix:
        """How the channels are to become one."""
        channels = len(self._low)
        samples = self._count / channels
        *energies, mean = self._squares - self._sums**2 / samples  # without what is constant
        cancels = mean < CANCELLED * sum(energies) / channels**2
        divisor = 1.0
        if self._ceiling == np.inf and self.peak > ROUNDED:
            whole = (scale for scale in INTEGER_SCALES if scale >= self.peak)
            divisor = next(whole) if self.peak > MOST_OVERSHOOT else self.peak
        return Mix(int(np.argmax(energies)) if cancels else None, divisor)


class Sound:
    """An audio file that is being decoded: iterate once, then ask what was found.

    Attributes
    ----------
    sample_rate : int
        In Hz, as in the file.
    channels : int
        As in the file.
    frames : int
        Number of samples of one channel that were decoded so far.
    levels : Levels
        Of all channels.

    Raises
    ------
    Rejection
        While it is iterated over: the file is unreadable or silent, or has samples that are
        NaN, infinite or far beyond full scale.
    """

    def __init__(self, reader: Reader, mix: Mix) -> None:
        self._reader, self._mix = reader, mix
        self.sample_rate, self.channels = reader.sample_rate, reader.channels
        self.frames = 0
        self.levels = Levels(self.channels, np.inf if reader.stores_floats else 1.0)
        _require_rate(self.sample_rate)

    @property
    def seconds(self) -> float:
        """Length of what was decoded so far."""
        return self.frames / self.sample_rate

    @property
    def may_be_remixed(self) -> bool:
        """Whether its levels can ask for another mix than the mean of its channels."""
        return self.channels > 1 or self._reader.stores_floats

    @property
    def marks(self) -> list[str]:
        """What to know of the file, in words of `MARKS`; none where it is as it should be."""
        mix, left_out = self.levels.mix, self._reader.left_out
        found = (
            self._reader.is_cut_off,
            left_out > 0,
            mix.channel is not None,
            mix.divisor != 1,
            self.levels.are_clipped,
        )
        marks = [mark for mark, is_found in zip(MARKS, found, strict=True) if is_found]
        amount = f"damaged ({max(left_out, 0.01):.2f} s left out)"
        return [amount if mark == "damaged" else mark for mark in marks]

    def __iter__(self) -> Iterator[Samples]:
        """Yield one channel, float32, shape (n,), full scale 1."""
        for rate, blocks in groupby(self._reader.blocks(), itemgetter(0)):
            _require_rate(rate)
            for mono in resampled(
                (self._mixed(each) for _, each in blocks), rate, self.sample_rate
            ):
                self.frames += len(mono)
                yield mono
        if not self.frames:
            raise Rejection("no samples")
        if self.levels.are_silent:
            raise Rejection("silent")

    def _mixed(self, block: Array) -> Samples:
        with np.errstate(over="ignore", invalid="ignore"):  # the levels show it as well
            mean: Samples = block.mean(axis=0)
        if len(block) != self.channels:  # they change within the file
            block = np.tile(mean, (self.channels, 1))
        self.levels.add(block, mean)
        mono = mean if self._mix.channel is None else block[self._mix.channel]
        return mono if self._mix.divisor == 1 else mono / np.float32(self._mix.divisor)


def _require_rate(rate: int) -> None:
    if rate not in SAMPLE_RATES:
        raise Rejection(f"unreadable: a sample rate of {rate} Hz")


@contextmanager
def open_sound(path: Path, mix: Mix = Mix()) -> Iterator[Sound]:
    """Open an audio file for decoding.

    Raises
    ------
    Rejection
        The file is not audio, or is empty or unreadable.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise Rejection("a folder, not a file")
    if path.suffix.lower() not in EXTENSIONS:
        raise Rejection(f"not audio ({path.suffix or 'no extension'})")
    if not stat.S_ISREG(kind):  # a named pipe would wait for a writer
        raise Rejection("not a regular file")
    if path.stat().st_size == 0:
        raise Rejection("empty file")
    reader = open_reader(path)
    try:
        yield Sound(reader, mix)
    finally:
        reader.close()


def resampled(blocks: Iterable[Samples], source: int, target: int) -> Iterator[Samples]:
    """Resample from `source` to `target` Hz with soxr's high-quality setting.

    The blocks come out as those of the whole, to the last bit, wherever they are cut.
    """
    if source == target:
        yield from blocks
        return
    stream = soxr.ResampleStream(source, target, 1, dtype="float32")
    step = max(1, RESAMPLED_BLOCK * source // target)
    for block in blocks:
        for start in range(0, len(block), step):
            yield stream.resample_chunk(block[start : start + step])
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


@contextmanager
def open_clips(
    path: Path, sample_rate: int, clip_samples: int, batch: int
) -> Iterator[tuple[Sound, Iterator[Pcm]]]:
    """Open an audio file, resample it to `sample_rate` Hz, and cut it, block by block.

    Where the levels of the whole decide how it is mixed, it is decoded once more for them.

    Yields
    ------
    sound : Sound
        What is known of the file, when all clips were taken.
    batches : iterator of int16 arrays, shape (batch, clip_samples)
        The last one may have fewer clips.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip; also when the clips are taken.
    """
    mix = Mix()
    with open_sound(path) as sound:
        if sound.may_be_remixed:
            deque(sound, maxlen=0)
            mix = sound.levels.mix
    with open_sound(path, mix) as sound:
        yield sound, _require_sound(sound, _clips(sound, sample_rate, clip_samples, batch))


@dataclass(frozen=True)
class ClippedTrack:
    """A decoded file and its clips: `pcm` is int16, shape (clips, clip_samples)."""

    sound: Sound
    pcm: Pcm


def load_clips(
    path: Path,
    sample_rate: int,
    clip_samples: int,
    mix: Mix = Mix(),
) -> ClippedTrack:
    """Decode a file, resample it to `sample_rate` Hz, and cut it.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip, or more than fit into memory.
    """
    content = bytearray()
    with open_sound(path, mix) as sound:
        for clips in _clips(sound, sample_rate, clip_samples, BATCH):
            content += clips.data
            if len(content) > MOST_SAMPLES * clips.itemsize:
                hours = MOST_SAMPLES / sample_rate / 3600
                raise Rejection(f"longer than {hours:.1f} hours; cut it into tracks")
        if sound.levels.mix != mix:  # which is rare, so that it is not worth a first look
            return load_clips(path, sample_rate, clip_samples, sound.levels.mix)
    pcm = np.frombuffer(content, np.int16).reshape(-1, clip_samples)
    deque(_require_sound(sound, [pcm] if len(pcm) else []), maxlen=0)
    return ClippedTrack(sound, pcm)


def _clips(sound: Sound, sample_rate: int, clip_samples: int, batch: int) -> Iterator[Pcm]:
    blocks = map(to_pcm, resampled(sound, sound.sample_rate, sample_rate))
    return _batches(blocks, clip_samples, batch)


def _batches(blocks: Iterable[Pcm], clip_samples: int, batch: int) -> Iterator[Pcm]:
    """Cut blocks as `cut` does the whole of them."""
    size = batch * clip_samples
    pending = np.empty(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= size:
            yield cut(pending[:size], clip_samples)
            pending = pending[size:]
    rest = cut(pending, clip_samples)
    if len(rest):
        yield rest


def _require_sound(sound: Sound, batches: Iterable[Pcm]) -> Iterator[Pcm]:
    """Pass the clips on, and refuse a file at its end that has none, or only silent ones."""
    is_empty = is_silent = True
    for clips in batches:
        is_empty, is_silent = False, is_silent and not clips.any()
        yield clips
    if is_empty:
        raise Rejection(f"shorter than half a clip ({sound.seconds:.2f} s)")
    if is_silent:
        raise Rejection("silent")


@dataclass(frozen=True)
class CutTrack:
    """Recipe that turns the path of a file into its clips and some cells of tracks.csv.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    clip_samples : int
        Samples in one clip.
    decoder : str
        Name and version of the decoding library.
    """

    sample_rate: int
    clip_samples: int
    decoder: str = DECODER

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the rows, as in dvc.yaml."""
        return SOURCES

    def __call__(self, path: Path) -> Result:
        """Return int16 rows, shape (clips, clip_samples), or the reason for a rejection."""
        if self.decoder != DECODER:
            raise PipelineError(f"a worker decodes with {DECODER} instead of {self.decoder}")
        try:
            clipped = load_clips(path, self.sample_rate, self.clip_samples)
        except Rejection as rejection:
            return Result({"rejected": str(rejection)}, None)
        sound = clipped.sound
        facts = {
            "seconds": round(sound.seconds, 3),
            "sample_rate": sound.sample_rate,
            "channels": sound.channels,
            "marks": sound.marks,
        }
        return Result(facts, clipped.pcm)

    def template(self) -> Pcm:
        """Return an empty array, shape (0, clip_samples), with the dtype of the rows."""
        return np.empty((0, self.clip_samples), np.int16)
