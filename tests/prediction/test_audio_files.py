"""Predictions for files and for a store, as tables and along the time, by models of one line."""

import math
import weakref
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from helpers import FRAMES, SAMPLE_RATE, describe, small_document, tone

from pipeline.audio.clips import from_pcm
from pipeline.audio.decode import load_clips
from pipeline.base.errors import PipelineError
from pipeline.base.files import read_csv
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.features.shared.feature import read_feature
from pipeline.prediction.audio_files import (
    VERDICT_COLUMNS,
    Row,
    format_table,
    open_outputs,
    predict_files,
    predict_store,
    verdict,
)
from pipeline.prediction.classifier import Classifier, Prediction
from pipeline.prediction.ensemble import predict_clips
from pipeline.store.store import write_store
from pipeline.training.trained import PREDICT_ROWS

CENTROID = read_feature("centroid", small_document())
PARAMS = {"n_fft": 256, "hop_length": 400}
STORE = {"name": "centroid", "unit": "Hz", "sample_rate": SAMPLE_RATE, "seconds": 1}
DESCRIPTION = describe(store={**STORE, "params": PARAMS})
GENRES = DESCRIPTION.genres
HIGH, LOW = [0.75, 0.25], [0.125, 0.875]


def judge(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Probability of `high`, which rises with the centroid, and of `low`."""
    high = 1 / (1 + np.exp((700 - rows.mean(axis=1)) / 100))
    return np.stack([high, 1 - high], axis=1).astype(np.float32)


MODELS = [(judge, DESCRIPTION)]


def write_song(path: Path, pitch: float, clips: float, rate: int = SAMPLE_RATE) -> Path:
    """A tone of so many clips of a second, which need not be whole ones."""
    samples = tone(pitch, int(pitch), math.ceil(clips * rate / SAMPLE_RATE)).ravel()
    soundfile.write(path, samples[: round(clips * rate)], rate, subtype="PCM_16")
    return path


def test_models_have_the_same_weight() -> None:
    def constant(chances: list[float]) -> Any:
        return lambda rows: np.tile(np.array(chances, np.float32), (len(rows), 1))

    pairs = [(constant(chances), describe()) for chances in ([1.0, 0.0], [0.4, 0.6], [0.1, 0.9])]
    chances = predict_clips(pairs, np.zeros((4, FRAMES), np.float16))
    np.testing.assert_allclose(chances, [[0.5, 0.5]] * 4)


def test_a_file_is_predicted_as_the_stages_do(tmp_path: Path) -> None:
    """The same track goes through segment, extract and the store."""
    path = tmp_path / "stereo.wav"
    samples = np.stack([tone(300, 1).ravel(), tone(700, 2).ravel()], axis=1)
    soundfile.write(path, samples, 5000, subtype="PCM_16")  # to be mixed and resampled
    pcm = load_clips(path, SAMPLE_RATE, SAMPLE_RATE).pcm
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": 1}
    write_store(tmp_path / "clips", description, {"unlabelled/stereo": pcm})
    extract(tmp_path / "clips", "centroid", CENTROID, tmp_path / "centroid")
    [(name, chances)] = predict_store(MODELS, tmp_path / "centroid", ["unlabelled/stereo"])
    assert name == "unlabelled/stereo"
    prediction = Classifier(MODELS).predict(path)
    np.testing.assert_array_equal(prediction.clips, chances)
    assert prediction.seconds == 8000 / 5000


def test_settings_come_from_the_models(tmp_path: Path) -> None:
    """They have another sample rate and transform, and there is no params.yaml."""
    params = {"n_fft": 512, "hop_length": 800}
    store = {"name": "centroid", "sample_rate": 8000, "seconds": 1, "params": params}
    path = write_song(tmp_path / "eight.wav", 300, 2, 8000)
    pcm = load_clips(path, 8000, 8000).pcm
    expected = judge(Centroid(**params)(from_pcm(pcm), 8000).astype(np.float32))
    prediction = Classifier([(judge, describe(store=store))]).predict(path)
    np.testing.assert_array_equal(prediction.clips, expected)


def test_a_long_file_is_predicted_as_if_it_were_whole(tmp_path: Path) -> None:
    path = write_song(tmp_path / "a.wav", 700, 2 * PREDICT_ROWS + 3)
    pcm = load_clips(path, SAMPLE_RATE, SAMPLE_RATE).pcm
    expected = predict_clips(MODELS, CENTROID(from_pcm(pcm), SAMPLE_RATE))
    np.testing.assert_array_equal(Classifier(MODELS).predict(path).clips, expected)


def test_a_store_of_other_features_is_refused(tmp_path: Path) -> None:
    rows = np.zeros((1, FRAMES), np.float16)
    write_store(tmp_path / "centroid", {"name": "centroid"}, {"unlabelled/a": rows})
    with pytest.raises(PipelineError, match=r"models were not trained on .*centroid; run `dvc"):
        list(predict_store(MODELS, tmp_path / "centroid", ["unlabelled/a"]))


def test_a_table_alone_keeps_no_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do labels and times: while a file is read, those before the last one are gone."""
    paths = [write_song(tmp_path / f"{number}.wav", 300, 1) for number in range(5)]
    alive: list[weakref.ref[Prediction]] = []

    predict_sound = Classifier.predict

    def watched(classifier: Classifier, path: Path) -> Prediction:
        assert [reference() for reference in alive[:-1]] == [None] * len(alive[:-1])
        prediction = predict_sound(classifier, path)
        alive.append(weakref.ref(prediction))
        return prediction

    monkeypatch.setattr(Classifier, "predict", watched)
    table, times, labels = (tmp_path / name for name in ("t.csv", "o.csv", "l.txt"))
    opened = open_outputs(DESCRIPTION, csv=table, over_time=times, labels=labels)
    with opened as (outputs, _):
        rows, errors = predict_files(Classifier(MODELS), paths, outputs)
    assert (len(rows), len(alive), errors) == (5, 5, [])
    assert set(rows[0]) == {"file", *VERDICT_COLUMNS}


def test_a_verdict_names_the_two_most_likely_genres() -> None:
    assert verdict(["a", "b", "c"], np.array([0.2, 0.5, 0.3])) == {
        "genre": "b",
        "probability": "0.5000",
        "runner_up": "c",
        "runner_up_probability": "0.3000",
        "p_a": "0.2000",
        "p_b": "0.5000",
        "p_c": "0.3000",
    }


def test_a_table_is_aligned() -> None:
    names = ["file", *VERDICT_COLUMNS]
    rows = [
        dict(zip(names, ("a.wav", "hiphop", "0.9000", "pop", "0.0500"), strict=True)),
        dict(zip(names, ("a longer name.wav", "pop", "0.9000", "classical", "0.0"), strict=True)),
    ]
    lines = format_table(rows).splitlines()
    assert len(lines) == 3
    for column in VERDICT_COLUMNS:
        start = lines[0].index(f" {column}") + 1
        assert all(line[start - 2 : start] == "  " and line[start] != " " for line in lines[1:])
    assert all(line == line.rstrip() for line in lines)


def along_the_time(folder: Path, predictions: dict[str, Prediction]) -> tuple[list[Row], list[str]]:
    """Rows of --over-time and lines of --labels, of clips of a second."""
    times, labels = folder / "times.csv", folder / "labels.txt"
    named = len(predictions) > 1
    with open_outputs(DESCRIPTION, over_time=times, labels=labels, named=named) as (outputs, _):
        for name, prediction in predictions.items():
            for output in outputs:
                output(Path(name), prediction)
    return read_csv(times), labels.read_text(encoding="utf-8").splitlines()


def test_every_clip_has_its_place_and_its_genre_and_labels_join_equal_ones(tmp_path: Path) -> None:
    song = Prediction(GENRES, np.array([HIGH, HIGH, LOW, HIGH]), 1, 4)
    rows, labels = along_the_time(tmp_path, {"a.mp3": song})
    assert [tuple(row.values()) for row in rows] == [
        ("a.mp3", "0", "1", "high", "0.7500"),
        ("a.mp3", "1", "2", "high", "0.7500"),
        ("a.mp3", "2", "3", "low", "0.8750"),
        ("a.mp3", "3", "4", "high", "0.7500"),
    ]
    assert labels == [
        "0.000000\t2.000000\thigh",
        "2.000000\t3.000000\tlow",
        "3.000000\t4.000000\thigh",
    ]


def test_labels_of_several_files_follow_one_another_and_are_named(tmp_path: Path) -> None:
    chances = ([HIGH, LOW], [LOW, LOW])
    first, second = (Prediction(GENRES, np.array(each), 1, 1.75) for each in chances)
    rows, labels = along_the_time(tmp_path, {"a\tb.mp3": first, "c.mp3": second})
    assert labels == [
        "0.000000\t1.000000\ta?b.mp3: high",  # a tab would begin another column
        "1.000000\t1.750000\ta?b.mp3: low",
        "1.750000\t3.500000\tc.mp3: low",
    ]
    assert [(row["start"], row["end"]) for row in rows] == [("0", "1"), ("1", "1.75")] * 2


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 11_025])
@pytest.mark.parametrize("lengths", [[2.0], [2.4], [2.4, 2.6, 2.0], [2.4] * 20], ids=str)
def test_labels_are_where_the_sound_is(lengths: list[float], rate: int, tmp_path: Path) -> None:
    """The last clip is padded, or the rest is dropped: the file is as long as it is."""
    low = (lambda rows: np.array([LOW] * len(rows), np.float32), DESCRIPTION)
    classifier = Classifier([low])
    songs = {
        f"{number}.wav": classifier.predict(write_song(tmp_path / "a.wav", 300, length, rate))
        for number, length in enumerate(lengths)
    }
    rows, labels = along_the_time(tmp_path, songs)
    for song, length in zip(songs, lengths, strict=True):
        own = [(float(row["start"]), float(row["end"])) for row in rows if row["file"] == song]
        clips = math.floor(length + 0.5)
        assert own[:-1] == [(number, number + 1) for number in range(clips - 1)]
        assert own[-1] == pytest.approx((clips - 1, length), abs=1e-4)
    ends = [float(line.split("\t")[1]) for line in labels]  # one label for each file
    starts = [float(line.split("\t")[0]) for line in labels]
    assert ends == pytest.approx(list(accumulate(lengths)), abs=1e-3)
    assert starts == [0, *ends[:-1]]
