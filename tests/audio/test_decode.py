"""Decoding: every format, damaged files, resampling, and the clips of a file."""

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from encoders import encoded

from pipeline.audio import decode as decoding
from pipeline.audio import readers
from pipeline.audio.clips import FULL_SCALE, from_pcm
from pipeline.audio.decode import CutTrack, Samples, load_clips, open_clips, open_sound, resampled
from pipeline.base.errors import PipelineError, Rejection

Signal = npt.NDArray[np.float64]

RATES = [8000, 44_100]
SECONDS = 4
# Different tones, so that no channel alone equals the mean of the two.
HZ = {1: [440.0], 2: [440.0, 1250.0]}
LOSSLESS = [
    *((suffix, "PCM_S8") for suffix in (".au", ".flac", ".aiff")),
    (".wav", "PCM_U8"),
    *((suffix, "PCM_24") for suffix in (".au", ".wav", ".flac", ".aiff")),
]
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24}
LOSSY = [".ogg", ".mp3"]
SUFFIXES = [".au", ".wav", ".w64", ".rf64", ".caf", ".aiff", ".flac", *LOSSY]
# A lossy coder cannot compress noise well, so half of the bytes hold about half of it.
NOISE = np.random.default_rng(0).normal(0.0, 0.1, 44_100 * SECONDS)


def decode(path: Path) -> tuple[Samples, Any]:
    with open_sound(path) as sound:
        return np.concatenate(list(sound)), sound


def tones(sample_rate: int, channels: int) -> Signal:
    """Sines of half full scale, shape (SECONDS * sample_rate, channels)."""
    t = np.arange(SECONDS * sample_rate) / sample_rate
    return 0.5 * np.stack([np.sin(2 * np.pi * hz * t) for hz in HZ[channels]], axis=1)


def quantised(samples: Signal, subtype: str) -> Signal:
    """Samples that a file of `subtype` holds without loss."""
    steps = 2.0 ** (BITS[subtype] - 1)
    return np.rint(samples * steps) / steps


def noise_file(folder: Path, suffix: str) -> Path:
    path = folder / f"noise{suffix}"
    soundfile.write(path, NOISE, 44_100)
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize(("suffix", "subtype"), LOSSLESS)
def test_lossless_formats_are_restored_exactly(
    tmp_path: Path, suffix: str, subtype: str, sample_rate: int, channels: int
) -> None:
    samples = quantised(tones(sample_rate, channels), subtype)
    path = tmp_path / f"tones{suffix}"
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    found, sound = decode(path)
    assert (sound.sample_rate, sound.channels) == (sample_rate, channels)
    assert sound.seconds == SECONDS
    assert sound.marks == []
    assert found.dtype == np.float32
    expected = samples.astype(np.float32).mean(axis=1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "sample_rate"),
    [(".ogg", 8000), (".ogg", 44_100), (".mp3", 8000), (".mp3", 44_100), (".opus", 48_000)],
)
def test_lossy_formats_are_restored_closely(
    tmp_path: Path, suffix: str, sample_rate: int, channels: int
) -> None:
    samples = tones(sample_rate, channels)
    path = tmp_path / f"tones{suffix}"
    options = {"format": "OGG", "subtype": "OPUS"} if suffix == ".opus" else {}
    soundfile.write(path, samples, sample_rate, **options)
    found, sound = decode(path)
    assert (sound.sample_rate, sound.channels) == (sample_rate, channels)
    assert found.shape == (SECONDS * sample_rate,)
    assert sound.marks == []
    assert np.corrcoef(found, samples.mean(axis=1))[0, 1] > 0.99


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_of_a_block_changes_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = noise_file(tmp_path, suffix)
    assert len(NOISE) < readers.BLOCK_VALUES
    at_once, _ = decode(path)
    path = path.rename(path.with_suffix(suffix.upper()))  # nor do capitals
    monkeypatch.setattr(readers, "BLOCK_VALUES", 10_000)
    np.testing.assert_array_equal(decode(path)[0], at_once)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_half_a_file_is_truncated_and_gives_about_half(tmp_path: Path, suffix: str) -> None:
    path = noise_file(tmp_path, suffix)
    whole, sound = decode(path)
    assert sound.marks == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found, sound = decode(path)
    assert sound.marks == ["truncated"]
    assert 0.2 < len(found) / len(NOISE) < 0.6
    if suffix not in LOSSY:
        np.testing.assert_array_equal(found, whole[: len(found)])


@pytest.mark.parametrize("suffix", [".au", ".wav", ".aiff", ".flac", ".ogg"])
def test_a_few_missing_bytes_are_detected(tmp_path: Path, suffix: str) -> None:
    path = noise_file(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:-100])
    assert decode(path)[1].marks == ["truncated"]


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_streamed_wav_is_not_called_truncated(tmp_path: Path, size: int) -> None:
    path = noise_file(tmp_path, ".wav")
    data = bytearray(path.read_bytes())
    start = data.index(b"data") + 4
    data[start : start + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    found, sound = decode(path)
    assert len(found) == len(NOISE)
    assert sound.marks == []


def test_a_streamed_flac_is_not_called_truncated(tmp_path: Path) -> None:
    path = noise_file(tmp_path, ".flac")
    whole, _ = decode(path)
    data = bytearray(path.read_bytes())
    # RFC 9639, section 8.2: 36 bits of the stream info hold the length, 0 if it is unknown.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    found, sound = decode(path)
    np.testing.assert_array_equal(found, whole)
    assert sound.marks == []


WITHOUT_SOUND: list[tuple[Any, str]] = [
    (b"", "empty file"),
    (np.random.default_rng(1).bytes(5000), "unreadable: no format of audio that is known"),
    (np.zeros(8000), "silent"),
]
UNUSABLE = [(f"a{suffix}", *case) for suffix in SUFFIXES for case in WITHOUT_SOUND] + [
    *((f"a{suffix}", np.zeros(0), "no samples") for suffix in (".au", ".wav", ".aiff")),
    ("notes.txt", b"not music", r"not audio \(\.txt\)"),
    ("notes", b"not music", r"not audio \(no extension\)"),
    ("constant.wav", np.full(8000, -32768, np.int16), "silent"),
    ("nan.wav", np.where(NOISE > 0.3, np.nan, NOISE), "samples that are not numbers .*"),
    ("inf.wav", np.where(NOISE > 0.3, -np.inf, NOISE), "samples that are not numbers .*"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNUSABLE, ids=lambda v: str(v)[:20])
def test_what_has_no_sound_is_rejected(
    tmp_path: Path, name: str, content: Any, reason: str
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        subtype = "FLOAT" if name in ("nan.wav", "inf.wav") else None
        soundfile.write(path, content, 8000, subtype=subtype)
    with pytest.raises(Rejection, match=f"^{reason}$"):
        decode(path)


def test_what_is_no_file_is_rejected_at_once_and_the_readers_reason_passed_on(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "a.wav")
    cut = noise_file(tmp_path, ".flac")
    cut.write_bytes(cut.read_bytes()[:200])
    for path, reason in (
        (tmp_path / "a.wav", "not a regular file"),
        (tmp_path, "a folder, not a file"),
        (cut, "unreadable: Invalid data found when processing input"),
    ):
        with pytest.raises(Rejection, match=f"^{reason}$"):
            decode(path)


def test_the_softest_16_bit_sample_is_not_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0, 1, 0], np.int16), 8000)
    assert decode(tmp_path / "a.wav")[0].max() == 2.0**-15


@pytest.mark.parametrize(
    ("source", "target"), [(44_100, 22_050), (8000, 22_050), (96_000, 16_000), (8000, 8000)]
)
def test_resampling_block_by_block_changes_no_bit(
    source: int, target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soxr does the whole at once."""
    samples = np.random.default_rng(0).normal(0, 0.1, 3 * source).astype(np.float32)
    whole = soxr.resample(samples, source, target)
    monkeypatch.setattr(decoding, "RESAMPLED_BLOCK", 5000)
    for size in (1000, 4096, len(samples)):
        blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
        found = np.concatenate(list(resampled(blocks, source, target)))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("sample_rate", [499, 1_000_001])
def test_a_sample_rate_that_no_recording_has_is_rejected(tmp_path: Path, sample_rate: int) -> None:
    path = noise_file(tmp_path, ".wav")
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", sample_rate)
    path.write_bytes(data)
    with pytest.raises(Rejection, match=rf"^unreadable: a sample rate of {sample_rate} Hz$"):
        decode(path)


MUSIC = NOISE * np.sin(np.arange(len(NOISE)) / 20_000) ** 2  # loud and soft
CHORD = np.sin(np.outer([0.04, 0.05, 0.06], np.arange(len(NOISE)))).mean(axis=0) / 2
OTHER = 0.1 * np.random.default_rng(2).normal(size=len(NOISE))


def stereo(left: Signal, right: Signal) -> Signal:
    return np.stack([left, right], axis=1)


def save(path: Path, samples: Signal, subtype: str | None = None) -> Path:
    if path.suffix == ".m4a":
        path.write_bytes(encoded(samples, 44_100, ".m4a"))
    else:
        soundfile.write(path, samples, 44_100, subtype=subtype)
    return path


@pytest.mark.parametrize(
    ("samples", "suffix", "channel"),
    [
        (stereo(MUSIC, -MUSIC), ".wav", 0),
        *((stereo(CHORD, -CHORD), suffix, 0) for suffix in (".ogg", ".mp3", ".m4a")),
        (stereo(-0.98 * MUSIC, MUSIC), ".flac", 1),
        (stereo(MUSIC + 0.2, 0.2 - MUSIC), ".flac", 0),  # what is constant is no sound
        (stereo(MUSIC, MUSIC), ".mp3", None),
        (stereo(MUSIC, OTHER), ".wav", None),
        (stereo(MUSIC, OTHER - 0.5 * MUSIC), ".mp3", None),  # wide
        (stereo(MUSIC, 0 * MUSIC), ".ogg", None),
        (np.outer(MUSIC, [0, 0, 1, 0, 0, 0]), ".flac", None),  # 5.1 with a voice alone
    ],
)
def test_one_channel_is_used_where_their_mean_has_lost_the_sound(
    tmp_path: Path, samples: Signal, suffix: str, channel: int | None
) -> None:
    path = save(tmp_path / f"a{suffix}", samples)
    track = load_clips(path, 44_100, 44_100)
    assert track.sound.marks == ([] if channel is None else ["one channel"])
    expected = samples.mean(axis=1) if channel is None else samples[:, channel]
    assert track.pcm.std() / FULL_SCALE == pytest.approx(expected.std(), rel=0.1)
    with open_clips(path, 44_100, 44_100, 1) as (_, batches):
        np.testing.assert_array_equal(np.concatenate(list(batches)), track.pcm)


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize(("suffix", "subtype"), [(".wav", "FLOAT"), (".aiff", "DOUBLE")])
def test_floats_at_the_scale_of_integers_are_those_integers(
    tmp_path: Path, bits: int, suffix: str, subtype: str
) -> None:
    samples = quantised(stereo(0.7 * NOISE, OTHER), "PCM_24" if bits > 16 else "PCM_U8")
    integers = save(tmp_path / "integers.wav", samples, "PCM_24")
    floats = save(tmp_path / f"floats{suffix}", samples * 2.0 ** (bits - 1), subtype)
    track = load_clips(floats, 22_050, 22_050)
    assert track.sound.marks == ["rescaled"]
    np.testing.assert_array_equal(track.pcm, load_clips(integers, 22_050, 22_050).pcm)


def test_floats_beyond_full_scale_are_divided_by_their_peak(tmp_path: Path) -> None:
    peak = np.abs(MUSIC).max()
    for loudest, marks in ((0.9, []), (1.0, []), (2.0, ["rescaled"]), (15.0, ["rescaled"])):
        path = save(tmp_path / "a.wav", MUSIC * loudest / peak, "FLOAT")
        track = load_clips(path, 44_100, 44_100)
        assert track.sound.marks == marks
        found = from_pcm(track.pcm.reshape(-1))
        np.testing.assert_allclose(found, MUSIC / peak * min(loudest, 1), atol=2.0**-15)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_what_was_clipped_is_marked(tmp_path: Path, suffix: str) -> None:
    """By whoever wrote it, or here, as lossy codecs are louder than full scale."""
    loud = MUSIC / np.abs(MUSIC).max()
    assert load_clips(save(tmp_path / f"a{suffix}", loud), 22_050, 22_050).sound.marks == []
    clipped = np.clip(4 * loud, -1, 1)
    path = save(tmp_path / f"a{suffix}", clipped)
    assert load_clips(path, 22_050, 22_050).sound.marks == ["clipped"]
    if suffix in (".wav", ".flac"):
        path = save(tmp_path / f"a{suffix}", clipped / 3)
        assert load_clips(path, 22_050, 22_050).sound.marks == ["clipped"]


@pytest.mark.parametrize("hz", [100, 440, 3000])
def test_a_tone_is_not_clipped(tmp_path: Path, hz: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * hz * np.arange(44_100) / 44_100)
    for subtype in ("PCM_U8", "PCM_16", "FLOAT"):
        path = save(tmp_path / "a.wav", tone, subtype)
        assert load_clips(path, 44_100, 44_100).sound.marks == []


def test_a_file_of_the_same_rate_is_cut_sample_by_sample(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-20_000, 20_000, 2500, np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 1000)
    track = load_clips(tmp_path / "a.wav", 1000, 1000)
    assert track.sound.seconds == 2.5
    padded = np.concatenate([pcm, np.zeros(500, np.int16)])
    np.testing.assert_array_equal(track.pcm, padded.reshape(3, 1000))


def test_less_than_half_a_clip_is_rejected(tmp_path: Path) -> None:
    samples = np.resize([0.5, -0.5], 500)
    soundfile.write(tmp_path / "half.wav", samples, 1000)
    assert len(load_clips(tmp_path / "half.wav", 1000, 1000).pcm) == 1
    soundfile.write(tmp_path / "less.wav", samples[:499], 1000)
    with pytest.raises(Rejection, match=r"^shorter than half a clip \(0\.50 s\)$"):
        load_clips(tmp_path / "less.wav", 1000, 1000)


def test_a_track_whose_clips_are_silent_is_rejected(tmp_path: Path) -> None:
    samples = np.zeros(1400)
    samples[1200:] = 0.5
    soundfile.write(tmp_path / "a.wav", samples, 1000)
    with pytest.raises(Rejection, match=r"^silent$"):
        load_clips(tmp_path / "a.wav", 1000, 1000)


def test_the_recipe_gives_the_clips_with_facts_or_the_reason(tmp_path: Path) -> None:
    """The length of a clip counts samples after resampling."""
    recipe = CutTrack(sample_rate=1000, clip_samples=500)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (3000, 2)), 2000)
    result = recipe(tmp_path / "a.wav")
    assert result.rows is not None
    assert (result.rows.shape, result.rows.dtype) == ((3, 500), recipe.template().dtype)
    assert recipe.template().shape == (0, 500)
    assert result.facts == {"seconds": 1.5, "sample_rate": 2000, "channels": 2, "marks": []}
    rejected = recipe(tmp_path)
    assert (rejected.facts, rejected.rows) == ({"rejected": "a folder, not a file"}, None)


def test_a_worker_with_another_decoder_is_refused(tmp_path: Path) -> None:
    recipe = replace(CutTrack(1000, 500), decoder="libsndfile 0.1")
    with pytest.raises(PipelineError, match=r"a worker decodes with libsndfile .* instead of lib"):
        recipe(tmp_path / "a.wav")
