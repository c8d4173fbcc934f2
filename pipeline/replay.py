"""Command: make augmented samples again, each from its record and its parent, and compare.

`python -m pipeline.replay` does so for every sample in data/augmented. With names of samples
(track:clip:copy) it does so for these and prints their records; `--save FILE.png` draws one of them
beside its parent. The current params.yaml plays no part.
"""

import hashlib
import json
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.clips import Pcm
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.samples import Sample, by_store, read_samples, require_rows, target_of
from pipeline.augmentation.sheet import write_pair
from pipeline.augmentation.target import Target
from pipeline.base.cli import command_line, output_file, progress, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.base.types import Array
from pipeline.store.store import Store


@dataclass(frozen=True)
class Replayed:
    """A sample as it is stored, and as it was made again.

    Attributes
    ----------
    sample : Sample
    parent, stored, again : array
        Rows of the same shape and dtype.
    """

    sample: Sample
    parent: Array
    stored: Array
    again: Array

    @property
    def same(self) -> bool:
        """Whether the two agree bit for bit."""
        return self.stored.dtype == self.again.dtype and (
            self.stored.tobytes() == self.again.tobytes()
        )

    @property
    def difference(self) -> float:
        """The largest absolute difference between two values."""
        return float(np.abs(self.stored.astype(np.float64) - self.again).max())


def replay(samples: Sequence[Sample], names: Collection[str]) -> Iterator[Replayed]:
    """Make the samples with these `names` again, one at a time, in the order of the table.

    Parameters
    ----------
    samples : sequence of Sample
        The whole table, with at least one sample.

    Raises
    ------
    PipelineError
        A parent has changed, or the table and the stores do not agree.
    """
    with Store(FEATURE_STORES / samples[0].feature) as rows, Store(CLIPS) as sound:
        target = target_of(rows)
        for sample, stored in _stored(samples, names):
            parent = _row(rows, sample)
            if parent is None or hashlib.sha256(parent.tobytes()).hexdigest() != (
                sample.parent_sha256
            ):
                raise _changed(sample, rows.folder)
            pcm = _row(sound, sample) if _needs_sound(sample) else None
            if pcm is None and _needs_sound(sample):
                raise _changed(sample, sound.folder)
            yield Replayed(sample, parent, stored, _again(target, sample, parent, pcm))


def _stored(samples: Sequence[Sample], names: Collection[str]) -> Iterator[tuple[Sample, Array]]:
    for chain, tracks in by_store(samples).items():
        with Store(AUGMENTED / chain) as store:
            for track_id, made in tracks.items():
                require_rows(store, track_id, made)
                for number, sample in enumerate(made):
                    if sample.name in names:
                        yield sample, store.rows(track_id)[number]


def _row(store: Store, sample: Sample) -> Array | None:
    """The row of the sample's parent; None where there is none."""
    if sample.track_id not in store or sample.clip >= store.clips(sample.track_id):
        return None
    return store.rows(sample.track_id)[sample.clip]


def _needs_sound(sample: Sample) -> bool:
    return any(augmentations()[state["kind"]].acts_on == "sound" for state in sample.states)


def _again(target: Target, sample: Sample, parent: Array, pcm: Pcm | None) -> Array:
    try:
        kinds = [augmentations()[state["kind"]] for state in sample.states]
        return target.make_sample(kinds, sample.states, parent, pcm)
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"sample {sample.name}: its record {json.dumps(sample.states)} does not fit what its "
            f"kinds draw now ({error!r}); run `dvc repro`"
        ) from None


def _changed(sample: Sample, folder: Path) -> PipelineError:
    return PipelineError(
        f"sample {sample.name}: its parent has changed, or is no longer in {folder}; "
        "run `dvc repro`"
    )


def format_record(replayed: Replayed) -> str:
    """Format all that is known of a sample, for a terminal."""
    sample = replayed.sample
    lines = {
        "sample": sample.name,
        "parent": f"{sample.track_id}, clip {sample.clip}, SHA-256 {sample.parent_sha256}",
        "row": f"SHA-256 {sample.sha256}",
        "chain": sample.chain,
        "states": json.dumps(sample.states),
        "feature": sample.feature,
        "label": sample.genre,
        "made again": "the same" if replayed.same else "differs",
    }
    return "\n".join(f"{name:<10}  {value}" for name, value in lines.items())


def choose(samples: Sequence[Sample], names: Sequence[str]) -> list[str]:
    """The names that were asked for, by default those of all samples."""
    if not samples:
        raise PipelineError(
            f"{AUGMENTED} has no samples; `dvc exp run -S augment.mode=offline` makes some"
        )
    known = [sample.name for sample in samples]
    unknown = set(names) - set(known)
    if unknown:
        first = next(name for name in names if name in unknown)
        raise PipelineError(
            f"there is no sample {first!r}; names are track:clip:copy, such as {known[0]!r}"
        )
    return list(dict.fromkeys(names or known))


def main() -> None:
    """Make the samples again that the command line names, or all of them."""
    parser = command_line(__doc__)
    parser.add_argument(
        "samples", nargs="*", metavar="SAMPLE", help="track:clip:copy; default: all"
    )
    parser.add_argument(
        "--save", type=output_file, metavar="FILE.png", help="draw it beside its parent"
    )
    asked = parser.parse_args()
    if asked.save and len(asked.samples) != 1:
        raise PipelineError(f"--save draws one sample, not {len(asked.samples) or 'all'}")
    samples = read_samples(AUGMENTED)
    names = set(choose(samples, asked.samples))
    differing, most = [], 0.0
    with progress(len(names), "replay", "sample") as reported:
        for made in replay(samples, names):
            _show(made, asked)
            if not made.same:
                differing.append(made.sample.name)
                most = max(most, made.difference)
            reported.update()
    if differing:
        raise PipelineError(
            f"sample {differing[0]} is not what its record makes: {len(differing)} of {len(names)} "
            f"differ, by up to {most:.3g}; another processor or version of a library may change "
            "the last bits"
        )
    count = "1 sample" if len(names) == 1 else f"{len(names)} samples"
    print(f"{count} made again, all the same")


def _show(made: Replayed, asked: Namespace) -> None:
    """Print the record of a sample that was named, and draw it if that was asked for."""
    if asked.samples:
        print(format_record(made))
    if asked.save:
        asked.save.parent.mkdir(parents=True, exist_ok=True)
        write_pair(made.sample.name, made.parent, made.again, made.sample.states, asked.save)
        print(f"{asked.save}: the parent and the sample")


if __name__ == "__main__":
    run_stage(main, kept="")
