"""Try kinds of augmentation, each beside none, on the same folds and seeds."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.augmentation.kind import Chain, chain_of
from pipeline.augmentation.offline import ChainPlan, make_samples, plan_chains
from pipeline.augmentation.samples import target_of
from pipeline.augmentation.target import AugmentParams, Target, reason_against
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, DATA, FEATURE_STORES
from pipeline.dataset.tracks import Track, read_replica_pairs, read_tracks
from pipeline.evaluation.predictions import TrackOutcomes, by_level, outcomes, voted_tracks
from pipeline.evaluation.summary import Row, kept_accuracy
from pipeline.folds.assignment import assign_folds
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack, SplitParams
from pipeline.runs.comparison import Difference, differences
from pipeline.store.store import Store
from pipeline.training.cross_validation import Experiment
from pipeline.training.trained import Record
from pipeline.trials.trial import cross_validate, expected_time

BASELINE, ALL = "none", "all"
TIMED = 20  # tracks whose samples are timed, on behalf of all


@dataclass(frozen=True)
class Trial:
    """One way to augment, and its results.

    Attributes
    ----------
    name : str
    validation : float
        Accuracy per clip on the inner validation parts, averaged over the folds.
    outcomes : TrackOutcomes
        The tracks' votes.
    seconds : float
        Of one core: how long the folds trained, and an estimate of how long samples take to make.
    megabytes : float
        Size of the augmented samples.
    records : list of Record
        How each fold was trained.
    """

    name: str
    validation: float
    outcomes: TrackOutcomes
    seconds: float
    megabytes: float
    records: list[Record]


def run_trials(
    names: Sequence[str], experiment: Experiment, split: SplitParams, vote: str
) -> Iterator[Trial]:
    """Run a trial without augmentation, then each of the others, one after another.

    After the first, a line says how long the others will take. Samples go to a folder of their own,
    which is deleted at the end, so that two runs do not get in each other's way.

    Parameters
    ----------
    names : sequence of str
        Of kinds and chains, or `ALL`; without any, each kind that can change the feature, and all.
    experiment : Experiment
        Its kinds of augmentation play no part; where its mode is "none", they are tried offline.
    split : SplitParams
    vote : str
        The voting rule that tracks are judged by.

    Raises
    ------
    PipelineError
        A name is not that of a kind or chain, or is that of one that cannot change the feature; or
        the protocol predicts no tracks.
    """
    if experiment.augment.mode == "none":
        experiment = replace(experiment, augment=replace(experiment.augment, mode="offline"))
    for name in names:  # a misspelt one is reported before anything is opened
        if name != ALL:
            _named_chain(name, experiment.augment)
    with Store(FEATURE_STORES / experiment.feature) as store:
        target = target_of(store)
    chosen = {BASELINE: (), **chains_to_try(names, experiment.augment, target)}
    usable = read_tracks()
    tracks = assign_folds(usable, read_replica_pairs(), split, experiment.seed).tracks
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    if clips.by_clip:
        raise PipelineError(
            f"split.protocol = {split.protocol!r}: predicts no tracks; choose another"
        )
    # In data/, which is on the cache's file system: what the cache has is linked.
    with TemporaryDirectory(prefix="ablation-", dir=DATA, ignore_cleanup_errors=True) as folder:
        common = Trials(experiment, vote, usable, tracks, clips, Path(folder) / "samples")
        for number, (name, kinds) in enumerate(chosen.items()):
            print(f"-- {name}", flush=True)
            trial = common.run(name, kinds)
            if number == 0:
                others = len(chosen) - 1
                needed = expected_time(trial.records, others * len(trial.records))
                print(
                    f"{others} more to compare: {needed}, besides making samples; less where that "
                    "was done before",
                    flush=True,
                )
            yield trial


def chains_to_try(
    names: Sequence[str], augment: AugmentParams, target: Target
) -> dict[str, tuple[Chain, ...]]:
    """The chains of each trial: those named, or else each that is applicable, and all together.

    Raises
    ------
    PipelineError
        A name is not that of a kind or chain, or is that of one that cannot change the feature.
    """
    chains = augment.applicable_chains(target)
    if not chains:
        name, kind = next(iter(augment.ranges.items()))
        reason = reason_against(target, Chain(name, (kind,)))
        raise PipelineError(f"no kind can change the feature: {name!r} {reason}")
    together = {ALL: tuple(chains)}
    if not names:
        return {chain.name: (chain,) for chain in chains} | together
    return {name: together.get(name) or (_applicable(name, augment, target),) for name in names}


def _applicable(name: str, augment: AugmentParams, target: Target) -> Chain:
    chain = _named_chain(name, augment)
    reason = reason_against(target, chain)
    if reason:
        raise PipelineError(f"{name!r}: {reason}")
    return chain


def _named_chain(name: str, augment: AugmentParams) -> Chain:
    ranges = augment.ranges
    try:
        return chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join([*ranges, ALL])}; + joins several"
        raise PipelineError(f"{name!r}: {error}; choose from {choices}") from None


@dataclass(frozen=True)
class Trials:
    """The setting that all trials share; `folder` is for the samples of the one that runs."""

    experiment: Experiment
    vote: str
    usable: Sequence[Track]
    tracks: Sequence[FoldedTrack]
    clips: LabelledClips
    folder: Path

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and test with `kinds`, in as many training steps as the baseline (`with_kinds`)."""
        experiment = with_kinds(self.experiment, kinds)
        asked = (experiment.augment, experiment.feature, self.usable, experiment.seed)
        making, size = 0.0, 0
        if experiment.augment.mode == "offline":
            make_samples(*asked, self.folder)
            making = estimate_sample_seconds(*asked)
            size = sum(path.stat().st_size for path in self.folder.glob("*/*.h5"))
        validated = cross_validate(experiment, self.tracks, self.clips, self.folder)
        records, patience = validated.records, experiment.network.patience
        levels = by_level(validated.predictions)
        return Trial(
            name=name,
            validation=float(np.mean([kept_accuracy(each.history, patience) for each in records])),
            outcomes=outcomes(voted_tracks(levels, self.vote)),
            seconds=sum(record.seconds for record in records) + making,
            megabytes=size / 1e6,
            records=records,
        )


def with_kinds(experiment: Experiment, kinds: tuple[Chain, ...]) -> Experiment:
    """The experiment with `kinds` as its only augmentation, and without any where there are none.

    There are no more copies than there are different samples of a clip. Augmented samples make an
    epoch longer by the factor 1 + `copies`. `epochs` and `patience` are divided by it, to the
    nearest whole number of at least 1, so that all trials take as many steps.
    """
    augment, network = experiment.augment, experiment.network
    random = all(chain.is_random for chain in kinds)
    distinct = len({chain.identity for chain in kinds})
    augment = replace(
        augment,
        mode=augment.mode if kinds else "none",
        kinds=kinds,
        copies=augment.copies if random else min(augment.copies, distinct),
    )
    if augment.mode == "offline":
        longer = 1 + augment.copies
        patience = max(1, round(network.patience / longer)) if network.patience else 0
        network = replace(network, epochs=max(1, round(network.epochs / longer)), patience=patience)
    return replace(experiment, augment=augment, network=network)


def estimate_sample_seconds(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int
) -> float:
    """Estimate the seconds that one core takes to make the samples of all labelled `tracks`.

    The samples of up to `TIMED` tracks are made, whether the cache has them or not, and are not
    kept. The estimate for all tracks is in proportion to the number of clips.
    """
    labelled = sorted(track.track_id for track in tracks if track.genre)
    some = labelled[:: -(-len(labelled) // TIMED)]
    with Store(FEATURE_STORES / feature) as rows, Store(CLIPS) as sound:
        clips, timed = (sum(map(rows.clips, ids)) for ids in (labelled, some))
        with threadpool_limits(1):
            seconds = sum(map(_seconds, plan_chains(augment, seed, some, rows, sound)))
    return seconds * clips / timed


def _seconds(plan: ChainPlan) -> float:
    plan.recipe(plan.jobs[0].load())  # what is imported and compiled once is not counted
    started = time.process_time()
    for job in plan.jobs:
        plan.recipe(job.load())
    return time.process_time() - started


def ablation_rows(trials: Sequence[Trial]) -> list[Row]:
    """One row for each trial: the baseline first, the others by their inner validation accuracy."""
    if not trials:
        return []
    first, *others = trials
    gains = differences(first.outcomes, [trial.outcomes for trial in others])
    paired = sorted(
        zip(others, gains, strict=True), key=lambda each: each[0].validation, reverse=True
    )
    return [_row(first, None), *(_row(trial, gain) for trial, gain in paired)]


def _row(trial: Trial, gain: Difference | None) -> Row:
    row: Row = {
        "kinds": trial.name,
        "validation_clip_accuracy": trial.validation,
        "track_accuracy": float(trial.outcomes.correct.mean()),
    }
    for name in ("difference", "low", "high", "p_value", "p_holm"):
        row[name] = getattr(gain, name) if gain else ""
    return {**row, "seconds": round(trial.seconds), "megabytes": round(trial.megabytes, 1)}
