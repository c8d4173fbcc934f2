"""The command: what is beside the exported file, and one model that is trained on all tracks."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from documents import write_params
from helpers import SMALL, run_main, saves_models, small_experiment, train_quickly, write_project
from toys import load

from pipeline import Classifier, export, train
from pipeline.base.errors import PipelineError
from pipeline.base.files import SUMMARY, read_json
from pipeline.training.cross_validation import make_tasks

pytestmark = saves_models


@pytest.fixture
def project(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the project that was trained and evaluated as the working directory."""
    shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    train_quickly(monkeypatch)


@pytest.mark.usefixtures("project")
def test_the_json_beside_a_file_has_what_has_to_be_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_main(export.main, "mine/m.tflite")
    shown = capsys.readouterr().out
    content = read_json(Path("mine/m.tflite.json"))
    assert content["accuracy"].pop("evaluate.vote") == "mean"
    assert content["accuracy"].pop("split.protocol") == "song"
    assert content["accuracy"] == read_json(SUMMARY)
    assert content["genres"] == ["high", "low"]
    assert (content["shape"], content["takes"]) == ([None, 11], "features")
    assert (content["sample_rate"], content["seconds"]) == (4000, 1)
    assert content["parameters"] == {"n_fft": 256, "hop_length": 400}
    assert "mean of 2 models" in shown
    assert "in 28 clips: " in shown  # of twelve labelled and two unlabelled tracks
    write_params(Path(), {**SMALL, "seed": 1})
    run_main(train.main)  # metrics/ is not evaluated yet
    run_main(export.main, "mine/other.tflite")
    assert read_json(Path("mine/other.tflite.json"))["accuracy"] is None
    assert "the accuracy is not known: " in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_one_model_is_trained_on_all_tracks_once_and_expects_what_the_folds_reached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = Path("data/models/fold-0.keras").read_bytes()
    run_main(export.main, "mine/one.keras", "--all")
    content = read_json(Path("mine/one.keras.json"))
    assert content["made_of"] == "one model of all tracks"
    assert content["accuracy"]["track_accuracy"] == read_json(SUMMARY)["track_accuracy"]
    [(_, description)] = Classifier.load("mine/one.keras").models
    assert description.fold == 2  # one more than there are
    assert sorted(each.name for each in Path("data/models").iterdir()) == [
        "fold-0.keras",
        "fold-1.keras",
    ]
    assert Path("data/models/fold-0.keras").read_bytes() == before
    capsys.readouterr()
    run_main(export.main, "mine/again.keras", "--all")
    assert "fold 2: trained before, taken from the cache" in capsys.readouterr().out
    run_main(export.main, "mine/m.tflite", "--models", "mine/one.keras")
    made_from_one = read_json(Path("mine/m.tflite.json"))
    assert [made_from_one[key] for key in ("made_of", "accuracy")] == [
        content[key] for key in ("made_of", "accuracy")
    ]
    write_params(Path(), {**SMALL, "models.ann.epochs": 3})
    with pytest.raises(PipelineError, match=r"training\.json is of other folds or parameters"):
        run_main(export.main, "mine/other.keras", "--all")
    assert not Path("mine/other.keras").exists()


def test_a_fold_that_tests_nothing_trains_on_all_tracks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    clips = load()
    [task] = make_tasks(small_experiment(), clips.tracks, clips, folds=[2])
    rows = np.sort(np.concatenate([task.train, task.validation]))
    assert rows.tolist() == list(range(len(clips.rows)))
    assert len(task.validation) > 0


@pytest.mark.parametrize("arguments", ["m.keras", "m.keras --all --sound", "--all --models x m"])
def test_options_that_do_not_go_together_are_refused(arguments: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_main(export.main, *arguments.split())
