"""`from pipeline import Classifier`: for files and samples, and as a file for other programs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers import (
    FRAMES,
    SAMPLE_RATE,
    describe,
    save_untrained,
    saves_models,
    small_experiment,
    tone,
)
from project import ROOT

import pipeline
from pipeline import Classifier
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.types import Array
from pipeline.prediction import classifier as exporting
from pipeline.prediction.classifier import recipe_of
from pipeline.training.fit import assemble

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


MEL: dict[str, Any] = {
    "n_fft": 256,
    "hop_length": 400,
    "n_mels": 16,
    "fmin": 0.0,
    "fmax": 2000.0,
    "top_db": 60.0,
    "channels": 1,
    "colour_map": "viridis",
}
# From loud to nearly silent, and silence.
CLIPS = np.concatenate([*(tone(1900 / n, n) // n**3 for n in range(1, 12)), tone(1, 1) * 0])


def of_mel(**changes: Any) -> tuple[Classifier, Array]:
    """A classifier of random weights, and the rows of CLIPS."""
    params = {**MEL, **changes}
    store = {**STORE, "name": "mel", "params": params}
    parts = [describe(fold, feature="mel", store=store) for fold in (0, 1)]
    shape, network = (16, FRAMES, params["channels"]), small_experiment().network
    models = [
        (assemble(shape, each, network, -50.0 * each.fold, 400.0, "float32"), each)
        for each in parts
    ]
    return Classifier(models), np.asarray(recipe_of(parts[0])[0](CLIPS).rows)


@pytest.mark.parametrize("sound", [False, True], ids=["features", "sound"])
@pytest.mark.parametrize("name", ["model.onnx", "model.tflite", "saved"])
def test_a_file_for_other_programs_gives_the_probabilities_of_the_models(
    name: str, sound: bool, tmp_path: Path
) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("tf2onnx")
    classifier, rows = of_mel()
    path = tmp_path / "new" / name
    assert classifier.export(path, CLIPS if sound else rows, sound=sound) < 1e-5
    assert [each.name for each in path.parent.iterdir()] == [name]
    if name == "saved" and sound:
        import tensorflow as tf

        run = tf.saved_model.load(str(path)).signatures["serving_default"]
        samples = (CLIPS / 32768).astype(np.float32)
        found = run(samples=tf.constant(samples))["probabilities"].numpy()
        expected = classifier.predict(samples.ravel(), SAMPLE_RATE).clips
        assert np.ptp(expected, axis=0).min() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_file_that_differs_from_the_models_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "hann", lambda n_fft: np.ones(n_fft, np.float32))
    with pytest.raises(PipelineError, match=r"saved would differ .* by up to \d\.\de-0[1-4] in a"):
        of_mel()[0].export(tmp_path / "saved", CLIPS, sound=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("model.pb", {}, r"should end in \.onnx or \.tflite, or be a new folder$"),
        (".", {}, "is a folder that has something in it; name a new one$"),
        ("m.onnx", {}, r"m\.onnx needs onnxruntime: pip install .* '\.\[export\]'$"),
        ("m", {"channels": 3}, "can take sound for the feature mel in dB alone$"),
        ("m.tflite", {"n_fft": 250}, "where n_fft is a power of two alone$"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    name: str, changes: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.setattr(exporting, "find_spec", lambda _: None)
    with pytest.raises(PipelineError, match=reason):
        of_mel(**changes)[0].export(tmp_path / name, CLIPS, sound=True)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
