"""Read what libsndfile knows: WAV, AU, AIFF, FLAC, MP3, and Vorbis and Opus in Ogg."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from pipeline.audio.rejection import Rejection
from pipeline.base.arrays import Array

SNDFILE_EXTENSIONS = frozenset({".au", ".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"})
BLOCK_VALUES = 1 << 19  # of all channels together
# How libsndfile logs a header that promises more samples than the file has.
SHORT_CHUNK = re.compile(r"(?:data|Data Size|SSND)\s*:\s*(\d+) \(should be (\d+)\)")
# Programs that write to a pipe leave a size near 2**31 or 2**32, which means nothing.
UNKNOWN_SIZE = 0x7FFF0000
UNKNOWN_FRAMES = 1 << 62  # what libsndfile reports for such a FLAC file
DECODER = f"libsndfile {soundfile.__libsndfile_version__}"
UNKNOWN_FORMAT = "not a format that libsndfile knows"
OGG_HEADER_BYTES = 27
OGG_END_OF_STREAM = 0x04


class _Stream(soundfile.SoundFile):  # type: ignore[misc]
    def seekable(self) -> bool:
        """Keep soundfile from seeking after each read: an MP3 decodes differently after that."""
        return False


class SndfileReader:
    """An open file; see `pipeline.audio.decode.Reader`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = _Stream(os.fsencode(path))  # a name may not be UTF-8
        except soundfile.SoundFileError as error:
            raise Rejection(f"unreadable: {_reason(error)}") from None
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels

    def blocks(self) -> Iterator[Array]:
        """Yield float32 blocks, shape (frames, channels), up to the first damaged frame."""
        block, damage = self._read_block()
        if damage and not len(block):
            raise Rejection(f"unreadable: {_reason(damage)}")
        while len(block):
            yield block
            if damage:
                return
            block, damage = self._read_block()

    def is_cut_off(self, frames: int) -> bool:
        """Whether the header promises more than the `frames` that were read."""
        for declared, present in SHORT_CHUNK.findall(self._file.extra_info):
            if int(present) < int(declared) < UNKNOWN_SIZE:
                return True
        if self._file.frames >= UNKNOWN_FRAMES:
            return False
        if self._file.format == "OGG":
            return not _ogg_has_end(self._path)
        # Without a Xing header the length of an MP3 is only an estimate.
        tolerance = 0.02 if self._file.format in ("MP3", "MPEG") else 0.0
        return frames < self._file.frames * (1 - tolerance)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_block(self) -> tuple[Array, soundfile.SoundFileError | None]:
        """Read the next frames, up to the first damaged one; return the error as well."""
        frames = max(1, BLOCK_VALUES // self.channels)
        block = np.full((frames, self.channels), np.nan, np.float32)
        try:
            return self._file.read(out=block), None
        except soundfile.LibsndfileError as error:
            return block[: np.count_nonzero(~np.isnan(block[:, 0]))], error


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


def _reason(error: Exception) -> str:
    text = " ".join(str(getattr(error, "error_string", "")).split()).rstrip(".")
    # The file exists: libsndfile also says this when it finds no audio in it.
    return UNKNOWN_FORMAT if not text or "File does not exist" in text else text
