"""The whole DAG on a tiny dataset in a repository of its own, driven as a user would."""

import csv
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import write_params
from imports import ROOT

from pipeline.base import params as sections

PARTS = [
    *("pipeline", "models", "dvc.yaml", ".dvc/config", ".dvcignore", ".gitignore"),
    *(".dvc/plots", ".dvc/plots.html"),
]
AUDIO_STAGES = ["demo", "segment", "extract@grey", "extract@mel", "augment", "replicas", "split"]
TINY: dict[str, Any] = {
    "demo": {"tracks_per_genre": 4, "artists_per_genre": 2, "seconds": 2, "unlabelled": 3},
    "segment.seconds": 1,
    "extract.features": ["grey", "mel"],
    "split.folds": 2,
    "models.cnn.epochs": 1,
    "models.cnn.filters": [4, 4, 4],
    "models.ann.epochs": 2,
}
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


class Project:
    """A copy of the project with a small dataset, and a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_output = ""
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }

    def run(self, *command: str, status: int = 0) -> str:
        """Output of a command that must end with `status`."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def summary(self) -> dict[str, float]:
        """The headline metrics."""
        text = (self.folder / "metrics/summary.json").read_text()
        return dict(json.loads(text))

    def table(self, path: str) -> list[dict[str, str]]:
        """Rows of a CSV file."""
        with (self.folder / path).open(newline="") as file:
            return list(csv.DictReader(file))

    def written(self, path: str) -> dict[str, int]:
        """When each file below `path` was written."""
        return {str(p): p.stat().st_mtime_ns for p in sorted((self.folder / path).rglob("*"))}

    def contents(self, path: str) -> dict[str, str]:
        """SHA-256 of each file below `path`."""
        files = (p for p in sorted((self.folder / path).rglob("*")) if p.is_file())
        return {
            p.relative_to(self.folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in files
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project after its first `dvc repro`, committed."""
    project = Project(tmp_path_factory.mktemp("project"))
    for part in PARTS:
        source, target = ROOT / part, project.folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    write_params(project.folder, TINY)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "add", ".")
    project.run("git", "commit", "-qm", "tiny")
    project.first_output = project.run("dvc", "repro")
    project.run("git", "add", ".")
    project.run("git", "commit", "-qm", "first run")
    return project


def test_repro_writes_every_output_and_judges_every_track_once(project: Project) -> None:
    predictions = project.table("metrics/predictions.csv")
    assert len({row["track_id"] for row in predictions}) == len(predictions) == 40
    assert {row["fold"] for row in predictions} == {"0", "1"}
    assert project.summary()["tracks"] == 40
    assert project.summary()["clips"] == 80
    assert len(project.table("metrics/history.csv")) == 2
    assert len(project.table("data/clip_predictions.csv")) == 80
    assert sorted(path.name for path in (project.folder / "data/models").glob("*.keras")) == [
        "fold-0.keras",
        "fold-1.keras",
    ]


def test_libraries_say_nothing_of_themselves(project: Project) -> None:
    assert "Running stage 'train'" in project.first_output
    for word in ("WARNING", "Warning", "oneDNN", "absl", "cuda", "I0000", "W0000", "E0000"):
        assert word not in project.first_output


def test_unlabelled_tracks_are_predicted_and_their_truth_is_apart(project: Project) -> None:
    predicted = {row["track_id"]: row["genre"] for row in project.table("data/unlabelled.csv")}
    truth = {row["track_id"]: row["genre"] for row in project.table("data/demo_truth.csv")}
    assert set(predicted) == set(truth)
    assert len(truth) == 3
    assert not list((project.folder / "data/demo").rglob("*truth*"))


def test_a_file_that_a_user_put_into_the_demo_stays(project: Project) -> None:
    path = project.folder / "data/demo/blues/mine.wav"
    path.write_bytes(b"music")
    before = project.contents("data")
    output = project.run("dvc", "repro", "demo", status=255)
    assert "error: data/demo/blues/mine.wav is not the demo's own" in output
    assert project.contents("data") == before
    path.unlink()
    assert "up to date" in project.run("dvc", "status", "demo")


def test_second_repro_does_nothing(project: Project) -> None:
    output = project.run("dvc", "repro")
    assert "Running stage" not in output
    assert "up to date" in output


def test_experiment_with_another_model_touches_no_audio_and_no_feature(project: Project) -> None:
    before = project.written("data/features") | project.written("data/clips")
    output = project.run("dvc", "exp", "run", "-S", "model=ann")
    for stage in AUDIO_STAGES:
        assert f"Stage '{stage}' didn't change" in output
        assert f"Running stage '{stage}'" not in output
    for stage in ("train", "evaluate", "predict"):
        assert f"Running stage '{stage}'" in output
    assert project.written("data/features") | project.written("data/clips") == before
    assert {row["epoch"] for row in project.table("metrics/history.csv")} == {"1", "2"}


def test_folds_train_on_samples_that_stay_out_of_the_next_experiment(project: Project) -> None:
    write_params(project.folder, {**TINY, "augment.mode": "offline", "model": "ann"})
    output = project.run("dvc", "repro", "train")
    for stage in ("segment", "extract@mel", "replicas", "split"):
        assert f"Running stage '{stage}'" not in output
    assert "80 new samples in data/augmented" in output
    assert len(project.table("data/augmented/samples.csv")) == 80
    assert "80 samples made again, all the same" in project.run("python", "-m", "pipeline.replay")
    again = project.run("dvc", "repro", "--force", "--single-item", "augment")
    assert "80 new samples in data/augmented" in again
    assert "didn't change" in project.run("dvc", "repro", "train")
    # While the new models are not evaluated, DVC shows no figures of the old ones.
    assert "track_accuracy" not in project.run("dvc", "metrics", "show")
    project.run("git", "checkout", ".")
    project.run("dvc", "checkout")


class Recorded(dict[str, Any]):
    """A mapping that remembers which of its keys were looked up."""

    read: set[str]

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.read = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The tiny project as the working directory, and as it was when the test has ended."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("PIPELINE_WORKERS", "1")
    yield project
    project.run("git", "checkout", ".")
    project.run("dvc", "checkout")


@pytest.mark.parametrize("name", [name for name in STAGES if name != "check"])
def test_a_stage_reads_the_parameters_that_it_declares_and_no_others(
    name: str, inside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Recorded(yaml.safe_load((inside.folder / "params.yaml").read_text()))
    monkeypatch.setattr(sections, "read_document", lambda *_: document)
    module, *arguments = STAGES[name]["cmd"].split()[2:]
    monkeypatch.setattr("sys.argv", [module, *("mel" for _ in arguments)])
    importlib.import_module(module).main()
    declared = {param.split(".")[0] for param in STAGES[name].get("params", [])}
    assert document.read == declared


def test_changing_one_feature_leaves_the_others_alone(project: Project) -> None:
    output = project.run("dvc", "status", "extract@grey", "extract@mel")
    assert "changed" not in output
    write_params(project.folder, {**TINY, "extract.mel.n_mels": 32})
    status = json.loads(project.run("dvc", "status", "--json"))
    project.run("git", "checkout", "params.yaml")
    assert any("params.yaml" in change.get("changed deps", {}) for change in status["extract@mel"])
    assert "extract@grey" not in status


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("models.cnn.epochs=-3", "error: models.cnn.epochs = -3"),
        ("model=lstm", "error: model = 'lstm': should be one of the choices: ann"),
        ("feature=mell", "error: feature = 'mell'"),
    ],
)
def test_wrong_parameter_stops_before_any_output_is_lost(
    project: Project, setting: str, message: str
) -> None:
    outputs = ("data", "data/models", "metrics")
    before = {part: project.contents(part) for part in outputs}
    output = project.run("dvc", "exp", "run", "-S", setting, status=255)
    assert message in output
    assert "Traceback" not in output
    lost = {part: before[part].keys() - project.contents(part).keys() for part in outputs}
    assert lost == {"data": {"data/params_checked.txt"}, "data/models": set(), "metrics": set()}
    project.run("git", "checkout", "params.yaml")
    project.run("dvc", "checkout")
    assert {part: project.contents(part) for part in outputs} == before


def test_plots_and_metrics_read_back(project: Project) -> None:
    page = project.run("dvc", "plots", "show").strip()
    html = Path(page.removeprefix("file://")).read_text()
    for title in ("Accuracy by epoch", "Loss by epoch", "Confusion per track", "per clip"):
        assert title in html
    assert html.count("one line for each fold") == html.count('"detail": {"field": "fold"') == 2
    metrics = json.loads(project.run("dvc", "metrics", "show", "--json"))
    [(path, shown)] = metrics[""]["data"].items()
    assert path == "metrics/summary.json"
    assert "track_accuracy" in shown["data"]
    assert len(shown["data"]) <= 10
