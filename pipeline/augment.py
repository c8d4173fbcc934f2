"""Stage: labelled clips -> new labelled samples, and a picture of what each kind does."""

import shutil

from pipeline.contact_sheet import SHEET, write_sheet
from pipeline.errors import run_stage
from pipeline.making import make_samples
from pipeline.params import load_params
from pipeline.samples import AUGMENTED, write_samples
from pipeline.tracks import read_tracks


def main() -> None:
    """Make what `augment` in params.yaml asks for: nothing, unless its mode is offline."""
    params = load_params()
    tracks = read_tracks()
    if params.augment.mode == "offline":
        count = make_samples(params, tracks, AUGMENTED)
        print(f"{count} new samples in {AUGMENTED}")
    else:
        shutil.rmtree(AUGMENTED, ignore_errors=True)
        write_samples(AUGMENTED, [])
    write_sheet(params, tracks, SHEET)


if __name__ == "__main__":
    run_stage(main)
