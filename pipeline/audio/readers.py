"""Read audio files: by libsndfile, or by the program ffmpeg where libsndfile cannot."""

import os
import re
import select
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

import numpy as np
import soundfile

from pipeline.base.errors import Rejection
from pipeline.base.types import Array

# libsndfile
SNDFILE_EXTENSIONS = frozenset({".au", ".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"})
DECODER = f"libsndfile {soundfile.__libsndfile_version__}"
BLOCK_VALUES = 1 << 19  # of all channels together
UNKNOWN_FORMAT = "not a format that libsndfile knows"
# How libsndfile logs a header that promises more samples than the file has.
SHORT_CHUNK = re.compile(r"(?:data|Data Size|SSND)\s*:\s*(\d+) \(should be (\d+)\)")
# Programs that write to a pipe leave a size near 2**31 or 2**32, which means nothing.
UNKNOWN_SIZE = 0x7FFF0000
UNKNOWN_FRAMES = 1 << 62  # what libsndfile reports for such a FLAC file
MP3_TOLERANCE = 0.02  # of its length, which is only an estimate without a Xing header
OGG_HEADER_BYTES = 27
OGG_END_OF_STREAM = 0x04
OGG_TAIL_BYTES = 1 << 17  # in which the last page begins

# ffmpeg
FFMPEG_EXTENSIONS = frozenset({".m4a", ".mp4", ".aac", ".wma", ".webm", ".mka", ".wv", ".ape"})
# The names of their formats as ffmpeg has them: it is not to try others, such as playlists that
# name other files.
FORMATS = "mov,aac,asf,matroska,webm,wv,ape"
MISSING = (
    "needs ffmpeg, which is not on the PATH; convert it to .flac, or install ffmpeg and run "
    "`dvc repro -f -s segment`"
)
AU_HEADER = struct.Struct(">4s5I")  # magic, offset of the data, size, encoding, rate, channels
BLOCK_BYTES = 1 << 21
MOST_CHANNELS = 256
MESSAGE_BYTES = 1 << 12  # kept of its messages
STALL_SECONDS = 60  # without a sample
PREFIX = re.compile(r"^\[.*? @ \w+\] ")  # of a message; it holds an address in memory


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
        tolerance = MP3_TOLERANCE if self._file.format in ("MP3", "MPEG") else 0.0
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
        file.seek(max(0, path.stat().st_size - OGG_TAIL_BYTES))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < OGG_HEADER_BYTES:
        return False
    count = page[OGG_HEADER_BYTES - 1]
    segments = page[OGG_HEADER_BYTES : OGG_HEADER_BYTES + count]
    whole = len(page) >= OGG_HEADER_BYTES + count + sum(segments)
    return whole and bool(page[5] & OGG_END_OF_STREAM)


def _reason(error: Exception) -> str:
    text = " ".join(str(getattr(error, "error_string", "")).split()).rstrip(".")
    # The file exists: libsndfile also says this when it finds no audio in it.
    return UNKNOWN_FORMAT if not text or "File does not exist" in text else text


def ffmpeg_version() -> str:
    """Name and version of the ffmpeg on the PATH, or an empty text where there is none."""
    program = shutil.which("ffmpeg")
    return _version(program) if program else ""


@cache
def _version(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    version = re.match(r"ffmpeg version (\S+)", done.stdout)
    return f"ffmpeg {version[1]}" if version else ""


class FfmpegReader:
    """The first audio stream of a file; see `pipeline.audio.decode.Reader`.

    ffmpeg writes it as an AU file of 32-bit floats into a pipe. It opens no other file, and no
    connection.
    """

    def __init__(self, path: Path) -> None:
        if not ffmpeg_version():
            raise Rejection(MISSING)
        self._source = f"file:{path.absolute()}"
        limits = ["-protocol_whitelist", "file", "-format_whitelist", FORMATS]
        source = [*limits, "-i", self._source]
        target = ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        self._process = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-nostdin", *source, *target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._out: IO[bytes] = self._process.stdout
        self._messages = b""
        self._listener = Thread(target=self._keep_messages, daemon=True)
        self._listener.start()
        try:
            self.sample_rate, self.channels = self._read_header()
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[Array]:
        """Yield float32 blocks, shape (frames, channels)."""
        frame = 4 * self.channels
        while len(data := self._read(BLOCK_BYTES // frame * frame)) >= frame:
            whole = data[: len(data) // frame * frame]
            yield np.frombuffer(whole, ">f4").astype(np.float32).reshape(-1, self.channels)

    def is_cut_off(self, frames: int) -> bool:  # noqa: ARG002
        """Whether ffmpeg complained, as it does about a file that ends early after decoding it."""
        return bool(self._status() or self._messages)

    def close(self) -> None:
        """End ffmpeg."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._out.close()

    def _read_header(self) -> tuple[int, int]:
        header = self._read(AU_HEADER.size)
        if len(header) < AU_HEADER.size:
            self._status()
            raise Rejection(f"unreadable: {self._reason()}")
        _, offset, _, _, sample_rate, channels = AU_HEADER.unpack(header)
        self._read(offset - AU_HEADER.size)
        if not 1 <= channels <= MOST_CHANNELS:
            raise Rejection(f"unreadable: {channels} channels")
        return sample_rate, channels

    def _read(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end."""
        parts: list[bytes] = []
        while count > 0:
            if not select.select([self._out], [], [], STALL_SECONDS)[0]:
                raise Rejection(f"unreadable: ffmpeg gave nothing for {STALL_SECONDS} s")
            part = self._out.read(min(count, BLOCK_BYTES))  # what there is
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _keep_messages(self) -> None:
        """Keep the first messages of ffmpeg, and read the others, as it would wait otherwise."""
        assert self._process.stderr is not None
        with self._process.stderr as messages:
            while part := messages.read(MESSAGE_BYTES):
                self._messages = (self._messages + part)[:MESSAGE_BYTES]

    def _status(self) -> int:
        """The exit status of ffmpeg, which has closed its output."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STALL_SECONDS)
        self._process.kill()
        self._listener.join()
        return self._process.wait()

    def _reason(self) -> str:
        """The first message, without what differs from run to run."""
        lines = self._messages.decode(errors="replace").replace(self._source, "").splitlines()
        text = PREFIX.sub("", lines[0]).strip(" :.") if lines else ""
        return text or "ffmpeg found no sound in it"
