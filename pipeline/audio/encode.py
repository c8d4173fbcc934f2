"""Encode clips as Opus in Ogg: small enough for a page, and the same bytes every time."""

import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from pipeline.audio.clips import Pcm, from_pcm

SOURCES = ("pipeline/audio/clips.py", "pipeline/audio/encode.py")
ENCODER = f"libsndfile {soundfile.__libsndfile_version__}"
MIME = "audio/ogg"
RATES = (8000, 12000, 16000, 24000, 48000)  # Opus knows no others
COMPRESSION = 0.9  # libsndfile's scale from 0 to 1: about 32 kbit/s of mono
SERIAL, CHECKSUM, SEGMENTS, TABLE = 14, 22, 26, 27  # bytes of an Ogg page's header
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class OpusEncoder:
    """Recipe that turns the clips of a track into a file.

    Attributes
    ----------
    sample_rate : int
        Of the clips, in Hz.
    compression : float
    encoder : str
        Name and version of the encoding library.
    """

    sample_rate: int
    compression: float = COMPRESSION
    encoder: str = ENCODER

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the sound, as in dvc.yaml."""
        return SOURCES

    @property
    def rate(self) -> int:
        """Sample rate of the file in Hz: the lowest that loses nothing, where there is one."""
        return next((rate for rate in RATES if rate >= self.sample_rate), RATES[-1])

    def __call__(self, clips: Iterable[Pcm]) -> bytes:
        """Encode int16 arrays of shape (samples,), one after another, as one sound."""
        file = io.BytesIO()
        kind = {"format": "OGG", "subtype": "OPUS", "compression_level": self.compression}
        resampler = soxr.ResampleStream(self.sample_rate, self.rate, 1, dtype="float32")
        with soundfile.SoundFile(file, "w", self.rate, 1, **kind) as encoder:
            for clip in clips:
                encoder.write(resampler.resample_chunk(from_pcm(clip)))
            encoder.write(resampler.resample_chunk(np.empty(0, np.float32), last=True))
        return without_serial(file.getvalue())


def without_serial(ogg: bytes) -> bytes:
    """Give a stream the serial number 0, where libsndfile draws one at random.

    Otherwise the report of equal tracks would be other files on every machine, and DVC would take
    it for another result. Ogg's pages are laid out in RFC 3533, section 6.
    """
    stream, start = bytearray(ogg), 0
    while start < len(stream):
        table = start + TABLE
        segments = stream[start + SEGMENTS]
        end = table + segments + sum(stream[table : table + segments])
        stream[start + SERIAL : start + SERIAL + 4] = bytes(4)
        stream[start + CHECKSUM : start + CHECKSUM + 4] = bytes(4)
        checksum = _checksum(stream[start:end])
        stream[start + CHECKSUM : start + CHECKSUM + 4] = checksum.to_bytes(4, "little")
        start = end
    return bytes(stream)


def _checksum(page: bytearray) -> int:
    """Ogg's CRC: zlib's, with every byte and the result mirrored, and nothing inverted."""
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
