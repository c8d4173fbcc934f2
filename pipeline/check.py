"""Stage: check all of params.yaml, before any other stage loses its old output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.audio.clips import SegmentParams
from pipeline.augmentation.target import AugmentParams, Target, parse_augment
from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import ParamsError
from pipeline.base.files import (
    AUGMENTED,
    CLIPS,
    DATA,
    DEMO,
    FEATURE_STORES,
    FINGERPRINTS,
    METRICS,
    PARAMS,
    PARAMS_CHECKED,
    TRAINED,
)
from pipeline.base.params import (
    choice,
    did_you_mean,
    one_of,
    parse,
    read_document,
    read_name,
    read_section,
    read_seed,
    section,
)
from pipeline.dataset.tracks import DatasetParams
from pipeline.evaluation.predictions import EvaluateParams
from pipeline.features.shared.feature import Feature, feature_names, parse_extract
from pipeline.folds.table import SplitParams
from pipeline.pages.track_list import ReportParams
from pipeline.synthesis.demo_dataset import DemoParams
from pipeline.training.network import FitParams, TrainParams, network_names, params_class

KEYS = (
    "seed",
    "model",
    "feature",
    "dataset",
    "demo",
    "segment",
    "extract",
    "augment",
    "split",
    "train",
    "models",
    "evaluate",
    "report",
)
WRITTEN = (METRICS, CLIPS, FEATURE_STORES, AUGMENTED, FINGERPRINTS, TRAINED)


def check(document: Mapping[str, Any]) -> None:
    """Check every section, and that the sections go together.

    Raises
    ------
    ParamsError
        A value is wrong; the message names its key and what would be right.
    """
    section(document, PARAMS.name, KEYS)
    read_seed(document)
    networks = parse_models(document["models"])
    features = parse_extract(document["extract"])
    model, feature = document["model"], read_name("feature", document)
    require_kinds(model, feature)
    choice(model, "model", networks)
    augment = parse_augment(document["augment"])
    segment = read_section(SegmentParams, "segment", document)
    dataset = read_section(DatasetParams, "dataset", document)
    for cls, key in (
        (DemoParams, "demo"),
        (SplitParams, "split"),
        (TrainParams, "train"),
        (EvaluateParams, "evaluate"),
        (ReportParams, "report"),
    ):
        read_section(cls, key, document)
    for name, extracted in features.items():
        extracted.check(f"extract.{name}", segment.clip_samples, segment.sample_rate)
    check_feature(feature, features)
    if feature in features:
        check_input(feature, features[feature], segment, augment, model, networks)
    check_dataset(dataset)


def parse_models(value: Any) -> dict[str, FitParams]:
    """Parse the section `models` into the parameters of every network, by name."""
    content = section(value, "models", network_names())
    networks = {
        name: parse(params_class(name), content[name], f"models.{name}") for name in content
    }
    for name, network in networks.items():
        network.check(f"models.{name}")
    return networks


def require_kinds(model: Any, feature: str) -> None:
    """Raise `ParamsError` if `model` names a feature, or `feature` a network."""
    if model in feature_names():
        raise ParamsError(
            f"model = {model!r}: is a feature; set feature to it, and model to "
            f"{one_of(network_names())}"
        )
    if feature in network_names():
        raise ParamsError(
            f"feature = {feature!r}: is a network; set model to it, and feature to "
            f"{one_of(feature_names())}"
        )


def check_feature(feature: str, features: Mapping[str, Feature]) -> None:
    """Raise `ParamsError` unless `feature` is extracted, or may be a store that the user made.

    Only `train` opens such a store, because it depends on it: `check` does not, and would not run
    again when the store changes.
    """
    if feature in features:
        return
    if feature in feature_names():
        raise ParamsError(
            f"feature = {feature!r}: is not extracted; add it to extract.features, or choose "
            f"{one_of(features)}"
        )
    if not (FEATURE_STORES / feature).is_dir():
        raise ParamsError(
            f"feature = {feature!r}: should be one of extract.features: {one_of(features)}, or a "
            f"store of your own in {FEATURE_STORES}{did_you_mean(feature, feature_names())}"
        )


def check_input(
    name: str,
    feature: Feature,
    segment: SegmentParams,
    augment: AugmentParams,
    model: str,
    networks: Mapping[str, FitParams],
) -> None:
    """Raise `ParamsError` unless the augmentation and the network suit the chosen feature."""
    rows = feature.template(segment.clip_samples, segment.sample_rate)
    shape = rows.shape[1:]
    augment.require_applicable(Target(feature, segment.sample_rate, shape, rows.dtype.name))
    reason = networks[model].reason_against(shape)
    if not reason:
        return
    changes = feature.changes_for(networks[model].least_size, segment.clip_samples)
    set_these = [f"set extract.{name}.{key} to {range_}" for key, range_ in changes.items()]
    suitable = [other for other, each in networks.items() if not each.reason_against(shape)]
    ways = [" and ".join(set_these) or "choose another feature"]
    ways += [f"or model = {one_of(suitable)}"] if suitable else []
    raise ParamsError(f"feature = {name!r}: model = {model!r} {reason}; {', '.join(ways)}")


def check_dataset(dataset: DatasetParams) -> None:
    """Raise `ParamsError` unless the folder exists, or is the demo's, which will be written.

    A folder that holds the project, or that the pipeline writes into, is refused.
    """
    if dataset.folder == DEMO:
        return
    if not dataset.folder.is_dir():
        hint = ""
        if ".dvc" in Path.cwd().parts and not dataset.folder.is_absolute():
            hint = "; an experiment of DVC's queue runs elsewhere and needs an absolute path"
        raise ParamsError(f"dataset.path = {dataset.path!r}: no such folder{hint}")
    place = dataset.folder.resolve()
    if Path.cwd().resolve().is_relative_to(place):
        raise ParamsError(f"dataset.path = {dataset.path!r}: should not hold the project itself")
    for written in WRITTEN:
        if place == DATA.resolve() or place.is_relative_to(written.resolve()):
            raise ParamsError(
                f"dataset.path = {dataset.path!r}: should not be where the pipeline writes"
            )


def main() -> None:
    """Check params.yaml; the output never changes, so that no later stage runs again for it."""
    command_line(__doc__).parse_args()
    check(read_document())
    PARAMS_CHECKED.parent.mkdir(parents=True, exist_ok=True)
    PARAMS_CHECKED.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
