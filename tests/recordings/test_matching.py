"""Matching, beside a slow matcher: the replicas that are found, and what is not a replica."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import music

from pipeline.audio.clips import to_pcm
from pipeline.audio.decode import load_clips
from pipeline.recordings import matching
from pipeline.recordings.fingerprint import FRAMES_PER_SECOND, MUTE, Fingerprint, fingerprint
from pipeline.recordings.matching import LEAST_AGREEMENT, LEAST_OVERLAP, common_values, find_matches

RATE = 22_050


@pytest.fixture(scope="module")
def tracks() -> list[Any]:
    return [music(number) for number in range(14)]


@pytest.fixture(scope="module")
def fingerprints(tracks: list[Any]) -> list[Fingerprint]:
    return [fingerprint(to_pcm(samples), RATE) for samples in tracks]


def one_by_one(fingerprints: list[Fingerprint]) -> list[tuple[int, int, float, int, int]]:
    """Compare every pair bit by bit, at every offset at which a value is common."""
    lists = [values.tolist() for values in fingerprints]
    found = []
    for second in range(len(lists)):
        for first in range(second):
            fits = [
                (frames * (agreement - 0.5), -abs(offset), offset, agreement, frames)
                for offset in range(-len(lists[second]), len(lists[first]))
                for agreement, frames, common in [overlay(lists[first], lists[second], offset)]
                if common and frames >= LEAST_OVERLAP and agreement >= LEAST_AGREEMENT
            ]
            if fits:
                _, _, offset, agreement, frames = max(fits)
                found.append((first, second, agreement, frames, offset))
    return sorted(found)


def overlay(first: list[int], second: list[int], offset: int) -> tuple[float, int, bool]:
    pairs = [
        (value, second[n - offset])
        for n, value in enumerate(first)
        if 0 <= n - offset < len(second) and MUTE not in (value, second[n - offset])
    ]
    errors = sum((a ^ b).bit_count() for a, b in pairs)
    agreement = 1 - errors / (32 * len(pairs)) if pairs else 0.0
    return agreement, len(pairs), any(a == b for a, b in pairs)


def excerpts(seed: int) -> list[Fingerprint]:
    """Five excerpts of two recordings, with wrong bits, gaps and repetitions."""
    rng = np.random.default_rng(seed)
    recordings = rng.integers(0, 2**32, (2, 240), np.uint32)
    recordings[1, 120:] = recordings[1, :120]
    out = []
    for _ in range(5):
        start, stop = rng.integers(0, 60), rng.integers(200, 241)
        values = recordings[rng.integers(2), start:stop].copy()
        wrong = rng.random((len(values), 32)) < rng.choice([0.0, 0.1, 0.2])
        values ^= np.packbits(wrong, axis=1).view(np.uint32)[:, 0]
        values[rng.random(len(values)) < rng.choice([0.0, 0.2])] = MUTE
        out.append(values)
    return out


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_a_slow_matcher_finds_the_same(seed: int) -> None:
    prints = excerpts(seed)
    found = find_matches(prints)
    assert [(m.first, m.second, m.agreement, m.frames, m.offset) for m in found] == one_by_one(
        prints
    )


@pytest.mark.parametrize("part", [20, 1000])
def test_sorting_in_parts_gives_the_same(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [values for seed in range(3, 6) for values in excerpts(seed)]
    at_once = find_matches(prints)
    monkeypatch.setattr(matching, "PART", part)
    assert find_matches(prints) == at_once
    assert 0 < len(at_once) < 100  # some excerpts match, and some do not


def test_different_tracks_do_not_match(fingerprints: list[Fingerprint]) -> None:
    assert find_matches(fingerprints) == []


def noise(samples: Any) -> Any:
    level = np.sqrt(np.mean(samples**2) / 10)
    return samples + np.random.default_rng(0).normal(0, level, len(samples))


CHANGES: dict[str, tuple[Callable[[Any], Any], float]] = {
    "softer": (lambda samples: samples / 4, 0),
    "louder, clipped": (lambda samples: samples * 2, 0),
    "other polarity": (lambda samples: -samples, 0),
    "cut by 2 s": (lambda samples: samples[2 * RATE :], 2),
    "later by 0.333 s": (lambda samples: np.pad(samples, (7343, 0)), -0.333),
    "noise at 10 dB": (noise, 0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_track_matches_its_own(
    name: str, tracks: list[Any], fingerprints: list[Fingerprint]
) -> None:
    change, seconds = CHANGES[name]
    changed = fingerprint(to_pcm(change(tracks[7])), RATE)
    (match,) = find_matches([*fingerprints, changed])
    assert (match.first, match.second) == (7, len(fingerprints))
    assert match.offset == pytest.approx(seconds * FRAMES_PER_SECOND, abs=1)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_a_compressed_track_matches_its_own(
    suffix: str, tracks: list[Any], fingerprints: list[Fingerprint], tmp_path: Path
) -> None:
    path = tmp_path / f"track{suffix}"
    if suffix[1:].upper() not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {suffix}")
    soundfile.write(path, tracks[3], RATE, compression_level=0.8)
    compressed = load_clips(path, RATE, RATE).pcm.reshape(-1)
    (match,) = find_matches([*fingerprints, fingerprint(compressed, RATE)])
    assert (match.first, match.second) == (3, len(fingerprints))
    assert abs(match.offset) <= 0.06 * FRAMES_PER_SECOND  # an encoder's delay


def test_an_overlap_below_two_seconds_is_no_match() -> None:
    values = np.random.default_rng(0).integers(1, 2**32, 2 * LEAST_OVERLAP, np.uint32)
    longest = values[: LEAST_OVERLAP + 10]
    assert [m.frames for m in find_matches([longest, values[10:]])] == [LEAST_OVERLAP]
    assert find_matches([longest, values[11:]]) == []


def test_of_equally_good_offsets_the_smallest_is_taken() -> None:
    loop = np.random.default_rng(0).integers(1, 2**32, 200, np.uint32)
    shifted = np.roll(loop, -50)
    for prints, offset in (([np.tile(loop, 4), shifted], 50), ([shifted, np.tile(loop, 4)], -50)):
        (match,) = find_matches(prints)
        assert (match.agreement, match.frames, match.offset) == (1, 200, offset)


def test_silence_makes_no_replicas_of_different_tracks(tracks: list[Any]) -> None:
    """Nor do steady tones match anything; they are mute, see test_fingerprint.py."""
    quiet = [np.pad(samples, (0, 20 * RATE)) for samples in tracks[:3]]
    quiet += [np.zeros(6 * RATE)] * 2
    quiet += [np.roll(click, 9000 * n) for n, click in enumerate(0.5 * np.eye(4, 6 * RATE))]
    assert find_matches([fingerprint(to_pcm(samples), RATE) for samples in quiet]) == []


def test_a_frequent_value_costs_a_bounded_number_of_comparisons() -> None:
    prints = [np.array([7], np.uint32)] * 1000
    assert len(list(common_values(prints))) < 1000 * matching.MOST_EQUAL


@pytest.mark.parametrize("none", [[], [np.empty(0, np.uint32)] * 3, [np.full(500, MUTE)] * 3])
def test_without_anything_to_compare_nothing_is_found(none: list[Any]) -> None:
    prints = [values.astype(np.uint32) for values in none]
    assert find_matches(prints) == []
    assert list(common_values(prints)) == []
