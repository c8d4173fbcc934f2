"""Encode clips as Vorbis in Ogg: small enough for a page, and the same bytes every time."""

import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import soundfile

from pipeline.audio.clips import Pcm

SOURCES = ("pipeline/audio/clips.py", "pipeline/audio/encode.py")
ENCODER = f"libsndfile {soundfile.__libsndfile_version__}"
MIME = "audio/ogg"
COMPRESSION = 0.8  # libsndfile's scale from 0 to 1: about 40 kbit/s of mono at 22 050 Hz
BLOCK = 2**14  # samples at a time, of which libvorbis keeps copies on the stack
SERIAL, CHECKSUM, SEGMENTS, TABLE = 14, 22, 26, 27  # bytes of an Ogg page's header
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class SoundEncoder:
    """Recipe that turns the clips of a track into a file.

    libsndfile encodes Vorbis four times as fast as Opus, for which it has no setting of effort.

    Attributes
    ----------
    sample_rate : int
        Of the clips and of the file, in Hz.
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

    def __call__(self, clips: Iterable[Pcm]) -> bytes:
        """Encode int16 arrays of shape (samples,), one after another, as one sound."""
        file = io.BytesIO()
        kind = {"format": "OGG", "subtype": "VORBIS", "compression_level": self.compression}
        with soundfile.SoundFile(file, "w", self.sample_rate, 1, **kind) as encoder:
            for clip in clips:
                for start in range(0, len(clip), BLOCK):
                    encoder.write(clip[start : start + BLOCK])
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
