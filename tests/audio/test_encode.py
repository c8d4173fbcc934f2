"""Sound for pages: it decodes to what was encoded, and comes out as the same bytes."""

import io

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from pipeline.audio.clips import from_pcm
from pipeline.audio.encode import BLOCK, SoundEncoder, without_serial

SAMPLE_RATE = 22050


def music(seconds: float, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.int16]:
    """Three sines and a little noise."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    rng = np.random.default_rng(0)
    waves = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 550, 880))
    return np.rint(5000 * waves + rng.normal(0, 200, len(time))).astype(np.int16)


def pages(ogg: bytes) -> list[bytes]:
    """The pages of an Ogg stream, found by their mark."""
    return [b"OggS" + part for part in ogg.split(b"OggS")[1:]]


def slow_checksum(page: bytes) -> int:
    """The CRC of RFC 3533 bit by bit: polynomial 0x04c11db7, nothing mirrored or inverted."""
    register = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x104C11DB7 if register & 0x80000000 else 0)
    return register & 0xFFFFFFFF


def test_what_is_encoded_can_be_decoded_and_is_the_same_every_time() -> None:
    encoder = SoundEncoder(SAMPLE_RATE)
    clips = music(3).reshape(3, -1)
    encoded = encoder(clips)
    assert encoder(clips) == encoded
    decoded, rate = soundfile.read(io.BytesIO(encoded), dtype="float32")
    assert rate == SAMPLE_RATE
    assert len(decoded) == clips.size
    spectrum = np.abs(np.fft.rfft(decoded[:SAMPLE_RATE]))
    loudest = np.sort(np.argsort(spectrum)[-3:])  # bins of 1 Hz
    assert loudest.tolist() == [220, 550, 880]
    level = np.sqrt(np.mean(np.square(decoded)))
    assert level == pytest.approx(np.sqrt(np.mean(np.square(from_pcm(clips)))), rel=0.05)


def test_clips_are_one_sound_without_seams() -> None:
    """In parts or as a whole, the encoder sees the same stream."""
    pcm = music(2)
    whole, parts = (
        soundfile.read(io.BytesIO(SoundEncoder(SAMPLE_RATE)(clips)), dtype="float32")[0]
        for clips in ([pcm], np.split(pcm, 10))
    )
    assert len(whole) == len(parts)
    np.testing.assert_allclose(whole, parts, atol=0.02)


def test_only_the_serial_changes_and_the_checksum_that_the_format_needs() -> None:
    file = io.BytesIO()
    soundfile.write(file, from_pcm(music(3, 24000)), 24000, format="OGG", subtype="VORBIS")
    before = file.getvalue()
    after = without_serial(before)
    assert len(after) == len(before)
    for old, new in zip(pages(before), pages(after), strict=True):
        assert old[:14] + old[18:22] + old[26:] == new[:14] + new[18:22] + new[26:]
        assert new[14:18] == bytes(4)
        assert int.from_bytes(new[22:26], "little") == slow_checksum(new)


def test_a_second_takes_about_five_kilobytes() -> None:
    noise = np.random.default_rng(0).normal(0, 3000, (10, SAMPLE_RATE)).astype(np.int16)
    assert 4000 < len(SoundEncoder(SAMPLE_RATE)(noise)) / 10 < 5500


@pytest.mark.parametrize("sample_rate", [4000, 16000, 44100, 192000])
def test_every_sample_rate_of_clips_is_kept(sample_rate: int) -> None:
    decoded, found = soundfile.read(io.BytesIO(SoundEncoder(sample_rate)([music(1, sample_rate)])))
    assert (found, len(decoded)) == (sample_rate, sample_rate)


def test_a_clip_may_be_larger_than_the_stack() -> None:
    """libvorbis copies there what it is given at once, and ends the process if that is too much."""
    samples = 2**22 + BLOCK // 2
    encoded = SoundEncoder(SAMPLE_RATE)([np.zeros(samples, np.int16)])
    assert soundfile.info(io.BytesIO(encoded)).frames == samples
