"""`from pipeline import Classifier`: files and samples alike, from any working directory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers import SAMPLE_RATE, describe, save_untrained, saves_models, tone
from project import ROOT

import pipeline
from pipeline import Classifier
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.types import Array

pytestmark = saves_models
STORE = {
    "name": "centroid",
    "sample_rate": SAMPLE_RATE,
    "seconds": 1,
    "params": {"n_fft": 256, "hop_length": 400},
}
STEREO = np.stack([tone(300, 1).ravel(), tone(900, 2).ravel()], axis=1) / 32768


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of two models with random weights."""
    for fold in (0, 1):
        save_untrained(tmp_path / "models", describe(fold, store=STORE))
    return tmp_path / "models"


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 5000])
@pytest.mark.parametrize("samples", [STEREO, STEREO[:, 0].astype(np.float32)], ids=["2", "1"])
def test_samples_are_predicted_as_their_file_is(
    samples: Array, rate: int, models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    classifier = Classifier.load(models)
    by_file, by_samples = classifier.predict(str(path)), classifier.predict(samples, rate)
    np.testing.assert_array_equal(by_samples.clips, by_file.clips)
    assert by_samples.seconds == by_file.seconds == len(samples) / rate
    assert by_file.starts.tolist() == [0.0, 1.0]


def test_a_prediction_names_the_genre_of_the_highest_mean(models: Path) -> None:
    prediction = Classifier.load(models).predict(STEREO, SAMPLE_RATE)
    parts = [Classifier.load(models / f"fold-{fold}.keras") for fold in (0, 1)]
    clips = np.mean([each.predict(STEREO, SAMPLE_RATE).clips for each in parts], axis=0)
    np.testing.assert_allclose(prediction.clips, clips, rtol=1e-6)
    chances = clips.mean(axis=0)
    assert prediction.probabilities == pytest.approx(dict(zip(["high", "low"], chances)))  # noqa: B905
    assert prediction.genre == ["high", "low"][chances.argmax()]
    with pytest.raises(AttributeError, match="cannot assign"):
        prediction.seconds = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (STEREO, None, r"rate in Hz: predict\(samples, sample_rate\)"),
        (STEREO.T, SAMPLE_RATE, r"shape \(2, 8000\): should be samples"),
        (tone(300, 1).ravel(), SAMPLE_RATE, r"^an array of int16"),
        (STEREO[np.newaxis], SAMPLE_RATE, r"\(n,\) or \(n, channels\)$"),
        (np.zeros(SAMPLE_RATE), SAMPLE_RATE, r"^silent$"),
        (np.zeros(0), SAMPLE_RATE, r"^no samples$"),
    ],
)
def test_what_is_no_sound_is_refused(samples: Any, rate: Any, reason: str, models: Path) -> None:
    with pytest.raises((PipelineError, Rejection), match=reason):
        Classifier.load(models).predict(samples, rate)


def test_only_the_public_names_are_handed_out_and_none_is_loaded_before_it_is_asked_for(
    models: Path, tmp_path: Path
) -> None:
    """As in a notebook that has the repository on its path, and lies elsewhere."""
    program = (
        "import sys, pipeline; assert not {'numpy', 'keras'} & set(sys.modules)\n"
        "from pipeline import *\n"
        f"assert Classifier.load({str(models)!r}).genres == ['high', 'low']\n"
        "assert load_features.__doc__ and Classifier.predict.__doc__"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        pipeline.Clasifier  # noqa: B018
