"""Command: take the models away as one file that other programs run without this project.

`python -m pipeline.export mine/model.onnx`, or `.tflite`, or a new folder for a SavedModel, writes
the mean of all folds' models, with the normalisation inside: from rows of the feature to
probabilities, or from sound with `--sound`. The file is run on clips of the dataset; it is an error
if a probability differs from that of the models by more than 0.0001. A JSON beside it says what has
to be known: sample rate, clip length, genres, feature, parameters, accuracy.

`--all` takes one model instead that is trained on all tracks, as params.yaml says; as
mine/model.keras it is one for `python -m pipeline.predict --models`. As in a fold, the inner
validation part is not trained on, so that training stops as early. No track is left to test the
model: what is expected of it is the accuracy of the folds, which `dvc repro` has to have tested
before.
"""

import json
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.cli import command_line, run_stage, warn
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, FEATURE_STORES, TRAINED, TRAINING, read_json, write_json
from pipeline.base.types import Array
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import folds_digest, folds_of, read_folds
from pipeline.prediction.classifier import FEATURES, SAMPLES, Classifier, require_format
from pipeline.runs.revisions import WORKSPACE, read_revision
from pipeline.store.store import Store
from pipeline.training.cross_validation import (
    make_tasks,
    parameters_of,
    read_experiment,
    train_folds,
)
from pipeline.training.trained import MODEL, Description

KERAS = ".keras"
MOST_CLIPS = 200  # on which the file is run


def main() -> None:
    """Write the file that the command line names, and its description."""
    wanted = _arguments()
    path, beside = wanted.path, _beside(wanted.path)
    source = _train_on_all() if wanted.all else wanted.models
    classifier = Classifier.load(source)
    if _beside(source).is_file():
        known = read_json(_beside(source))
    else:
        mean = f"mean of {len(classifier.models)} models"
        known = {
            "made_of": "one model of all tracks" if wanted.all else mean,
            "accuracy": _accuracy(classifier.description),
        }
    if path.suffix == KERAS:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    else:
        inputs = _inputs(classifier.description, sound=wanted.sound)
        difference = classifier.export(path, inputs, sound=wanted.sound)
        print(f"largest difference from the models, in {len(inputs)} clips: {difference:.1e}")
    write_json(beside, {**known, **_describe(classifier, sound=wanted.sound)})
    print(f"{path}: {known['made_of']}; {beside} describes it")


def _arguments() -> Namespace:
    parser = command_line(__doc__)
    parser.add_argument("path", type=Path, help="of the file or folder to write")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--all", action="store_true", help="one model, trained on all tracks")
    source.add_argument("--models", type=Path, default=TRAINED, help="folder of models, or one")
    parser.add_argument("--sound", action="store_true", help="take sound in place of `mel`")
    wanted = parser.parse_args()
    if wanted.path.suffix != KERAS:
        require_format(wanted.path)
    elif wanted.sound or not wanted.all:
        parser.error(f"{KERAS} is for one model of the feature: add --all, without --sound")
    return wanted


def _train_on_all() -> Path:
    """The file of a model that is trained on all tracks: as one more fold, which tests none."""
    experiment, tracks = read_experiment(), read_folds()
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    recorded = read_json(TRAINING)
    parameters = json.loads(json.dumps(parameters_of(experiment, clips.description)))
    if (recorded["parameters"], recorded["folds_digest"]) != (parameters, folds_digest()):
        raise PipelineError(
            f"{TRAINING} is of other folds or parameters, so that the accuracy to be expected is "
            "not known; run `dvc repro` first"
        )
    [folder] = train_folds(make_tasks(experiment, tracks, clips, folds=[folds_of(tracks)[-1] + 1]))
    return folder / MODEL


def _describe(classifier: Classifier, *, sound: bool) -> dict[str, Any]:
    described, store = classifier.description, classifier.description.store
    shape = classifier.models[0][0].input_shape[1:]
    return {
        "takes": SAMPLES if sound else FEATURES,
        "shape": [None, *((store["sample_rate"] * store["seconds"],) if sound else shape)],
        "sample_rate": store["sample_rate"],
        "seconds": store["seconds"],
        "genres": described.genres,
        "model": described.model,
        "feature": described.feature,
        "parameters": store["params"],
    }


def _accuracy(described: Description) -> dict[str, Any] | None:
    """The figures in metrics/, where they are of the run that trained a model of a fold."""
    try:
        run = read_revision(WORKSPACE)
        trained = read_json(TRAINING)["parameters"]
        cut = {name: described.store[name] for name in ("sample_rate", "seconds")}
        parameters = {
            "model": described.model,
            "feature": described.feature,
            "seed": described.training["seed"] - described.fold,
            "segment": cut,
            "extract": {described.feature: described.store["params"]},
        }
        if any(trained[name] != value for name, value in parameters.items()):
            raise PipelineError(f"{TRAINING} is of a run with other parameters")
    except PipelineError as error:
        warn(f"the accuracy is not known: {error}")
        return None
    kept = ("split.protocol", "evaluate.vote")
    return {**run.summary, **{name: run.parameters[name] for name in kept}}


def _inputs(described: Description, *, sound: bool) -> Array:
    """Clips of the dataset, as int16 if they are `sound`, or else as rows of the feature."""
    folder = CLIPS if sound else FEATURE_STORES / described.feature
    names = ("sample_rate", "seconds") if sound else described.store
    with Store(folder) as store:
        if any(store.description.get(name) != described.store[name] for name in names):
            raise PipelineError(f"the models were not trained on {folder}; run `dvc repro`")
        return store[np.linspace(0, len(store) - 1, min(len(store), MOST_CLIPS)).astype(int)]


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


if __name__ == "__main__":
    run_stage(main, kept="")
