"""Sounds as files of every kind that is read, by soundfile and by PyAV, in memory."""

import io
from typing import Any

import av
import numpy as np
import soundfile

from pipeline.base.types import Array

# Suffix: FFmpeg's names of the container and of the codec, and options of the container.
COMPRESSED: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp3": ("mp3", "libmp3lame", {}),
    ".mp2": ("mp2", "mp2", {}),
    ".aac": ("adts", "aac", {}),
    ".m4a": ("ipod", "aac", {"moov_size": "5000"}),
    ".mp4": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}),
    ".m4b": ("ipod", "alac", {"moov_size": "5000"}),
    ".wma": ("asf", "wmav2", {}),
    ".webm": ("webm", "libopus", {}),
    ".mka": ("matroska", "flac", {}),
    ".wv": ("wv", "wavpack", {}),
    ".tta": ("tta", "tta", {}),
    ".oga": ("ogg", "flac", {}),
    ".opus": ("ogg", "libopus", {}),
    ".wave": ("wav", "libmp3lame", {}),
}

SIXTEEN_BITS = {"wavpack": "s16p", "tta": "s16"}  # where FFmpeg would write eight


def written(samples: Array, sample_rate: int, kind: str, **options: Any) -> bytes:
    """Encode samples, shape (n,) or (n, channels), as libsndfile does, which calls a kind MP3."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format=kind, **options)
    return file.getvalue()


def encoded(
    samples: Array, sample_rate: int, suffix: str, bit_rate: int = 128_000, **options: str
) -> bytes:
    """Encode samples, shape (n,) or (n, channels), as FFmpeg does: a key of `COMPRESSED`."""
    form, codec, usual = COMPRESSED[suffix]
    planes = np.ascontiguousarray(np.atleast_2d(samples.T), np.float32)
    layout = ("mono", "stereo")[len(planes) - 1]
    file = io.BytesIO()
    with av.open(file, "w", format=form, options={**usual, **options}) as container:
        stream = container.add_stream(codec, rate=sample_rate, layout=layout)
        stream.codec_context.bit_rate = bit_rate
        if codec in SIXTEEN_BITS:
            stream.codec_context.format = av.AudioFormat(SIXTEEN_BITS[codec])
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = sample_rate
        packets = [*stream.encode(frame), *stream.encode(None)]
        container.mux(packet for packet in packets if packet.size)
    return file.getvalue()


def mp3(samples: Array, sample_rate: int, bit_rate: int = 128_000) -> bytes:
    """An MP3 of frames alone: neither tags nor a first frame that counts the others."""
    return encoded(samples, sample_rate, ".mp3", bit_rate, write_xing="0", id3v2_version="0")


def id3(content: bytes) -> bytes:
    """An ID3v2 tag."""
    size = bytes(len(content) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + content
