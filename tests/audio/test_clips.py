"""Clips of a file: their length after resampling, and files that give none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.decode import CutTrack, load_clips
from pipeline.base.errors import PipelineError, Rejection


def test_a_file_of_the_same_rate_is_cut_sample_by_sample(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-20_000, 20_000, 2500, np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 1000)
    track = load_clips(tmp_path / "a.wav", 1000, 1000)
    assert track.sound.seconds == 2.5
    padded = np.concatenate([pcm, np.zeros(500, np.int16)])
    np.testing.assert_array_equal(track.pcm, padded.reshape(3, 1000))


def test_the_clip_length_counts_samples_after_resampling(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 24_000), 8000)
    assert load_clips(tmp_path / "a.wav", 16_000, 16_000).pcm.shape == (3, 16_000)


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
    recipe = CutTrack(sample_rate=1000, clip_samples=500)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (3000, 2)), 2000)
    result = recipe(tmp_path / "a.wav")
    assert result.rows is not None
    assert (result.rows.shape, result.rows.dtype) == ((3, 500), recipe.template().dtype)
    assert recipe.template().shape == (0, 500)
    assert result.facts == {
        "seconds": 1.5,
        "sample_rate": 2000,
        "channels": 2,
        "truncated": False,
    }
    rejected = recipe(tmp_path)
    assert (rejected.facts, rejected.rows) == ({"rejected": "a folder, not a file"}, None)


def test_a_worker_with_another_decoder_is_refused(tmp_path: Path) -> None:
    recipe = replace(CutTrack(1000, 500), decoder="libsndfile 0.1")
    with pytest.raises(PipelineError, match=r"a worker decodes with libsndfile .* instead of lib"):
        recipe(tmp_path / "a.wav")
