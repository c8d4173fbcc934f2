"""Decode audio files, mix them to mono, and resample them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

EXTENSIONS = frozenset({".au", ".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"})
BLOCK_FRAMES = 1 << 18
# How libsndfile logs a header that promises more samples than the file has.
SHORT_CHUNK = re.compile(r"(?:data|Data Size|SSND)\s*:\s*(\d+) \(should be (\d+)\)")
# Programs that write to a pipe leave a size near 2**31 or 2**32, which means nothing.
UNKNOWN_SIZE = 0x7FFF0000
UNKNOWN_FRAMES = 1 << 62  # what libsndfile reports for such a FLAC file
DECODER = f"libsndfile {soundfile.__libsndfile_version__}"
UNKNOWN_FORMAT = "not a format that libsndfile knows"
OGG_HEADER_BYTES = 27
OGG_END_OF_STREAM = 0x04


class Rejection(Exception):  # noqa: N818
    """A file cannot be used; the text is the reason that tracks.csv gives.

    The name does not end in Error, because the text is part of a result: unlike the wording of
    an error, it belongs to the content address.
    """


@dataclass(frozen=True)
class Recording:
    """A decoded file.

    Attributes
    ----------
    samples : float32, shape (n,)
        Mean of the channels, full scale 1.
    sample_rate : int
        In Hz, as in the file.
    channels : int
        As in the file.
    truncated : bool
        Whether the file ends before its header says it does.
    """

    samples: npt.NDArray[np.float32]
    sample_rate: int
    channels: int
    truncated: bool

    @property
    def seconds(self) -> float:
        """Length of the decoded samples."""
        return len(self.samples) / self.sample_rate


class _Stream(soundfile.SoundFile):  # type: ignore[misc]
    def seekable(self) -> bool:
        """Keep soundfile from seeking after each read: an MP3 decodes differently after that."""
        return False


def decode(path: Path) -> Recording:
    """Decode an audio file and mix it to mono.

    Raises
    ------
    Rejection
        The file is not audio, or is unreadable, empty or silent, or has NaN or infinite samples.
    """
    if path.is_dir():
        raise Rejection("a folder, not a file")
    if path.suffix.lower() not in EXTENSIONS:
        raise Rejection(f"not audio ({path.suffix or 'no extension'})")
    if path.stat().st_size == 0:
        raise Rejection("empty file")
    try:
        with _Stream(path) as file:
            blocks = list(_mono_blocks(file))
            samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
            truncated = _ends_early(file, len(samples), path)
            recording = Recording(samples, file.samplerate, file.channels, truncated)
    except soundfile.SoundFileError as error:
        raise Rejection(f"unreadable: {_reason(error)}") from None
    _require_sound(recording)
    return recording


def resample(recording: Recording, sample_rate: int) -> npt.NDArray[np.float32]:
    """Resample to `sample_rate` Hz with soxr's high-quality setting; float32, shape (m,)."""
    if recording.sample_rate == sample_rate:
        return recording.samples
    resampled: Any = soxr.resample(recording.samples, recording.sample_rate, sample_rate)
    return np.asarray(resampled, np.float32)


def _mono_blocks(file: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    block, damage = _read_block(file)
    if damage and not len(block):
        raise damage
    while len(block):
        yield block.mean(axis=1)
        if damage:
            return
        block, damage = _read_block(file)


def _read_block(
    file: soundfile.SoundFile,
) -> tuple[npt.NDArray[np.float32], soundfile.SoundFileError | None]:
    """Read the next frames, up to the first damaged one; return the error as well."""
    block = np.full((BLOCK_FRAMES, file.channels), np.nan, np.float32)
    try:
        return file.read(out=block), None
    except soundfile.LibsndfileError as error:
        return block[: np.count_nonzero(~np.isnan(block[:, 0]))], error


def _ends_early(file: soundfile.SoundFile, decoded: int, path: Path) -> bool:
    for declared, present in SHORT_CHUNK.findall(file.extra_info):
        if int(present) < int(declared) < UNKNOWN_SIZE:
            return True
    if file.frames >= UNKNOWN_FRAMES:
        return False
    if file.format == "OGG":
        return not _ogg_has_end(path)
    # Without a Xing header the length of an MP3 is only an estimate.
    tolerance = 0.02 if file.format in ("MP3", "MPEG") else 0.0
    return decoded < file.frames * (1 - tolerance)


def _ogg_has_end(path: Path) -> bool:
    """Whether the last Ogg page (RFC 3533, section 6) is whole and ends the stream."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 17)))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < OGG_HEADER_BYTES:
        return False
    segments = page[OGG_HEADER_BYTES:][: page[OGG_HEADER_BYTES - 1]]
    whole = len(page) >= OGG_HEADER_BYTES + page[OGG_HEADER_BYTES - 1] + sum(segments)
    return whole and bool(page[5] & OGG_END_OF_STREAM)


def _require_sound(recording: Recording) -> None:
    samples = recording.samples
    if not len(samples):
        raise Rejection("no samples")
    if not np.isfinite(samples).all():
        raise Rejection("samples that are not numbers (NaN or infinite)")
    if np.ptp(samples) < 2.0**-16:
        raise Rejection("silent")


def _reason(error: Exception) -> str:
    text = " ".join(str(getattr(error, "error_string", "")).split()).rstrip(".")
    # The file exists: libsndfile also says this when it finds no audio in it.
    return UNKNOWN_FORMAT if not text or "File does not exist" in text else text
