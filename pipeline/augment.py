"""Stage: make augmented samples of the labelled clips, and draw what each kind does."""

from pipeline.augmentation.offline import make_samples
from pipeline.augmentation.samples import write_samples
from pipeline.augmentation.sheet import write_sheet
from pipeline.augmentation.target import parse_augment
from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import AUGMENTED, SHEET
from pipeline.base.params import lookup, read_name, read_seed
from pipeline.dataset.tracks import read_tracks
from pipeline.store.build import replacing_folder


def main() -> None:
    """Make the samples that `augment` in params.yaml asks for: none unless its mode is offline."""
    command_line(__doc__).parse_args()
    augment = parse_augment(lookup("augment"))
    feature, seed, tracks = read_name("feature"), read_seed(), read_tracks()
    if augment.mode == "offline":
        count = make_samples(augment, feature, tracks, seed, AUGMENTED)
        print(f"{count} new samples in {AUGMENTED}")
    else:
        with replacing_folder(AUGMENTED) as new:
            write_samples(new, [])
    write_sheet(augment, feature, tracks, seed, SHEET)


if __name__ == "__main__":
    run_stage(main)
