"""The whole DAG on a tiny dataset in a repository of its own, driven as a user would."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import write_params
from project import PARTS, ROOT, Shell, contents, copy_parts

from pipeline.base.files import read_csv, read_json

AUDIO_STAGES = ["demo", "segment", "extract@grey", "extract@mel", "replicas", "split"]
TINY: dict[str, Any] = {
    "demo": {"tracks_per_genre": 4, "artists_per_genre": 2, "seconds": 2, "unlabelled": 3},
    "segment.seconds": 1,
    "extract.features": ["grey", "mel"],
    "split.folds": 2,
    "models.cnn.epochs": 1,
    "models.cnn.filters": [4, 4, 4],
    "models.linear.epochs": 2,
}
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# Python runs this as it starts: a stage notes which sections of params.yaml it looks up.
SPY = """
import atexit, os, sys
stage = next((word for word in sys.orig_argv if word.startswith("pipeline.")), None)
if stage:
    from pipeline.base import params

    class Noted(dict):
        def __getitem__(self, key):
            looked_up.add(key)
            return super().__getitem__(key)

    def note():
        with open(os.path.join(os.environ["NOTES"], stage), "w") as file:
            file.write(" ".join(looked_up))

    looked_up, read = set(), params.read_document
    params.read_document = lambda *arguments: Noted(read(*arguments))
    atexit.register(note)
"""


class Project(Shell):
    """A copy of the project with a small dataset after its first `dvc repro`, committed."""

    def __init__(self, folder: Path, notes: Path) -> None:
        super().__init__(folder, PYTHONPATH=str(folder), NOTES=str(notes))
        copy_parts([*PARTS, ".dvc/plots", ".dvc/plots.html"], folder)
        write_params(folder, TINY)
        (folder / "sitecustomize.py").write_text(SPY)
        self.notes = notes
        self.run("git", "init", "-q", "-b", "main")
        self.first_output = self.run("dvc", "repro")
        self.run("git", "add", ".")
        self.run("git", "commit", "-qm", "first run")

    def table(self, path: str) -> list[dict[str, str]]:
        """Rows of a CSV file."""
        return read_csv(self.folder / path)

    def written(self) -> dict[str, int]:
        """When each file of the clips and the features was written."""
        folders = (self.folder / "data" / name for name in ("clips", "features"))
        return {str(p): p.stat().st_mtime_ns for each in folders for p in each.rglob("*")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("notes"))


@pytest.fixture
def restored(project: Project) -> Iterator[Project]:
    """The project, which is as it was committed when the test has ended."""
    yield project
    project.run("git", "checkout", ".")
    project.run("dvc", "checkout")


def test_repro_writes_every_output_and_judges_every_track_once(project: Project) -> None:
    predictions = project.table("metrics/predictions.csv")
    assert len({row["track_id"] for row in predictions}) == len(predictions) == 40
    assert {row["fold"] for row in predictions} == {"0", "1"}
    summary = read_json(project.folder / "metrics/summary.json")
    assert (summary["tracks"], summary["clips"]) == (40, 80)
    assert len(project.table("metrics/history.csv")) == 2
    assert len(project.table("data/clip_predictions.csv")) == 80
    models = sorted(path.name for path in (project.folder / "data/models").glob("*.keras"))
    assert models == ["fold-0.keras", "fold-1.keras"]


def test_unlabelled_tracks_are_predicted_and_their_truth_is_apart(project: Project) -> None:
    predicted = {row["track_id"] for row in project.table("data/unlabelled.csv")}
    truth = {row["track_id"] for row in project.table("data/demo_truth.csv")}
    assert predicted == truth
    assert len(truth) == 3
    assert not list((project.folder / "data/demo").rglob("*truth*"))


def test_libraries_say_nothing_of_themselves(project: Project) -> None:
    assert "Running stage 'train'" in project.first_output
    for word in ("WARNING", "Warning", "oneDNN", "absl", "cuda", "I0000", "W0000", "E0000"):
        assert word not in project.first_output


@pytest.mark.parametrize("name", [name for name in STAGES if name != "check"])
def test_a_stage_reads_the_parameters_that_it_declares_and_no_others(
    project: Project, name: str
) -> None:
    declared = {param.split(".")[0] for param in STAGES[name].get("params", [])}
    assert set((project.notes / f"pipeline.{name}").read_text().split()) == declared


def test_second_repro_does_nothing(project: Project) -> None:
    output = project.run("dvc", "repro")
    assert "Running stage" not in output
    assert "up to date" in output


def test_a_file_that_a_user_put_into_the_demo_stays(project: Project) -> None:
    path = project.folder / "data/demo/blues/mine.wav"
    path.write_bytes(b"music")
    before = contents(project.folder / "data")
    output = project.run("dvc", "repro", "demo", status=255)
    assert "error: data/demo/blues/mine.wav is not the demo's own" in output
    assert contents(project.folder / "data") == before
    path.unlink()
    assert "up to date" in project.run("dvc", "status", "demo")


def test_a_file_that_dvc_cannot_hash_is_named_before_it_tries(
    restored: Project, tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    write_params(restored.folder, {**TINY, "dataset.path": str(tmp_path)})
    output = restored.run("dvc", "repro", "segment", status=255)
    assert rf"error: {tmp_path}: caf\xe9.wav (a name that is not UTF-8: rename it)" in output
    assert "Running stage 'segment'" not in output


def test_experiment_with_another_model_and_samples_touches_no_audio_and_no_feature(
    restored: Project,
) -> None:
    before = restored.written()
    settings = ("-S", "model=linear", "-S", "augment.mode=offline")
    output = restored.run("dvc", "exp", "run", *settings, "extract", "train")
    for stage in AUDIO_STAGES:
        assert f"Stage '{stage}' didn't change" in output
        assert f"Running stage '{stage}'" not in output
    assert restored.written() == before
    assert {row["epoch"] for row in restored.table("metrics/history.csv")} == {"1", "2"}
    # While the new models are not evaluated, DVC shows no figures of the old ones.
    assert "track_accuracy" not in restored.run("dvc", "metrics", "show")

    assert "80 new samples in data/augmented" in output
    assert len(restored.table("data/augmented/samples.csv")) == 80
    assert "80 samples made again, all the same" in restored.run("python", "-m", "pipeline.replay")
    samples = contents(restored.folder / "data/augmented")
    again = restored.run("dvc", "repro", "--force", "--single-item", "augment")
    assert "80 new samples in data/augmented" in again
    assert contents(restored.folder / "data/augmented") == samples


@pytest.mark.parametrize("name", ["model", "feature"])
def test_a_wrong_name_stops_before_any_output_is_lost(restored: Project, name: str) -> None:
    """Though paths of dvc.yaml are made of it."""
    before = contents(restored.folder / "data")
    output = restored.run("dvc", "exp", "run", "-S", f"{name}=mell", status=255)
    assert f"error: {name} = 'mell': " in output
    assert "Traceback" not in output
    lost = before.items() - contents(restored.folder / "data").items()
    assert {path for path, _ in lost} == {"params_checked.txt"}
    assert restored.run("git", "status", "--porcelain").split() == ["M", "params.yaml"]


def test_plots_and_metrics_read_back(project: Project) -> None:
    page = project.run("dvc", "plots", "show")
    html = Path(page.removeprefix("file://")).read_text()
    for title in ("Accuracy by epoch", "Loss by epoch", "Confusion per track", "per clip"):
        assert title in html
    assert html.count("one line for each fold") == html.count('"detail": {"field": "fold"') == 2
    metrics = json.loads(project.run("dvc", "metrics", "show", "--json"))
    [(path, shown)] = metrics[""]["data"].items()
    assert path == "metrics/summary.json"
    assert "track_accuracy" in shown["data"]
    assert len(shown["data"]) <= 10
