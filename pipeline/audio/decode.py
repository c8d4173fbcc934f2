"""Decode audio files block by block, mix them to mono, resample them, and cut them into clips."""

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

from pipeline.audio.clips import Pcm, cut, to_pcm
from pipeline.audio.readers import (
    DECODER,
    FFMPEG_EXTENSIONS,
    SNDFILE_EXTENSIONS,
    FfmpegReader,
    SndfileReader,
    ffmpeg_version,
)
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.types import Array, Result

SOURCES = tuple(f"pipeline/audio/{name}.py" for name in ("clips", "decode", "readers"))
EXTENSIONS = SNDFILE_EXTENSIONS | FFMPEG_EXTENSIONS
SAMPLE_RATES = range(500, 1_000_001)  # in Hz; others stand in damaged headers alone
SILENCE = 2.0**-16  # between the highest and the lowest sample
LOUDEST = 2.0**20  # times full scale; others stand in damaged files of floating-point samples
RESAMPLED_BLOCK = 1 << 19  # samples
BATCH = 16  # clips
MOST_SAMPLES = 1 << 29  # of a track that is held whole, which take 1 GiB: 6.7 hours at 22 050 Hz

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
    with np.errstate(over="ignore", invalid="ignore"):  # the result shows it as well
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


@contextmanager
def open_clips(
    path: Path, sample_rate: int, clip_samples: int, batch: int
) -> Iterator[tuple[Sound, Iterator[Pcm]]]:
    """Open an audio file, resample it to `sample_rate` Hz, and cut it, block by block.

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
    with open_sound(path) as sound:
        blocks = map(to_pcm, resampled(sound, sound.sample_rate, sample_rate))
        yield sound, _require_sound(sound, _batches(blocks, clip_samples, batch))


@dataclass(frozen=True)
class ClippedTrack:
    """A decoded file and its clips: `pcm` is int16, shape (clips, clip_samples)."""

    sound: Sound
    pcm: Pcm


def load_clips(path: Path, sample_rate: int, clip_samples: int) -> ClippedTrack:
    """Decode a file, resample it to `sample_rate` Hz, and cut it.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip, or more than fit into memory.
    """
    content = bytearray()
    with open_clips(path, sample_rate, clip_samples, BATCH) as (sound, batches):
        for clips in batches:
            content += clips.data
            if len(content) > MOST_SAMPLES * clips.itemsize:
                hours = MOST_SAMPLES / sample_rate / 3600
                raise Rejection(f"longer than {hours:.1f} hours; cut it into tracks")
    return ClippedTrack(sound, np.frombuffer(content, np.int16).reshape(-1, clip_samples))


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
            "truncated": sound.is_cut_off,
        }
        return Result(facts, clipped.pcm)

    def template(self) -> Pcm:
        """Return an empty array, shape (0, clip_samples), with the dtype of the rows."""
        return np.empty((0, self.clip_samples), np.int16)
