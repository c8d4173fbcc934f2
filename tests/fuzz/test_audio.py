"""Damaged audio files: each is a used track, or a rejected one with its reason."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from encoders import COMPRESSED, encoded, written
from fuzz.damage import EDITS, Edit, cases, damaged
from fuzz.fair import MEMORY, Bench
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.clips import EXTENSIONS
from pipeline.audio.decode import MARKS, CutTrack
from pipeline.dataset.tracks import OK, REJECTED, status_of

RATE, CLIP = 8000, 4000
LONGEST_REASON = 200  # characters
HOURS = 3

Tried = tuple[str, tuple[int, ...]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


SOUND = np.random.default_rng(0).normal(0, 0.1, (RATE, 2))


@cache
def content(kind: str, subtype: str = "") -> bytes:
    """A second of noise in stereo, as libsndfile writes it, or FFmpeg, of a suffix."""
    if subtype:
        return written(SOUND, RATE, kind, subtype=subtype)
    return encoded(np.repeat(SOUND, 2, axis=0), 2 * RATE, kind)  # MPEG has no layer II of 8 kHz


def encodings() -> Iterator[tuple[str, ...]]:
    """Formats that are read, in every encoding that libsndfile and FFmpeg write in stereo."""
    for kind in ("WAV", "WAVEX", "W64", "CAF", "AU", "AIFF", "FLAC", "OGG", "MP3"):
        for subtype in soundfile.available_subtypes(kind):
            with suppress(soundfile.LibsndfileError):
                content(kind, subtype)
                yield kind, subtype
    yield from ((suffix,) for suffix in COMPRESSED)


ENCODINGS = list(encodings())


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
        assert all(part.startswith((OK, *MARKS)) for part in status.split("; "))
        assert shape[0] > 0
        assert shape[1] == CLIP
    else:
        assert status.startswith(f"{REJECTED}: ")
        assert status.isprintable()
        assert len(f"{REJECTED}: ") < len(status) < LONGEST_REASON


@pytest.mark.parametrize("encoding", ENCODINGS, ids="-".join)
def test_whole_files_are_used(bench: Bench, folder: Path, encoding: tuple[str, ...]) -> None:
    path = folder / "whole.wav"
    path.write_bytes(content(*encoding))
    status, (clips, samples) = bench.try_call(try_file, path).value
    assert (status, samples) == (OK, CLIP)
    assert clips in (2, 3)  # some codecs pad


@given(
    suffix=st.sampled_from(sorted(EXTENSIONS)),
    encoding=st.sampled_from(ENCODINGS),
    edits=EDITS,
)
@cases(200)
def test_damaged_files(
    bench: Bench, folder: Path, suffix: str, encoding: tuple[str, ...], edits: list[Edit]
) -> None:
    """Under the right name or another."""
    path = folder / f"damaged{suffix}"
    path.write_bytes(damaged(content(*encoding), edits))
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
