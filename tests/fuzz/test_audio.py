"""Damaged audio files: each is a used track, or a rejected one with its reason."""

import io
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fuzz.damage import EDITS, Edit, cases, damaged
from fuzz.fair import MEMORY, Bench
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.decode import CutTrack
from pipeline.audio.readers import FFMPEG_EXTENSIONS, SNDFILE_EXTENSIONS, ffmpeg_version
from pipeline.dataset.tracks import OK, REJECTED, TRUNCATED, status_of

RATE, CLIP = 8000, 4000
LONGEST_REASON = 200  # characters
# ffmpeg's names of what goes into a file; it writes no .ape.
MUXERS = {".m4a": "ipod", ".aac": "adts", ".wma": "asf", ".mka": "matroska"}
CODECS = {".mka": "flac", ".mp4": "aac"}
HOURS = 3

Tried = tuple[str, tuple[int, ...]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


@cache
def sound() -> Any:
    """A second of noise in stereo, shape (RATE, 2)."""
    return np.random.default_rng(0).normal(0, 0.1, (RATE, 2))


@cache
def written(name: str, subtype: str) -> bytes:
    """The sound as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, sound(), RATE, subtype=subtype, format=name)
    return file.getvalue()


def encodings() -> Iterator[tuple[str, str]]:
    """Formats that are read, in every encoding that libsndfile writes in stereo."""
    for name in ("WAV", "WAVEX", "AU", "AIFF", "FLAC", "OGG", "MP3"):
        for subtype in soundfile.available_subtypes(name):
            with suppress(soundfile.LibsndfileError):
                written(name, subtype)
                yield name, subtype


ENCODINGS = list(encodings())


@cache
def converted(suffix: str) -> bytes:
    """The sound as ffmpeg writes it."""
    muxer = MUXERS.get(suffix, suffix[1:])
    codec = ["-c:a", CODECS[suffix]] if suffix in CODECS else []
    seekable = ["-movflags", "empty_moov"] if muxer in ("ipod", "mp4") else []
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", *codec, *seekable, "-f", muxer, "pipe:1"],
        input=written("WAV", "PCM_16"),
        capture_output=True,
        check=True,
    )
    return done.stdout


def try_file(path: Path) -> Tried:
    """The status of a file, and the shape of its clips; both are the same a second time."""
    cut = CutTrack(RATE, CLIP)
    first, second = cut(path), cut(path)
    assert first.facts == second.facts
    if first.rows is None or second.rows is None:
        assert first.rows is second.rows
        return status_of(first.facts), ()
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.rows.dtype == np.int16
    assert first.facts["seconds"] > 0
    return status_of(first.facts), first.rows.shape


def require_fair(tried: Tried) -> None:
    status, shape = tried
    if shape:
        assert status in (OK, TRUNCATED)
        assert shape[0] > 0
        assert shape[1] == CLIP
    else:
        assert status.startswith(f"{REJECTED}: ")
        assert status.isprintable()
        assert len(f"{REJECTED}: ") < len(status) < LONGEST_REASON


@pytest.mark.parametrize("encoding", ENCODINGS, ids="-".join)
def test_whole_files_are_used(bench: Bench, folder: Path, encoding: tuple[str, str]) -> None:
    path = folder / "whole.wav"
    path.write_bytes(written(*encoding))
    assert bench.try_call(try_file, path).value == (OK, (2, CLIP))


@given(
    suffix=st.sampled_from(sorted(SNDFILE_EXTENSIONS)),
    encoding=st.sampled_from(ENCODINGS),
    edits=EDITS,
)
@cases(200)
def test_damaged_files(
    bench: Bench, folder: Path, suffix: str, encoding: tuple[str, str], edits: list[Edit]
) -> None:
    """Under the right name or another."""
    path = folder / f"damaged{suffix}"
    path.write_bytes(damaged(written(*encoding), edits))
    require_fair(bench.try_call(try_file, path).value)


@pytest.mark.skipif(not ffmpeg_version(), reason="ffmpeg is not on the PATH")
@given(
    suffix=st.sampled_from(sorted(FFMPEG_EXTENSIONS)),
    source=st.sampled_from(sorted(FFMPEG_EXTENSIONS - {".ape"})),
    edits=EDITS,
)
@cases(8)
def test_damaged_files_for_ffmpeg(
    bench: Bench, folder: Path, suffix: str, source: str, edits: list[Edit]
) -> None:
    path = folder / f"damaged{suffix}"
    path.write_bytes(damaged(converted(source), edits))
    require_fair(bench.try_call(try_file, path).value)


def count_clips(path: Path) -> int:
    rows = CutTrack(RATE, CLIP)(path).rows
    assert rows is not None
    return len(rows)


def test_hours_are_held_once(bench: Bench, folder: Path) -> None:
    """As PCM, of two bytes for each sample."""
    path = folder / "long.wav"
    second = np.random.default_rng(0).integers(-9000, 9000, 4000, np.int16)
    with soundfile.SoundFile(path, "w", 4000, 1, "PCM_U8") as file:
        for _ in range(60 * HOURS):
            file.write(np.tile(second, 60))
    pcm = 2 * 3600 * HOURS * RATE
    end = bench.try_call(count_clips, path, memory=pcm + MEMORY // 2)
    assert end.value == 3600 * HOURS * RATE // CLIP
