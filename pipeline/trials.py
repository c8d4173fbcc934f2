"""One way to train beside another: on the same folds and seeds, judged by the same tracks."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.saved import load_model
from pipeline.augment_params import AugmentParams
from pipeline.augmentations import Chain
from pipeline.dealing import deal_tracks
from pipeline.errors import PipelineError
from pipeline.judge import judge_levels, prediction_rows
from pipeline.judging import judge_clips
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.paired import Judgement, judgement
from pipeline.params import Params
from pipeline.samples import AUGMENTED, make_samples
from pipeline.store import FEATURE_STORES
from pipeline.tables import read_csv
from pipeline.tracks import FoldedTrack, Track, read_replica_pairs, read_tracks
from pipeline.training import COST, CURVES, MODEL, make_tasks, train_folds

SCRATCH = AUGMENTED.with_name("ablation")  # samples of the trial that runs


@dataclass(frozen=True)
class Trial:
    """One way to train, judged.

    Attributes
    ----------
    validation : float
        Accuracy per clip on the inner validation parts, mean over folds.
    seconds : float
        That the folds trained, on a core each, and the samples took to make.
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
    """What all trials have in common."""

    params: Params
    usable: Sequence[Track]
    dealt: Sequence[FoldedTrack]
    clips: LabelledClips

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and judge with `kinds`; without augmentation where there are none."""
        params = replace(self.params, augment=_only(self.params.augment, kinds))
        offline = params.augment.mode == "offline"
        started = time.monotonic()
        if offline:
            make_samples(params, self.usable, SCRATCH)
        making = time.monotonic() - started
        folders = train_folds(make_tasks(params, self.dealt, self.clips, SCRATCH))
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
            making + sum(map(_seconds, folders)),
            sum(path.stat().st_size for path in SCRATCH.glob("*/*.h5")) / 1e6 if offline else 0,
        )


def open_bench(params: Params) -> Bench:
    """Deal the tracks as `params` say, and find their clips."""
    usable = read_tracks()
    dealt = deal_tracks(usable, read_replica_pairs(), params.split, params.seed).tracks
    clips = load_labelled(FEATURE_STORES / params.feature, dealt)
    if clips.by_clip:
        raise PipelineError("split.protocol = 'clip' judges no track; choose another")
    return Bench(params, usable, dealt, clips)


def _only(augment: AugmentParams, kinds: tuple[Chain, ...]) -> AugmentParams:
    """With these kinds alone; no clip has two samples that are the same."""
    vary = all(chain.varies for chain in kinds)
    copies = augment.copies if vary else min(augment.copies, len(kinds))
    mode = augment.mode if kinds else "none"
    return replace(augment, mode=mode, kinds=kinds, copies=copies)


def kept_accuracy(curves: Path, patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's."""
    rows = read_csv(curves)
    kept = min(rows, key=lambda row: float(row["val_loss"])) if patience else rows[-1]
    return float(kept["val_accuracy"])


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / COST).read_text(encoding="utf-8"))["seconds"])
