"""Pure: the files that a run records in git, and what dvc.lock says of the run that made them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.base.errors import PipelineError

PREDICTIONS = "metrics/predictions.csv"
SPLIT = "metrics/split.json"
SUMMARY = "metrics/summary.json"
LOCK = "dvc.lock"
PARAMS = "params.yaml"
FOLDS, MODELS = "data/folds.csv", "models/trained"
# Which stage must have used what which other stage made, for figures to be of one run.
USES = (("train", FOLDS, "split"), ("evaluate", FOLDS, "split"), ("evaluate", MODELS, "train"))


@dataclass(frozen=True)
class Run:
    """The last run of a revision.

    Attributes
    ----------
    model, feature : str
        What was trained; params.yaml may ask for another that did not run yet.
    made : dict
        MD5 of what `split` and `evaluate` wrote, by path.
    """

    model: str
    feature: str
    made: dict[str, str]


def parse_lock(content: bytes, name: str) -> Run:
    """What dvc.lock says of the run.

    Parameters
    ----------
    content : bytes
        Of dvc.lock, in DVC's schema 2.0.
    name : str
        Of the revision, for errors.

    Raises
    ------
    PipelineError
        It is broken, lacks a stage, or its stages are of different runs.
    """
    try:
        stages = yaml.safe_load(content)["stages"]
        _require_one_run(stages, name)
        params = stages["train"]["params"][PARAMS]
        made = _hashes(stages, "split", "outs") | _hashes(stages, "evaluate", "outs")
        return Run(str(params["model"]), str(params["feature"]), made)
    except KeyError as error:
        raise PipelineError(f"{LOCK} of {name} has no {error}; run `dvc repro` there") from None
    except (yaml.YAMLError, TypeError):
        raise PipelineError(
            f"{LOCK} of {name} is not as DVC writes it; mend it, or delete it and run `dvc repro`"
        ) from None


def require_made(run: Run, path: str, content: bytes, name: str) -> None:
    """Refuse a file that is not as the run left it.

    Raises
    ------
    PipelineError
        The MD5 of `content` is not the one that dvc.lock has for `path`.
    """
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != run.made.get(path):
        raise PipelineError(f"{path} of {name} is not what the last `dvc repro` made; run it again")


def _require_one_run(stages: Mapping[str, Any], name: str) -> None:
    for user, path, maker in USES:
        if _hashes(stages, user, "deps")[path] != _hashes(stages, maker, "outs")[path]:
            raise PipelineError(
                f"{LOCK} of {name}: {user} used another {path} than {maker} made; "
                "run `dvc repro` there"
            )


def _hashes(stages: Mapping[str, Any], stage: str, part: str) -> dict[str, str]:
    return {each["path"]: each["md5"] for each in stages[stage][part]}
