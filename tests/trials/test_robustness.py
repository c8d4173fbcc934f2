"""What each deformation does to a sound: against its definition, or measured in the sound."""

from typing import Any

import numpy as np
import pytest
from signals import SAMPLE_RATE, SIGNALS, music, quantised

from pipeline.augmentation.sounds import PitchShift, TimeStretch
from pipeline.base.types import Array
from pipeline.evaluation.predictions import predictions_of
from pipeline.trials.robustness import (
    CODECS,
    DEFORMATIONS,
    OCTAVES,
    deform,
    draw_tracks,
    encode,
    ways_of,
)

CLIPS = quantised(music(3, 4.0)).reshape(4, SAMPLE_RATE)
EVERY = ways_of(list(DEFORMATIONS))


def deformed(name: str, strength: Any, clips: Array = CLIPS, rate: int = SAMPLE_RATE) -> Array:
    return deform(clips, (name, strength), rate, 7, "jazz/a")


def tone(hertz: float) -> Array:
    """A second of a sine that begins and ends softly."""
    wave = np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    return (0.5 * np.hanning(SAMPLE_RATE) * wave).astype(np.float32)[np.newaxis]


def power_db(sound: Array) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound.astype(float)))))


@pytest.mark.parametrize("way", EVERY, ids=str)
def test_a_clip_follows_from_seed_track_clip_and_way(way: tuple[str, Any]) -> None:
    name, strength = way
    found = deformed(name, strength)
    assert found.shape == CLIPS.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, deformed(name, strength))
    if not DEFORMATIONS[name].whole:  # whatever clips are beside it
        np.testing.assert_array_equal(found[:2], deformed(name, strength, CLIPS[:2]))
    drawn = name in ("noise", "equaliser")
    for other in ((8, "jazz/a"), (7, "jazz/b")):
        same = np.array_equal(found, deform(CLIPS, way, SAMPLE_RATE, *other))
        assert same != drawn
    twins = deformed(name, strength, np.stack([CLIPS[0]] * 2))
    assert np.array_equal(*twins) != (drawn or name in CODECS)
    silence = deformed(name, strength, np.zeros((2, SAMPLE_RATE), np.float32))
    assert np.abs(silence).max() < 1e-3


@pytest.mark.parametrize("strength", DEFORMATIONS["noise"].strengths)
def test_noise_has_its_ratio(strength: float) -> None:
    for clip, noisy in zip(CLIPS, deformed("noise", strength), strict=True):
        assert power_db(clip) - power_db(noisy - clip) == pytest.approx(strength, abs=0.1)


def test_gain_keeps_what_is_beyond_full_scale_and_clipping_keeps_the_level() -> None:
    np.testing.assert_allclose(deformed("gain", 20), 10 * CLIPS, rtol=1e-6)
    assert np.abs(deformed("gain", 20)).max() > 1
    driven = CLIPS * (10 / np.abs(CLIPS).max(axis=1, keepdims=True))
    level = np.abs(CLIPS).max(axis=1, keepdims=True) / 10
    np.testing.assert_allclose(deformed("clipping", 20), level * driven.clip(-1, 1), rtol=1e-5)


@pytest.mark.parametrize(
    "way", [way for way in EVERY if way[0] in ("low_pass", "band_pass")], ids=str
)
def test_filters_take_away_what_is_outside_their_band(way: tuple[str, Any]) -> None:
    """In dB, of tones far outside, at the edge and far inside."""
    for edge, octaves in zip(way[1], (1, -1), strict=True):
        places = [2.0**-octaves, 1, 2.0**octaves] if edge else []
        if edge == 8:
            places[0] = 1.3  # below half the sample rate
        tones = [tone(1000 * edge * place) for place in places]
        lost = [power_db(each) - power_db(deformed(*way, each)) for each in tones]
        assert lost[1:] == ([pytest.approx(6, abs=0.3), pytest.approx(0, abs=0.1)] if edge else [])
        assert min(lost, default=0) > -0.1
        assert max(lost, default=30) >= 30


def test_an_edge_that_the_sound_does_not_reach_has_no_effect() -> None:
    np.testing.assert_array_equal(deformed("low_pass", (0, 8), CLIPS, 16_000), CLIPS)


def test_the_equaliser_has_a_gain_for_each_octave() -> None:
    gains = [
        power_db(deformed("equaliser", 6, tone(hertz))) - power_db(tone(hertz)) for hertz in OCTAVES
    ]
    assert max(map(abs, gains)) <= 6
    assert np.ptp(gains) > 3
    halfway = tone(np.sqrt(OCTAVES[3] * OCTAVES[4]))
    change = power_db(deformed("equaliser", 6, halfway)) - power_db(halfway)
    assert change == pytest.approx((gains[3] + gains[4]) / 2, abs=0.1)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 16_000, 44_100])
@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_keeps_time_and_loses_more_at_lower_rates(codec: str, rate: int) -> None:
    """The lag is where the correlation with the clean sound is highest."""
    errors = []
    clean = CLIPS.ravel()
    for strength in DEFORMATIONS[codec].strengths:
        back = deformed(codec, strength, CLIPS, rate).ravel()
        spectra = np.fft.rfft(back), np.fft.rfft(clean)
        assert np.abs(np.fft.irfft(spectra[0] * spectra[1].conj())).argmax() == 0
        errors.append(power_db(back - clean))
    assert errors == sorted(errors)
    assert power_db(clean) - 30 < errors[0] < errors[-1] < power_db(clean)


@pytest.mark.parametrize("codec", CODECS)
def test_files_have_about_the_bit_rate_of_their_name(codec: str) -> None:
    rate = CODECS[codec][0]["samplerate"]
    sound = quantised(music(3, 30.0))[: 20 * rate]
    for kbit_per_s in DEFORMATIONS[codec].strengths:
        measured = 8 * len(encode(codec, sound, kbit_per_s)) / 20_000
        assert measured == pytest.approx(kbit_per_s, abs=3)


def test_pitch_and_tempo_are_those_of_the_kinds_of_augmentation() -> None:
    sound = SIGNALS["sine"]
    [higher] = deformed("pitch_shift", 4, sound[np.newaxis])
    np.testing.assert_array_equal(higher, PitchShift.apply(sound, {"semitones": 4}))
    assert np.abs(np.fft.rfft(higher)).argmax() == pytest.approx(440.7 * 2 ** (4 / 12), rel=0.01)
    [slower] = deformed("time_stretch", 0.8, CLIPS[:1])
    np.testing.assert_array_equal(slower, TimeStretch.apply(CLIPS[0], {"rate": 0.8}))


def test_clips_that_start_later_end_in_the_next_one() -> None:
    found = deformed("start", 0.25)
    later = round(0.25 * SAMPLE_RATE)
    np.testing.assert_array_equal(found[0], CLIPS.ravel()[later : later + SAMPLE_RATE])
    np.testing.assert_array_equal(found[-1], np.concatenate([CLIPS[-1, later:], CLIPS[0, :later]]))


def test_drawn_tracks_have_the_same_share_of_each_genre() -> None:
    ids = np.array([f"t{number:02}" for number in range(40)]).repeat(2)
    actual = np.array([0] * 20 + [1] * 60)
    clips = predictions_of(["a", "b"], ids, np.eye(2)[actual], folds=actual, actual=actual)
    drawn = draw_tracks(clips, 8, 1)
    assert drawn == sorted(set(drawn)) == draw_tracks(clips, 8, 1) != draw_tracks(clips, 8, 2)
    assert [sum(name < "t10" for name in drawn), len(drawn)] == [2, 8]
    assert draw_tracks(clips, None, 1) == draw_tracks(clips, 99, 1) == sorted(set(ids.tolist()))
