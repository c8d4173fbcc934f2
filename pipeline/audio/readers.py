"""Read audio files by what is in them: PCM by libsndfile, what is compressed by FFmpeg.

PyAV brings FFmpeg; no program is needed. Each reader gets a file without its name, as both would
otherwise believe its suffix.
"""

import io
import logging
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn, Protocol

import av
import numpy as np
import soundfile

from pipeline.base.errors import Rejection
from pipeline.base.types import Array

LIBRARIES = {"libsndfile": soundfile.__libsndfile_version__, "FFmpeg": av.ffmpeg_version_info}
DECODER = ", ".join(f"{name} {version}" for name, version in LIBRARIES.items())
BLOCK_VALUES = 1 << 19  # of all channels together

# How files begin that libsndfile reads first: WAV, AIFF, AU, Core Audio and Wave64.
PCM_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"dns.", b"caff", b"riff")
MOST_OF_A_REASON = 100  # characters
UNKNOWN_FORMAT = "no format of audio that is known"
# How libsndfile logs a header that promises more than the file has, and RF64 in samples.
SHORT_CHUNK = re.compile(r"(?:data|Data Size|SSND|riff)\s*:\s*(\d+) \(should be (\d+)\)")
SHORT_COUNT = re.compile(r"count (\d+) does not match value from 'ds64' chunk of (\d+)")
# Programs that write to a pipe leave a size near 2**31 or 2**32, which means nothing.
UNKNOWN_SIZE = 0x7FFF0000
UNKNOWN_FRAMES = 1 << 62  # what libsndfile reports for such a FLAC file

# What FFmpeg may take a file for; others, such as playlists, would name files of their own.
FORMATS = "aac,aiff,ape,asf,au,caf,flac,matroska,mov,mp3,ogg,tta,w64,wav,wv"
FRAMED = ("aac", "mp3")  # of frames alone: no header says how long they are
SYNC = b"\xff"  # begins a frame of MPEG audio
SKIPPING = ("flac", "ogg")  # where FFmpeg passes over damaged frames and pages without an error
TAGS = (b"ID3", b"TAG", b"APETAGEX")
LOSSLESS_CHECKS = "crccheck+explode"  # a frame whose checksum is wrong is left out
MOST_SAMPLES = 1 << 20  # of a frame; damaged headers ask for more
TOLERANCE = 0.1  # seconds: containers round their length, and codecs pad it
LEAST_GAP = 4096  # samples between time stamps, which are not exact within a block of Vorbis
# The first frame of an MP3 that holds no sound but, if a bit is set, the number of frames.
INFO_FRAME = re.compile(
    rb"\xff[\xe2-\xff]..(?:..)?(?:\0{32}|\0{17}|\0{9})(?:Xing|Info)\0\0\0[\1\3\5\7\x0b\x0f](.{4})"
    rb"|VBRI.{10}(.{4})",
    re.DOTALL,
)
INFO_BYTES = 1 << 12  # before the first frame of sound
SKIPPED, SKIPPED_LAYOUT = "skip_samples", struct.Struct("<IIH")  # at the start and at the end
OGG, OGG_HEADER_BYTES = b"OggS", 27  # of a page (RFC 3533, section 6), and its flags
OGG_BEGINS, OGG_ENDS = 0x02, 0x04
OGG_WINDOW = 1 << 12  # bytes in which a page is looked for

# FFmpeg's messages say why it cannot open a file, and are not printed.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").propagate = False
logging.getLogger("libav").addHandler(logging.NullHandler())


class Reader(Protocol):
    """An open file as a library reads it.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    stores_floats : bool
        Whether the samples are floating-point PCM, whose scale is the choice of whoever wrote it.
    is_cut_off : bool
        Whether the file ends too early; known when all blocks were taken.
    left_out : float
        Seconds of sound within the file that are missing or damaged; likewise.
    """

    sample_rate: int
    channels: int
    stores_floats: bool
    is_cut_off: bool
    left_out: float

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Yield the sample rate in Hz and a block of float32, shape (channels, n), full scale 1."""

    def close(self) -> None:
        """Let go of the file."""


def open_reader(path: Path) -> Reader:
    """Open a regular file with the reader that knows what is in it, or else with the other.

    Raises
    ------
    Rejection
        Neither can read it; the reason is that of the first.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start[:1] == SYNC:  # of which libsndfile would say things on stderr
        return FfmpegReader(path)
    if start == OGG:
        return OggReader(path)
    readers = (SndfileReader, FfmpegReader)
    first, second = readers if start in PCM_CONTAINERS else readers[::-1]
    try:
        return first(path)
    except Rejection as reason:
        try:
            return second(path)
        except Rejection:
            raise reason from None


@dataclass(frozen=True)
class Part:
    """Bytes of a file, and whether the last of them say that the sound ends there."""

    start: int
    end: int
    has_end: bool


class _PartOfFile(io.RawIOBase):
    """A part of a file as a file without a name."""

    def __init__(self, path: Path, part: Part) -> None:
        self._part, self._file = part, path.open("rb", buffering=0)
        self.seek(0)

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._part.end - self._file.tell())
        return self._file.read(min(size, left) if size >= 0 else left)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start, end = self._part.start, self._part.end
        base = (start, self._file.tell(), end)[whence]
        return self._file.seek(min(max(start, base + offset), end)) - start

    def tell(self) -> int:
        return self._file.tell() - self._part.start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


class _Stream(soundfile.SoundFile):  # type: ignore[misc]
    def seekable(self) -> bool:
        """Keep soundfile from seeking after each read: ADPCM decodes differently after that."""
        return False


class SndfileReader:
    """PCM as libsndfile reads it; see `Reader`."""

    left_out = 0.0

    def __init__(self, path: Path) -> None:
        try:
            self._file = _Stream(os.open(path, os.O_RDONLY), closefd=True)
        except soundfile.SoundFileError as error:
            raise Rejection(f"unreadable: {_sndfile_reason(error)}") from None
        if self._file.format in ("MP3", "OGG") or "MPEG" in self._file.subtype:
            self._file.close()
            raise Rejection(f"unreadable: {self._file.subtype}")  # as FFmpeg found it to be
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        self.stores_floats = self._file.subtype in ("FLOAT", "DOUBLE")
        log = self._file.extra_info
        sizes = SHORT_CHUNK.findall(log) + [each[::-1] for each in SHORT_COUNT.findall(log)]
        self.is_cut_off = any(int(there) < int(all_) < UNKNOWN_SIZE for all_, there in sizes)

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Yield blocks up to the first damaged frame."""
        frames = 0
        damage = None
        while damage is None:
            block, damage = self._read_block()
            if not len(block):
                break
            frames += len(block)
            yield self.sample_rate, np.ascontiguousarray(block.T)
        if damage and not frames:
            raise Rejection(f"unreadable: {_sndfile_reason(damage)}")
        self.is_cut_off |= frames < self._file.frames < UNKNOWN_FRAMES

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


def _sndfile_reason(error: Exception) -> str:
    text = " ".join(str(getattr(error, "error_string", "")).split()).rstrip(".")
    # The file exists: libsndfile also says this when it finds no audio in it.
    unknown = not text or "File does not exist" in text or "not recognised" in text
    return UNKNOWN_FORMAT if unknown else text


class FfmpegReader:
    """The best audio stream of a file as FFmpeg decodes it on one thread; see `Reader`.

    A packet that cannot be decoded is left out, and what follows is read all the same.
    """

    def __init__(self, path: Path, part: Part | None = None) -> None:
        self._path, self._part = path, part or Part(0, path.stat().st_size, True)
        self._file = _PartOfFile(path, self._part)
        try:
            with av.logging.Capture() as messages:
                self._open()
        except BaseException as error:
            self._file.close()
            if isinstance(error, av.FFmpegError):
                raise Rejection(f"unreadable: {_ffmpeg_reason(error, messages)}") from None
            raise
        self.is_cut_off, self.left_out = False, 0.0
        self._first: Any = None  # packet of sound
        self._last: Any = None
        self._error: Any = None  # the first one
        # Of the packets that were decoded: their number, seconds and bytes.
        self._packets, self._seconds, self._bytes = 0, 0.0, 0
        self._failed = 0.0  # seconds that could not be decoded, since the last that could

    def _open(self) -> None:
        options = {"format_whitelist": FORMATS}
        self._container = av.open(
            self._file, container_options=options, io_open=_refuse, metadata_errors="replace"
        )
        self._stream = self._container.streams.best("audio")
        context = self._stream and self._stream.codec_context
        if not context or not context.format:
            raise Rejection("unreadable: no audio in it")
        if context.format.name.startswith("s64"):
            raise Rejection("unreadable: integers of 64 bits")
        self._form = self._container.format.name.partition(",")[0]
        self._is_lossless = context.codec.lossless
        is_mpeg_in_wav = self._form == "wav" and context.codec.name.startswith("mp")
        self._is_framed = self._form in FRAMED or is_mpeg_in_wav
        checks = {"err_detect": LOSSLESS_CHECKS} if self._is_lossless else {}
        context.options = {"max_samples": str(MOST_SAMPLES), **checks}
        context.thread_count = 1
        self.sample_rate, self.channels = context.sample_rate, context.channels
        self.stores_floats = self._is_lossless and context.format.name[:3] in ("flt", "dbl")

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Yield blocks; where the rate or the number of channels changes, another begins."""
        seconds = 0.0
        for (rate, _, channels), frames in groupby(self._frames(), _kind):
            for block in _joined(frames, max(1, BLOCK_VALUES // channels)):
                seconds += block.shape[1] / rate
                yield rate, block
        if seconds:
            self._finish(seconds)
        elif self._error:
            raise Rejection(f"unreadable: {self._error.strerror}")

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def _read_packets(self) -> Iterator[Any]:
        """All packets, also those that lie behind something else."""
        position, failed = -1, False
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    if failed and (packet.pos or 0) <= position:  # FFmpeg reads the same again
                        return
                    position, failed = packet.pos or position, False
                    yield packet
                return
            except av.FFmpegError as error:
                self._error = self._error or error
                if failed:
                    return
                failed = True

    def _frames(self) -> Iterator[Any]:
        expected, is_tag, late = None, False, 0
        is_vorbis = self._form == "ogg" and self._stream.codec_context.name == "vorbis"
        for packet in self._read_packets():
            if is_vorbis and not self._packets and packet.pts == 0:
                late = packet.duration
            if late and packet.has_sidedata(SKIPPED):
                _skip_fewer(packet, late)
            if expected is not None and packet.pts is not None:
                gap = float((packet.pts - expected) * packet.time_base)
                self.left_out += gap if gap * self.sample_rate > LEAST_GAP else 0.0
            expected = None if packet.pts is None else packet.pts + (packet.duration or 0)
            is_tag |= not self._failed and bytes(packet).startswith(TAGS)
            frames, is_lost = self._decode(packet)
            if frames and packet.size:
                self.left_out += 0.0 if is_tag else self._failed
                self._failed, is_tag = 0.0, False
            is_sound = not is_tag and (not is_lost or bytes(packet)[:1] == SYNC)
            if packet.size and (is_sound or not self._last):
                self._first, self._last = self._first or packet, packet
            yield from frames

    def _decode(self, packet: Any) -> tuple[list[Any], bool]:
        """The frames of a packet, and whether it cannot be decoded."""
        seconds = float((packet.duration or 0) * packet.time_base)
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            self._error = self._error or error
            if self._is_framed:  # whatever lies before a frame is in its packet
                seconds = packet.size * self._seconds / max(1, self._bytes)
            self._failed += seconds
            return [], True
        self._packets += packet.size > 0
        self._seconds += seconds
        self._bytes += packet.size
        return frames, False

    def _finish(self, seconds: float) -> None:
        """Say what is missing of a file of which so many seconds were decoded."""
        stream, each, tolerance = self._stream, seconds / max(1, self._packets), TOLERANCE
        is_filled = self._part.has_end and not self._last.is_corrupt
        is_whole = is_filled and not self._failed
        if self._is_framed:
            is_whole = self._ends_whole()
            declared, tolerance = self._promised_frames() * each, 1.5 * each
        elif self._form == "mov":  # in fragments it does not count its packets
            declared, tolerance = stream.frames * each, 0.5 * each
        else:
            declared = float((stream.duration or 0) * stream.time_base)
            declared = declared or (self._container.duration or 0) / av.time_base
            if self._is_lossless and stream.time_base * self.sample_rate == 1:
                tolerance = 0.5 / self.sample_rate
            if seconds + self.left_out + tolerance > declared > 0:
                is_whole = is_filled  # and what follows is no sound
        missing = declared - seconds - self.left_out
        if missing > tolerance and is_whole and (self.left_out or self._form in SKIPPING):
            self.left_out += missing
        else:
            self.is_cut_off = not is_whole or missing > tolerance

    def _ends_whole(self) -> bool:
        """Whether a parser finds a whole frame in the last packet, without what follows."""
        parser = av.CodecContext.create(self._stream.codec_context.name, "r")
        return bool(parser.parse(bytes(self._last)))

    def _promised_frames(self) -> int:
        """The number of frames that the first one of an MP3 says, or 0."""
        start = self._first.pos or 0
        with self._path.open("rb") as file:
            file.seek(max(0, start - INFO_BYTES))
            found = INFO_FRAME.search(file.read(min(start, INFO_BYTES)))
        return int.from_bytes(found[1] or found[2]) if found else 0


def _skip_fewer(packet: Any, samples: int) -> None:
    """Give so many samples back to the end of Vorbis, of which FFmpeg would leave out too many.

    The first packet of a stream has no sound of its own, and FFmpeg counts it all the same where
    all sound is on one page, so that it has no other time stamp.
    """
    skipped = packet.get_sidedata(SKIPPED)
    start, end, reasons = SKIPPED_LAYOUT.unpack(bytes(skipped))
    skipped.update(SKIPPED_LAYOUT.pack(start, max(0, end - samples), reasons))
    packet.set_sidedata(skipped)


def _refuse(*_: object) -> NoReturn:
    raise OSError("a file opens no other")


def _kind(frame: Any) -> tuple[int, str, int]:
    return frame.sample_rate, frame.format.name, frame.layout.nb_channels


def _joined(frames: Iterable[Any], samples: int) -> Iterator[Array]:
    """Join frames of one kind to blocks of so many samples or a few more, (channels, n)."""
    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
        if fifo.samples >= samples:
            yield _samples(fifo.read())
    if fifo.samples:
        yield _samples(fifo.read())


def _samples(frame: Any) -> Array:
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    with np.errstate(over="ignore"):  # infinite samples are found later
        samples = np.ascontiguousarray(values, np.float32)
    if values.dtype.kind == "f":
        return samples
    top = np.float32(2 ** (8 * values.dtype.itemsize - 1))
    return (samples - top if values.dtype.kind == "u" else samples) / top


def _ffmpeg_reason(error: Exception, messages: Sequence[tuple[int, str, str]]) -> str:
    if isinstance(error, EOFError):
        return "ends within its header"
    text = " ".join(messages[-1][2].split()).rstrip(".") if messages else ""
    if not text or text.startswith(("Format not on whitelist", "Failed to find two")):
        return UNKNOWN_FORMAT
    return "".join(filter(str.isprintable, text))[:MOST_OF_A_REASON]


class OggReader:
    """All streams of an Ogg file that follow one another, by FFmpeg; see `Reader`.

    FFmpeg itself reads such a chain as one stream, of one rate and with noise at its joints.
    """

    stores_floats = False

    def __init__(self, path: Path) -> None:
        self._path, self._parts = path, _ogg_streams(path)
        self._reader = FfmpegReader(path, self._parts[0])
        self.sample_rate, self.channels = self._reader.sample_rate, self._reader.channels
        self.is_cut_off, self.left_out = False, 0.0

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Yield the blocks of one stream after another."""
        for part in self._parts:
            if part is not self._parts[0]:
                self.close()
                try:
                    self._reader = FfmpegReader(self._path, part)
                except Rejection:
                    self.is_cut_off = True
                    continue
            yield from self._reader.blocks()
            self.is_cut_off |= self._reader.is_cut_off
            self.left_out += self._reader.left_out

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _ogg_streams(path: Path) -> list[Part]:
    """The parts of an Ogg file in which streams begin together, by the headers of its pages."""
    starts: list[int] = []
    has_ends: list[bool] = []
    place, size, began = 0, path.stat().st_size, False
    with path.open("rb", buffering=0) as file:
        while len(page := file.read(OGG_WINDOW)) >= OGG_HEADER_BYTES:
            found = page.find(OGG)
            if found:
                place += found if found > 0 else len(page) - len(OGG) + 1
            else:
                flags, count = page[5], page[OGG_HEADER_BYTES - 1]
                table = page[OGG_HEADER_BYTES : OGG_HEADER_BYTES + count]
                begins, end = bool(flags & OGG_BEGINS), OGG_HEADER_BYTES + count + sum(table)
                if not starts or (begins and not began):
                    starts.append(place)
                    has_ends.append(False)
                place, began = place + end, begins
                has_ends[-1] = bool(flags & OGG_ENDS) and place <= size
            file.seek(place)
    bounds = zip(starts, [*starts[1:], size], has_ends, strict=False)
    return [Part(*each) for each in bounds] or [Part(0, size, False)]
