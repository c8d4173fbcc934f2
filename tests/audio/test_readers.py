"""Reading by content: what is whole, cut off or damaged is decided by the frames themselves."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from encoders import COMPRESSED, encoded, id3, mp3, written

from pipeline.audio.decode import open_sound
from pipeline.audio.readers import INFO_BYTES
from pipeline.base.errors import Rejection
from pipeline.base.types import Array

RATE, SECONDS = 44_100, 4
FRAME = 1152 / RATE  # seconds
RNG = np.random.default_rng(0)
TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE * SECONDS) / RATE)
NOISE = 0.1 * RNG.normal(size=(RATE * SECONDS, 2))
GARBAGE, ART = RNG.bytes(3000), RNG.bytes(150_000)
OPUS_RATE = 48_000
# Such a container has its index at the end, or cannot find the next frame behind damage.
LOST_BEHIND_DAMAGE = {".mp4", ".m4a", ".tta", ".wv", ".webm"}
ID3V1 = b"TAG".ljust(128, b"\0")


def decode(path: Path) -> tuple[Array, Any]:
    with open_sound(path) as sound:
        return np.concatenate(list(sound)), sound


def decode_bytes(folder: Path, content: bytes, name: str = "a.mp3") -> tuple[Array, Any]:
    (folder / name).write_bytes(content)
    return decode(folder / name)


def rate_of(suffix: str) -> int:
    return OPUS_RATE if COMPRESSED[suffix][1] == "libopus" else RATE


def damaged_seconds(marks: list[str]) -> float:
    """The amount in the only mark, which says that the file is damaged."""
    [mark] = marks
    return float(mark.removeprefix("damaged (").removesuffix(" s left out)"))


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_what_is_compressed_is_read_to_its_end_or_marked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"-i odd: name \udce9{suffix}"
    path.write_bytes(encoded(TONE, rate_of(suffix), suffix))
    samples, sound = decode(path)
    assert (sound.channels, sound.sample_rate, sound.marks) == (1, rate_of(suffix), [])
    assert sound.seconds == pytest.approx(len(TONE) / rate_of(suffix), abs=0.11)
    spectrum = np.abs(np.fft.rfft(samples))
    found = np.argmax(spectrum) / len(samples)
    assert found == pytest.approx(440 / RATE, abs=1 / len(samples))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 50])  # within a frame
    half, cut = decode(path)
    assert cut.marks == ["truncated"]
    assert 0.2 < len(half) / len(samples) < 0.6


@pytest.mark.parametrize("suffix", sorted(COMPRESSED.keys() - {".m4b"}))  # ALAC has no checksums
def test_sound_behind_garbage_is_read(tmp_path: Path, suffix: str) -> None:
    whole = encoded(NOISE, rate_of(suffix), suffix)
    middle = len(whole) // 2
    content = whole[:middle] + GARBAGE + whole[middle + len(GARBAGE) :]
    sound = decode_bytes(tmp_path, content, f"a{suffix}")[1]
    if suffix in LOST_BEHIND_DAMAGE and sound.seconds < 0.7 * SECONDS:
        assert "truncated" in sound.marks
        return
    lost = len(NOISE) / rate_of(suffix) - sound.seconds
    assert damaged_seconds(sound.marks) == pytest.approx(max(lost, 0), abs=0.25)
    assert sound.seconds > 0.4 * SECONDS  # as two of Opus' pages are two seconds


WHOLE = mp3(TONE, RATE)
LAME = encoded(TONE, RATE, ".mp3")  # says in its first frame how many there are
MPEG: dict[str, tuple[bytes, float]] = {  # and the frames that are no sound of TONE
    "plain": (WHOLE, 0),
    "VBR": (mp3(TONE[: RATE // 2], RATE, 320_000) + mp3(TONE[RATE // 2 :], RATE, 64_000), 2),
    "low first": (mp3(TONE[: RATE // 2], RATE, 64_000) + mp3(TONE[RATE // 2 :], RATE, 320_000), 2),
    "cover": (id3(bytes(200_000)) + WHOLE, 0),
    "large cover": (id3(ART * 20) + LAME, -2),
    "zeros": (bytes(30_000) + WHOLE, 0),
    "two": (LAME + LAME, SECONDS / FRAME - 1),
    "two with tags": (2 * (id3(ART) + WHOLE + ID3V1), SECONDS / FRAME + 3),
    "ID3v1": (WHOLE + ID3V1, 0),
    "zeros behind": (WHOLE + bytes(5000), 0),
    "garbage behind": (WHOLE + GARBAGE, 0),
    "lyrics": (WHOLE + b"LYRICSBEGIN" + 200 * b"la " + b"000611LYRICS200" + ID3V1, 0),
    "mono, then stereo": (mp3(TONE[:RATE], RATE) + mp3(np.stack(2 * [TONE[RATE:]], 1), RATE), 2),
    "another rate": (mp3(TONE[: 2 * RATE], RATE) + mp3(TONE[2 * RATE :][::2], RATE // 2), 2),
}


@pytest.mark.parametrize("name", MPEG)
def test_an_mp3_is_whole_whatever_is_around_its_frames(tmp_path: Path, name: str) -> None:
    content, more = MPEG[name]
    samples, sound = decode_bytes(tmp_path, content)
    assert sound.marks == []
    assert sound.seconds == pytest.approx(SECONDS + (more + 2) * FRAME, abs=2.5 * FRAME)
    assert np.std(samples[-RATE // 2 : -RATE // 8]) == pytest.approx(0.3 / 2**0.5, rel=0.1)


def test_an_mp3_with_its_length_is_as_long_as_it_was(tmp_path: Path) -> None:
    samples, _ = decode_bytes(tmp_path, LAME)
    assert len(samples) == len(TONE)
    np.testing.assert_allclose(samples, TONE, atol=0.02)
    for content in (LAME[: len(LAME) // 2], WHOLE[: len(WHOLE) // 2], WHOLE[:-100]):
        assert decode_bytes(tmp_path, content)[1].marks == ["truncated"]
    start = len(LAME) - len(WHOLE)
    assert start < INFO_BYTES
    frames = [start + 417 * number for number in (20, 60)]  # in between, some are taken out
    found = decode_bytes(tmp_path, LAME[: frames[0]] + LAME[frames[1] :])[1]
    assert damaged_seconds(found.marks) == pytest.approx(40 * FRAME, abs=3 * FRAME)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_all_streams_of_chained_ogg_are_read(tmp_path: Path, subtype: str) -> None:
    rate = OPUS_RATE if subtype == "OPUS" else RATE
    parts = np.split(TONE, [RATE])
    streams = [written(part, rate, "OGG", subtype=subtype) for part in parts]
    samples, sound = decode_bytes(tmp_path, b"".join(streams), "a.ogg")
    assert sound.marks == []
    assert len(samples) == len(TONE)
    ends = slice(-len(parts[1]), -RATE // 100)
    np.testing.assert_allclose(samples[ends], TONE[ends], atol=0.03)
    assert np.abs(samples).max() < 0.35  # nor is there a noise at the joint
    cut = decode_bytes(tmp_path, b"".join(streams)[:-500], "a.ogg")[1]
    assert cut.marks == ["truncated"]


def test_a_change_of_the_rate_in_chained_ogg_is_resampled(tmp_path: Path) -> None:
    streams = [written(TONE[:RATE], RATE, "OGG"), written(TONE[RATE::2], RATE // 2, "OGG")]
    samples, sound = decode_bytes(tmp_path, b"".join(streams), "a.ogg")
    assert (sound.sample_rate, sound.seconds) == (RATE, pytest.approx(SECONDS, abs=0.01))
    np.testing.assert_allclose(samples[-RATE : -RATE // 4].std(), 0.3 / 2**0.5, rtol=0.05)


def test_frames_of_flac_with_a_wrong_checksum_are_left_out(tmp_path: Path) -> None:
    content = bytearray(written(NOISE, RATE, "FLAC"))
    content[len(content) // 2] ^= 64
    samples, sound = decode_bytes(tmp_path, bytes(content), "a.flac")
    assert damaged_seconds(sound.marks) == pytest.approx(SECONDS - len(samples) / RATE, abs=0.006)
    assert 0 < len(NOISE) - len(samples) <= 3 * 4608


KINDS = {
    ".wav": written(NOISE, RATE, "WAV"),
    ".w64": written(NOISE, RATE, "W64"),
    ".caf": written(NOISE, RATE, "CAF"),
    ".aiff": written(NOISE, RATE, "AIFF"),
    ".flac": written(NOISE, RATE, "FLAC"),
    ".ogg": written(NOISE, RATE, "OGG"),
    ".mp3": written(NOISE, RATE, "MP3"),
    ".m4a": encoded(NOISE, RATE, ".m4a"),
    ".oga": encoded(NOISE, RATE, ".oga"),
}


@pytest.mark.parametrize("suffix", KINDS)
def test_the_suffix_does_not_matter(tmp_path: Path, suffix: str) -> None:
    expected, sound = decode_bytes(tmp_path, KINDS[suffix], f"a{suffix}")
    assert (sound.marks, sound.channels) == ([], 2)
    for other in (".wave", ".mp2", ".flac", ".m4a", ".ogg"):
        found, sound = decode_bytes(tmp_path, KINDS[suffix], f"a{other}")
        assert sound.marks == []
        np.testing.assert_array_equal(found, expected)


def test_what_one_reader_refuses_is_offered_to_the_other(tmp_path: Path) -> None:
    """FFmpeg does not see FLAC behind a large tag, and MP3 in WAV is left to FFmpeg."""
    found, sound = decode_bytes(tmp_path, id3(ART * 20) + KINDS[".flac"], "a.flac")
    assert (len(found), sound.marks) == (len(NOISE), [])
    found, sound = decode_bytes(tmp_path, encoded(TONE, RATE, ".wave"), "a.wav")
    assert (found.std(), sound.marks) == (pytest.approx(0.3 / 2**0.5, rel=0.1), [])


REJECTED: list[tuple[str, bytes, str]] = [
    ("text.mp3", b"<html>404 not found</html>\n" * 50, "no format of audio that is known"),
    ("zeros.mp3", bytes(5000), "no format of audio that is known"),
    ("playlist.m4a", b"#EXTM3U\n#EXTINF:3,\nsecret.wav\n", "no format of audio that is known"),
    ("list.mp3", b"ffconcat version 1.0\nfile secret.wav\n", "no format of audio that is known"),
    ("tag.mp3", id3(bytes(2000)), "no format of audio that is known"),
    ("index.m4a", KINDS[".m4a"][:28] + KINDS[".m4a"][-9000:], "moov atom not found"),
    ("header.ogg", KINDS[".ogg"][:100], "ends within its header"),
    ("header.wav", KINDS[".wav"][:16], "Error in WAV file. No 'data' chunk marker"),
    ("header.flac", KINDS[".flac"][:200], "Invalid data found when processing input"),
]


@pytest.mark.parametrize(
    ("name", "content", "reason"), REJECTED, ids=[name for name, *_ in REJECTED]
)
def test_the_reason_is_that_of_the_reader_which_knows_the_format(
    tmp_path: Path, name: str, content: bytes, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.wav").write_bytes(KINDS[".wav"])
    with pytest.raises(Rejection, match=f"^unreadable: {reason}$"):
        decode_bytes(tmp_path, content, name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("has_sound", [True, False])
def test_a_film_is_heard(tmp_path: Path, has_sound: bool) -> None:
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=25, width=64, height=64)
        sound = container.add_stream("aac", rate=RATE, layout="mono") if has_sound else None
        container.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(pictures.encode(None))
        if sound:
            frame = av.AudioFrame.from_ndarray(TONE.astype(np.float32)[None], "fltp", "mono")
            frame.sample_rate = RATE
            container.mux([*sound.encode(frame), *sound.encode(None)])
    if has_sound:
        assert decode(path)[1].seconds == pytest.approx(SECONDS, abs=0.05)
        return
    with pytest.raises(Rejection, match=r"^unreadable: no audio in it$"):
        decode(path)
