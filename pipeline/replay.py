"""Command: make augmented samples again, each from its record and its parent, and compare.

`python -m pipeline.replay` does so for every sample in data/augmented. With names of samples
(track:clip:copy) it does so for these and prints their records; `--save FILE.png` draws one of them
beside its parent. The current params.yaml plays no part.
"""

import json
from argparse import Namespace

from pipeline.augmentation.samples import Replayed, choose_names, read_samples, replay
from pipeline.augmentation.sheet import write_pair
from pipeline.base.cli import command_line, output_file, progress, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED


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
    names = choose_names(samples, asked.samples)
    differences = {}
    with progress(len(names), "replay", "sample") as reported:
        for made in replay(samples, names):
            _show(made, asked)
            if not made.same:
                differences[made.sample.name] = made.difference
            reported.update()
    if differences:
        raise PipelineError(
            f"sample {next(iter(differences))} is not what its record makes: {len(differences)} of "
            f"{len(names)} differ, by up to {max(differences.values()):.3g}; another processor or "
            "version of a library may change the last bits"
        )
    count = "1 sample" if len(names) == 1 else f"{len(names)} samples"
    print(f"{count} made again, all the same")


def _show(made: Replayed, asked: Namespace) -> None:
    """Print the record of a sample that was named, and draw it if that was asked for."""
    if asked.samples:
        print(_record(made))
    if asked.save:
        asked.save.parent.mkdir(parents=True, exist_ok=True)
        write_pair(made.sample.name, made.parent, made.again, made.sample.states, asked.save)
        print(f"{asked.save}: the parent and the sample")


def _record(replayed: Replayed) -> str:
    """All that is known of a sample, one line each."""
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


if __name__ == "__main__":
    run_stage(main, kept="")
