"""One way to train beside another: on the same folds and seeds, judged by the same tracks."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.saved import load_model
from pipeline.augment_params import AugmentParams
from pipeline.augmentations import Chain
from pipeline.dealing import deal_tracks
from pipeline.errors import PipelineError
from pipeline.fold import COST, CURVES, MODEL
from pipeline.judge import judge_levels, prediction_rows
from pipeline.judging import judge_clips
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.making import make_samples, making_seconds
from pipeline.paired import Judgement, judgement
from pipeline.params import Params
from pipeline.samples import AUGMENTED
from pipeline.store import FEATURE_STORES
from pipeline.tables import read_csv
from pipeline.tracks import FoldedTrack, Track, read_replica_pairs, read_tracks
from pipeline.training import make_tasks, train_folds


@dataclass(frozen=True)
class Trial:
    """One way to train, judged.

    Attributes
    ----------
    validation : float
        Accuracy per clip on the inner validation parts, mean over folds.
    seconds : float
        Of one core: that the folds trained, and an estimate of what the samples take to make.
    megabytes : float
        Of new samples.
    """

    name: str
    validation: float
    judged: Judgement
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Bench:
    """What all trials have in common; `folder` is for the samples of the one that runs."""

    params: Params
    usable: Sequence[Track]
    dealt: Sequence[FoldedTrack]
    clips: LabelledClips
    folder: Path

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and judge with `kinds`, in as many steps as without any; see `with_kinds`."""
        params = with_kinds(self.params, kinds)
        offline = params.augment.mode == "offline"
        if offline:
            make_samples(params, self.usable, self.folder)
        folders = train_folds(make_tasks(params, self.dealt, self.clips, self.folder))
        levels = judge_levels(
            judge_clips(self.clips, [load_model(each / MODEL) for each in folders])
        )
        voted = levels[params.evaluate.vote]
        rows = prediction_rows(levels["mean"], voted, self.clips.genres)
        kept = [kept_accuracy(each / CURVES, params.fit.patience) for each in folders]
        return Trial(
            name,
            float(np.mean(kept)),
            judgement([{key: str(value) for key, value in row.items()} for row in rows]),
            sum(map(_seconds, folders)) + (making_seconds(params, self.usable) if offline else 0),
            sum(path.stat().st_size for path in self.folder.glob("*/*.h5")) / 1e6 if offline else 0,
        )


@contextmanager
def open_bench(params: Params) -> Iterator[Bench]:
    """Deal the tracks as `params` say, and find their clips.

    The samples are in a new folder, which goes when the block ends: those of two runs do not meet.
    """
    usable = read_tracks()
    dealt = deal_tracks(usable, read_replica_pairs(), params.split, params.seed).tracks
    clips = load_labelled(FEATURE_STORES / params.feature, dealt)
    if clips.by_clip:
        raise PipelineError("split.protocol = 'clip' judges no track; choose another")
    with TemporaryDirectory(prefix="ablation-", dir=AUGMENTED.parent) as room:
        yield Bench(params, usable, dealt, clips, Path(room) / "samples")


def with_kinds(params: Params, kinds: tuple[Chain, ...]) -> Params:
    """Parameters of the trial of `kinds`; without augmentation where there are none.

    New samples make an epoch longer by `copies`. The epochs, and those of `patience`, are as many
    fewer, to the nearest whole number above 0, so that what is compared trains in as many steps.
    """
    augment, fit = _only(params.augment, kinds), params.fit
    if augment.mode == "offline":
        longer = 1 + augment.copies
        patience = max(1, round(fit.patience / longer)) if fit.patience else 0
        fit = replace(fit, epochs=max(1, round(fit.epochs / longer)), patience=patience)
    return replace(params, augment=augment, models={**params.models, params.model: fit})


def _only(augment: AugmentParams, kinds: tuple[Chain, ...]) -> AugmentParams:
    """With these kinds alone; no clip has two samples that are the same."""
    vary = all(chain.varies for chain in kinds)
    copies = augment.copies if vary else min(augment.copies, len({chain.effect for chain in kinds}))
    mode = augment.mode if kinds else "none"
    return replace(augment, mode=mode, kinds=kinds, copies=copies)


def kept_accuracy(curves: Path, patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's."""
    rows = read_csv(curves)
    kept = min(rows, key=lambda row: float(row["val_loss"])) if patience else rows[-1]
    return float(kept["val_accuracy"])


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / COST).read_text(encoding="utf-8"))["seconds"])
