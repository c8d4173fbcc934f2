"""Stage: check all of params.yaml, before any other stage loses its old output."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
    read_document,
    read_name,
    read_section,
    read_seed,
    section,
)
from pipeline.dataset.folder import require_readable
from pipeline.dataset.tracks import DatasetParams
from pipeline.evaluation.predictions import EvaluateParams
from pipeline.features.shared.feature import Feature, feature_names, parse_extract
from pipeline.folds.table import SplitParams
from pipeline.pages.track_list import ReportParams
from pipeline.synthesis.demo_dataset import DemoParams
from pipeline.training.network import FitParams, TrainParams, network_names, read_network

WRITTEN = (METRICS, CLIPS, FEATURE_STORES, AUGMENTED, FINGERPRINTS, TRAINED)


@dataclass(frozen=True)
class Params:
    """All of params.yaml: one field for each of its keys, in their order."""

    seed: int
    model: str
    feature: str
    dataset: DatasetParams
    demo: DemoParams
    segment: SegmentParams
    extract: Mapping[str, Feature]
    augment: AugmentParams
    split: SplitParams
    train: TrainParams
    models: Mapping[str, FitParams]
    evaluate: EvaluateParams
    report: ReportParams


KEYS = [field.name for field in fields(Params)]


def check(document: Mapping[str, Any]) -> None:
    """Check every section, and that the sections go together.

    Raises
    ------
    ParamsError
        A value is wrong; the message names its key and what would be right.
    """
    params = parse_document(document)
    for name, feature in params.extract.items():
        feature.check(f"extract.{name}", params.segment.clip_samples, params.segment.sample_rate)
    check_feature(params)
    check_input(params)
    check_dataset(params.dataset)


def parse_document(document: Mapping[str, Any]) -> Params:
    """Parse each section of params.yaml on its own."""
    section(document, PARAMS.name, KEYS)
    require_kinds(document["model"], document["feature"])
    return Params(
        seed=read_seed(document),
        model=choice(document["model"], "model", network_names()),
        feature=read_name("feature", document),
        dataset=read_section(DatasetParams, "dataset", document),
        demo=read_section(DemoParams, "demo", document),
        segment=read_section(SegmentParams, "segment", document),
        extract=parse_extract(document["extract"]),
        augment=parse_augment(document["augment"]),
        split=read_section(SplitParams, "split", document),
        train=read_section(TrainParams, "train", document),
        models=parse_models(document),
        evaluate=read_section(EvaluateParams, "evaluate", document),
        report=read_section(ReportParams, "report", document),
    )


def parse_models(document: Mapping[str, Any]) -> dict[str, FitParams]:
    """Parse the section `models` into the parameters of every network, by name."""
    section(document["models"], "models", network_names())
    return {name: read_network(name, document) for name in document["models"]}


def require_kinds(model: Any, feature: Any) -> None:
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


def check_feature(params: Params) -> None:
    """Raise `ParamsError` unless `feature` is extracted, or may be a store that the user made.

    Only `train` opens such a store, because it depends on it: `check` does not, and would not run
    again when the store changes.
    """
    feature, extracted = params.feature, one_of(params.extract)
    if feature in params.extract:
        return
    if feature in feature_names():
        raise ParamsError(
            f"feature = {feature!r}: is not extracted; add it to extract.features, or choose "
            f"{extracted}"
        )
    if not (FEATURE_STORES / feature).is_dir():
        raise ParamsError(
            f"feature = {feature!r}: should be one of extract.features: {extracted}, or a store of "
            f"your own in {FEATURE_STORES}{did_you_mean(feature, feature_names())}"
        )


def check_input(params: Params) -> None:
    """Raise `ParamsError` unless the augmentation and the network suit an extracted feature."""
    name, model, segment = params.feature, params.model, params.segment
    if name not in params.extract:
        return
    feature = params.extract[name]
    rows = feature.template(segment.clip_samples, segment.sample_rate)
    shape = rows.shape[1:]
    params.augment.require_applicable(Target(feature, segment.sample_rate, shape, rows.dtype.name))
    reason = params.models[model].reason_against(shape)
    if not reason:
        return
    changes = feature.changes_for(params.models[model].least_size, segment.clip_samples)
    set_these = [f"set extract.{name}.{key} to {range_}" for key, range_ in changes.items()]
    suitable = [other for other, each in params.models.items() if not each.reason_against(shape)]
    ways = [" and ".join(set_these) or "choose another feature"]
    ways += [f"or model = {one_of(suitable)}"] if suitable else []
    raise ParamsError(f"feature = {name!r}: model = {model!r} {reason}; {', '.join(ways)}")


def check_dataset(dataset: DatasetParams) -> None:
    """Raise an error unless the folder exists, or is the demo's, which will be written.

    A folder that holds the project, or that the pipeline writes into, is refused. So is one with
    files that cannot be read: they are named here, before DVC hashes the dataset.
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
    require_readable(dataset.folder)


def main() -> None:
    """Check params.yaml; the output never changes, so that no later stage runs again for it."""
    command_line(__doc__).parse_args()
    check(read_document())
    PARAMS_CHECKED.parent.mkdir(parents=True, exist_ok=True)
    PARAMS_CHECKED.write_text("params.yaml is valid\n", encoding="utf-8")
    print("params.yaml is valid")


if __name__ == "__main__":
    run_stage(main)
