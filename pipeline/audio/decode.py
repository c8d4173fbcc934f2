"""Decode audio files block by block, mix them to mono, and resample them.

Nothing here holds more of a file than a block, however long it is.
"""

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

from pipeline.audio.ffmpeg import FFMPEG_EXTENSIONS, FfmpegReader, ffmpeg_version
from pipeline.audio.rejection import Rejection
from pipeline.audio.sndfile import SNDFILE_EXTENSIONS, SndfileReader
from pipeline.base.arrays import Array

EXTENSIONS = SNDFILE_EXTENSIONS | FFMPEG_EXTENSIONS
SAMPLE_RATES = range(500, 1_000_001)  # in Hz; others stand in damaged headers alone
SILENCE = 2.0**-16  # between the highest and the lowest sample
LOUDEST = 2.0**20  # times full scale; others stand in damaged files of floating-point samples
RESAMPLED_BLOCK = 1 << 19  # samples

Samples = npt.NDArray[np.float32]


class Reader(Protocol):
    """An open file as a library reads it.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    """

    sample_rate: int
    channels: int

    def blocks(self) -> Iterator[Array]:
        """Yield float32 blocks of full scale 1, shape (frames, channels)."""

    def is_cut_off(self, frames: int) -> bool:
        """Whether the file ends before it says, given the number of frames that were read."""

    def close(self) -> None:
        """Let go of the file."""


class Sound:
    """An audio file that is being decoded: iterate once, then ask how it ended.

    Attributes
    ----------
    sample_rate : int
        In Hz, as in the file.
    channels : int
        As in the file.
    frames : int
        Number of samples of one channel that were decoded so far.
    is_cut_off : bool
        Whether the file ends before it says; known at its end.

    Raises
    ------
    Rejection
        While it is iterated over: the file is unreadable or silent, or has samples that are
        NaN, infinite or far beyond full scale.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.sample_rate, self.channels = reader.sample_rate, reader.channels
        self.frames = 0
        self.is_cut_off = False
        if self.sample_rate not in SAMPLE_RATES:
            raise Rejection(f"unreadable: a sample rate of {self.sample_rate} Hz")

    @property
    def seconds(self) -> float:
        """Length of what was decoded so far."""
        return self.frames / self.sample_rate

    def __iter__(self) -> Iterator[Samples]:
        """Yield the mean of the channels, float32, shape (n,), full scale 1."""
        low, high = np.inf, -np.inf
        for block in self._reader.blocks():
            mono = _mean_of_channels(block)
            low, high = min(low, mono.min()), max(high, mono.max())
            self.frames += len(mono)
            yield mono
        if not self.frames:
            raise Rejection("no samples")
        if high - low < SILENCE:
            raise Rejection("silent")
        self.is_cut_off = self._reader.is_cut_off(self.frames)


def _mean_of_channels(block: Array) -> Samples:
    with np.errstate(over="ignore", invalid="ignore"):  # the result says so as well
        mono: Samples = block.mean(axis=1)
    if not np.isfinite(mono).all():
        raise Rejection("samples that are not numbers (NaN or infinite)")
    if np.abs(mono).max(initial=0) > LOUDEST:  # they would overflow later on
        raise Rejection(f"samples of more than {LOUDEST:.0f} times full scale")
    return mono


@contextmanager
def open_sound(path: Path) -> Iterator[Sound]:
    """Open an audio file for decoding.

    Raises
    ------
    Rejection
        The file is not audio, or is empty or unreadable.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise Rejection("a folder, not a file")
    suffix = path.suffix.lower()
    if suffix not in EXTENSIONS:
        raise Rejection(f"not audio ({path.suffix or 'no extension'})")
    if not stat.S_ISREG(kind):  # a named pipe would wait for a writer
        raise Rejection("not a regular file")
    if path.stat().st_size == 0:
        raise Rejection("empty file")
    reader: Reader = (FfmpegReader if suffix in FFMPEG_EXTENSIONS else SndfileReader)(path)
    try:
        yield Sound(reader)
    finally:
        reader.close()


def converter_of(path: Path) -> str:
    """Name and version of the program that decodes a file; empty where it is libsndfile."""
    return ffmpeg_version() if path.suffix.lower() in FFMPEG_EXTENSIONS else ""


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
