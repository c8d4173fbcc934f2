"""params.yaml -> frozen dataclasses, one a section; errors name the key, the value, the choices."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augment_params import AugmentParams, parse_augment
from pipeline.features import FEATURES, WHOLE, Feature
from pipeline.model_params import MODEL_PARAMS, ModelParams
from pipeline.validate import STRICT, ParamsError, choice, number, one_of, parse, section

Count = Annotated[int, Field(ge=1)]
Folds = Annotated[int, Field(ge=2, le=100)]
Natural = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Vote = Literal["majority", "mean", "product"]
ProtocolName = Literal["song", "artist", "filtered", "given", "clip"]
VOTES: tuple[str, ...] = get_args(Vote)
DEMO = Path("data/demo")


@dataclass(frozen=True, config=STRICT)
class DatasetParams:
    """Where the audio is."""

    path: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class DemoParams:
    """Size of the synthetic dataset; `seconds` is a track's length."""

    tracks_per_genre: Count
    artists_per_genre: Count
    seconds: Annotated[float, Field(ge=1, le=60)]
    unlabelled: Natural


@dataclass(frozen=True, config=STRICT)
class SegmentParams:
    """How tracks are cut: sample rate in Hz, clip length in seconds."""

    sample_rate: Annotated[int, Field(ge=4000, le=192000)]
    seconds: Annotated[Literal[1, 2, 3, 5, 10], WHOLE]

    @property
    def clip_samples(self) -> int:
        """Samples in one clip."""
        return self.sample_rate * self.seconds


@dataclass(frozen=True, config=STRICT)
class SplitParams:
    """How tracks are dealt into folds; `judge` and `seeds` are for splits in place of folds."""

    protocol: ProtocolName
    folds: Folds
    judge: Literal["test", "valid"]
    seeds: Folds


@dataclass(frozen=True, config=STRICT)
class TrainParams:
    """`validation`: share of each genre's training tracks; `precision`: arithmetic."""

    validation: Annotated[float, Field(gt=0, lt=1)]
    precision: Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """`vote`: the rule behind the headline figures."""

    vote: Vote


@dataclasses.dataclass(frozen=True)
class Params:
    """The whole of params.yaml; `extract` holds the features that are extracted, no others."""

    seed: int
    model: str
    feature: str
    dataset: DatasetParams
    demo: DemoParams
    segment: SegmentParams
    extract: dict[str, Feature]
    augment: AugmentParams
    split: SplitParams
    train: TrainParams
    models: dict[str, ModelParams]
    evaluate: EvaluateParams

    @property
    def fit(self) -> ModelParams:
        """Parameters of the chosen model."""
        return self.models[self.model]


SECTIONS: dict[str, type[Any]] = {
    "dataset": DatasetParams,
    "demo": DemoParams,
    "segment": SegmentParams,
    "split": SplitParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
}


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate all parameters.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run from the project's root") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return parse_params(document)


def parse_params(document: Any) -> Params:
    """Validate the content of params.yaml; see `load_params`."""
    root = section(document, "params.yaml", [field.name for field in dataclasses.fields(Params)])
    models = section(root["models"], "models", MODEL_PARAMS)
    extract = section(root["extract"], "extract", ["features", *FEATURES])
    params = Params(
        seed=number(Annotated[int, Field(ge=0, lt=2**32)], root["seed"], "seed"),
        model=choice(root["model"], "model", models),
        feature=number(Name, root["feature"], "feature"),
        extract={
            name: parse(FEATURES[name], extract[name], f"extract.{name}") for name in FEATURES
        },
        models={
            name: parse(cls, models[name], f"models.{name}") for name, cls in MODEL_PARAMS.items()
        },
        augment=parse_augment(root["augment"]),
        **{name: parse(cls, root[name], name) for name, cls in SECTIONS.items()},
    )
    _check_together(params, extract["features"])
    return dataclasses.replace(
        params, extract={name: params.extract[name] for name in extract["features"]}
    )


def _check_together(params: Params, extracted: Any) -> None:
    if not isinstance(extracted, list) or not extracted:
        raise ParamsError(
            f"extract.features = {extracted!r}: should be a list of {one_of(FEATURES)}"
        )
    for index, name in enumerate(extracted):
        choice(name, f"extract.features.{index}", FEATURES)
        if name in extracted[:index]:
            raise ParamsError(f"extract.features.{index} = {name!r}: should be listed once")
    for name, feature in params.extract.items():
        _check_feature(name, feature, params.segment)


def _check_feature(name: str, feature: Any, segment: SegmentParams) -> None:
    if feature.n_fft > segment.clip_samples:
        raise ParamsError(
            f"extract.{name}.n_fft = {feature.n_fft}: should be at most a clip's "
            f"{segment.clip_samples} samples"
        )
    nyquist = segment.sample_rate / 2
    if name == "mel" and not feature.fmin < feature.fmax <= nyquist:
        raise ParamsError(
            f"extract.mel.fmax = {feature.fmax}: should be above fmin ({feature.fmin}) and at "
            f"most half of segment.sample_rate ({nyquist:g})"
        )
    if name == "grey" and not feature.min_db < feature.max_db:
        raise ParamsError(
            f"extract.grey.max_db = {feature.max_db}: should be above min_db ({feature.min_db})"
        )
