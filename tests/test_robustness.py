"""A run's models are tested on deformed clips, of other revisions too, or one line says why not."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import SAMPLE_RATE, labelled_tracks, run_main, saves_models
from matplotlib import colormaps
from PIL import Image
from repository import Repository, command

from pipeline import evaluate, robustness
from pipeline.audio.clips import from_pcm
from pipeline.base import parallel
from pipeline.base.files import (
    CLIPS,
    FOLDS,
    SPLIT,
    SUMMARY,
    TRAINED,
    TRAINING,
    read_json,
    write_json,
)
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, by_level, vote_by_track
from pipeline.features.shared.feature import read_feature
from pipeline.folds.table import folds_digest, write_folds
from pipeline.pages.charts import robustness_picture
from pipeline.prediction.ensemble import load_models, predict_clips
from pipeline.store.store import Store, write_store
from pipeline.training import trained
from pipeline.trials import robustness as trials
from pipeline.trials.robustness import DEFORMATIONS, deform, label, ways_of

pytestmark = saves_models
FOUND = Path("mine/found.json")


@pytest.fixture(autouse=True)
def project(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that was evaluated as the working directory."""
    shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(*arguments: object) -> list[dict[str, Any]]:
    run_main(robustness.main, *arguments, "--json", FOUND)
    found: list[dict[str, Any]] = read_json(FOUND)["results"]
    return found


def chances_by_hand(ways: Sequence[tuple[str, Any]]) -> Array:
    """Each clip judged by the model that did not train on its track; (ways, clips, genres)."""
    models, feature = load_models(TRAINED), read_feature("centroid")
    chances = []
    with Store(CLIPS) as store:
        for track in labelled_tracks():
            clips = from_pcm(store.read([track.track_id]))
            sounds = [deform(clips, way, SAMPLE_RATE, 0, track.track_id) for way in ways]
            rows = feature(np.concatenate(sounds), SAMPLE_RATE)
            predicted = predict_clips([models[track.tested_in[0]]], rows)
            chances.append(predicted.reshape(len(ways), len(clips), -1))
    return np.concatenate(chances, axis=1)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Predictions]:
    """Takes the predictions for the clips, clean and deformed in each way, before they vote."""
    tables: list[Predictions] = []

    def vote(clips: Predictions) -> dict[str, Predictions]:
        tables.append(clips)
        return by_level(clips)

    monkeypatch.setattr(trials, "by_level", vote)
    return tables


def test_every_deformation_is_judged_as_by_hand(
    judged: list[Predictions], capsys: pytest.CaptureFixture[str]
) -> None:
    clean, *others = results()
    ways = ways_of(list(DEFORMATIONS))
    expected = chances_by_hand(ways)
    np.testing.assert_allclose([each.probabilities for each in judged[1:]], expected, atol=1e-5)
    assert expected.std(axis=0).max() > 0.1
    assert (clean["deformation"], clean["loss"], clean["tracks"]) == ("clean", None, 12)
    assert clean["accuracy"] == pytest.approx(read_json(SUMMARY)["track_accuracy"], abs=1e-4)
    for (name, strength), row, clips in zip(ways, others, judged[1:], strict=True):
        assert (row["deformation"], row["strength"]) == (name, label(strength))
        assert row["accuracy"] == vote_by_track(clips, "majority").correct.mean()
        loss = row["loss"]
        assert loss["difference"] == pytest.approx(row["accuracy"] - clean["accuracy"])
        assert loss["low"] <= loss["difference"] <= loss["high"]
    table = capsys.readouterr().out.splitlines()
    assert table[0] == "12 tracks, split by song"
    assert table[2].split()[:3] == ["clean", "workspace", f"{100 * clean['accuracy']:.1f}"]
    assert len(table) == 3 + len(others)


def test_neither_workers_nor_other_deformations_are_part_of_the_result(
    judged: list[Predictions], monkeypatch: pytest.MonkeyPatch
) -> None:
    results("--only", "noise,start")
    expected = [clips.probabilities for clips in judged]
    for workers, many, only in (("1", 200, "start"), ("2", 200, "start"), ("2", 1, "mp3,start")):
        monkeypatch.setenv("PIPELINE_WORKERS", workers)
        monkeypatch.setattr(parallel, "MANY", many)  # 1: in processes
        judged.clear()
        results("--only", f"noise,{only}")
        found = [clips.probabilities for clips in judged]
        np.testing.assert_array_equal(found[:5] + found[-3:], expected)


def test_tracks_are_drawn_and_json_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run_main(robustness.main, "--only", "noise", "--tracks", 4, "--seed", 3, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["seed"], found["protocol"]) == (3, "song")
    assert {row["tracks"] for row in found["results"]} == {4}
    assert [row["strength"] for row in found["results"]] == ["", "30", "20", "10", "0"]


def test_every_seed_judges_the_tracks_that_it_tested() -> None:
    """As `filtered`, and `given` with a split, have it."""
    write_folds([replace(track, tested_in=(0, 1)) for track in labelled_tracks()], FOLDS)
    for path in (SPLIT, TRAINING):
        write_json(path, {**read_json(path), "folds_digest": folds_digest()})
    run_main(evaluate.main)
    clean, *_ = results("--only", "gain")
    assert clean["accuracy"] == pytest.approx(read_json(SUMMARY)["track_accuracy"], abs=1e-4)


def test_models_of_a_revision_come_from_the_cache_of_dvc(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = results("--only", "noise,clipping")
    found = Repository(project, dvc=True)
    found.run("dvc", "add", "-q", "data/models", "data/clip_predictions.csv")
    found.commit("a run")
    shutil.rmtree(TRAINED)
    for row in results("main", "--only", "noise,clipping"):
        assert row == {**expected.pop(0), "revision": "main"}
    shutil.rmtree(".dvc/cache/files")
    with pytest.raises(SystemExit, match="2"):
        command(robustness.main, "main")
    assert re.search(r"error: DVC's cache lacks data/\S+ of main\n$", capsys.readouterr().err)


def change_models(**changes: Any) -> None:
    """Give the models another description, in which the folds may be exchanged."""
    for model, known in load_models(TRAINED):
        fold = 1 - known.fold if changes.get("fold") else known.fold
        changed = replace(known, **{**changes, "fold": fold})
        trained.save_model(TRAINED / f"new-{fold}.keras", model, changed)
    for path in TRAINED.glob("new-*"):
        path.rename(TRAINED / path.name.replace("new", "fold"))


def change_clips(seconds: int = 1) -> None:
    """Have the clips of one track be those of another, or say that all are longer."""
    with Store(CLIPS) as store:
        pcm = {track_id: store.read([track_id]) for track_id in store.track_ids}
        description = {**store.description, "seconds": seconds}
    shutil.rmtree(CLIPS)
    write_store(CLIPS, description, {**pcm, "low/3": pcm["high/0"]})


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (None, ["--only", "nois"], "--only nois: should be noise, gain, .* or start"),
        (None, ["--picture", "."], r"\. is a folder; name a file in it"),
        (change_clips, [], "the clean clips of low/3 do not give what workspace recorded: .*"),
        (lambda: change_models(fold=1), [], "the clean clips of high/0 do not give what .*"),
        (lambda: change_clips(5), [], "workspace: its models were trained on other folds, or .*"),
        (
            lambda: change_models(feature="own", store={}),
            [],
            "workspace: 'own' is a feature of your own, which cannot be computed from .*",
        ),
        (
            lambda: shutil.rmtree(TRAINED),
            [],
            "data/models holds no fold-.*; run `dvc repro train` .*",
        ),
        (lambda: shutil.rmtree(CLIPS), [], "data/clips is missing; run `dvc repro`"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(
    spoil: Callable[[], None] | None,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if spoil:
        spoil()
    with pytest.raises(SystemExit, match="2"):
        command(robustness.main, *arguments)
    output, errors = capsys.readouterr()
    assert output == ""
    assert re.fullmatch(f"error: {message}\n", errors)


def test_the_picture_has_a_panel_for_each_deformation_in_the_colours_of_the_revisions() -> None:
    run_main(robustness.main, "--only", "noise,gain", "--picture", "mine/two.png")
    two = Image.open("mine/two.png")
    rows = [{**row, "revision": name} for row in results("--only", "noise") for name in ("a", "b")]
    one = Image.open(BytesIO(robustness_picture(rows)))
    assert (two.format, one.format) == ("PNG", "PNG")
    assert 1.8 < two.width / one.width < 2.2
    for picture, names in ((two, 1), (one, 2)):
        pixels = {
            tuple(pixel[:3]) for pixel in np.array(picture.convert("RGB")).reshape(-1, 3).tolist()
        }
        colours = [
            tuple(round(255 * each) for each in colour)
            for colour in colormaps["Dark2"](range(3))[:, :3]
        ]
        assert [colour in pixels for colour in colours] == [n < names for n in range(3)]
