"""What dvc.lock says of the run that wrote a revision's files."""

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.base.errors import PipelineError
from pipeline.comparison.recorded import PREDICTIONS, SPLIT, SUMMARY

LOCK = "dvc.lock"
FOLDS, MODELS = "data/folds.csv", "data/models"
WRITERS = {PREDICTIONS: "evaluate", SPLIT: "split", SUMMARY: "evaluate"}
# A stage, what it reads, and the stage that writes this: of one run where the hashes agree.
READS = (("train", FOLDS, "split"), ("evaluate", FOLDS, "split"), ("evaluate", MODELS, "train"))
# A long history has one dvc.lock for each commit, and libyaml reads eight times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """The last run of a revision.

    Attributes
    ----------
    revision : str
        Its name, for errors.
    model, feature : str
        What was trained; params.yaml may name others that have not run yet.
    hashes : dict
        MD5 of what each stage read ("deps") and wrote ("outs"), by stage, part and path.
    """

    revision: str
    model: str
    feature: str
    hashes: dict[tuple[str, str, str], str]

    def require_one_run(self) -> None:
        """Refuse stages of different runs.

        Raises
        ------
        PipelineError
            A stage read something else than the stage before it wrote.
        """
        for reader, path, writer in READS:
            if self._hash(reader, "deps", path) != self._hash(writer, "outs", path):
                raise PipelineError(
                    f"{LOCK} of {self.revision}: {reader} read another {path} than {writer} "
                    "wrote; run `dvc repro` there"
                )

    def require_written(self, path: str, content: bytes) -> None:
        """Refuse a file that is not as the run left it.

        Raises
        ------
        PipelineError
            The MD5 of `content` is not the one that dvc.lock has for `path`.
        """
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != self._hash(WRITERS[path], "outs", path):
            raise PipelineError(
                f"{path} of {self.revision} is not what the last `dvc repro` wrote; run it again"
            )

    def _hash(self, stage: str, part: str, path: str) -> str:
        try:
            return self.hashes[stage, part, path]
        except KeyError:
            raise PipelineError(
                f"{LOCK} of {self.revision} has no {path} among the {part} of {stage}; "
                "run `dvc repro` there"
            ) from None


def parse_lock(content: bytes, revision: str) -> Run:
    """What a dvc.lock, in DVC's schema 2.0, says of the last run.

    Parameters
    ----------
    content : bytes
    revision : str
        Its name, for errors.

    Raises
    ------
    PipelineError
        It is broken, or does not say what was trained.
    """
    try:
        stages = yaml.load(content, LOADER)["stages"]
        params = stages["train"]["params"]["params.yaml"]
        return Run(revision, str(params["model"]), str(params["feature"]), _hashes(stages))
    except KeyError as error:
        raise PipelineError(f"{LOCK} of {revision} has no {error}; run `dvc repro` there") from None
    except (yaml.YAMLError, TypeError, AttributeError):
        raise PipelineError(
            f"{LOCK} of {revision} is not as DVC writes it; mend it, or delete it and run "
            "`dvc repro`"
        ) from None


def _hashes(stages: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    return {
        (name, part, entry["path"]): entry.get("md5", "")
        for name, stage in stages.items()
        for part in ("deps", "outs")
        for entry in stage.get(part, [])
    }
