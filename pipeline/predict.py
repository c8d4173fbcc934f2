"""Stage: predict the genres of unlabelled tracks, or of given files, by all folds' models.

As a stage it writes data/unlabelled.csv. `python -m pipeline.predict song.mp3 folder ...` prints a
table of these files and of all audio files below these folders. Everything that it needs to know is
in the models, so params.yaml plays no part.
"""

import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

from pipeline.base.cli import (
    RESUMES,
    clean,
    command_line,
    counted,
    output_file,
    run_stage,
    when_interrupted,
)
from pipeline.base.errors import PipelineError
from pipeline.base.files import TRAINED
from pipeline.dataset.folder import audio_files, name_of
from pipeline.prediction.audio_files import (
    describe_models,
    format_table,
    open_outputs,
    predict_files,
    predict_unlabelled,
)
from pipeline.prediction.classifier import Classifier, Prediction
from pipeline.prediction.ensemble import load_models

# Options whose output is of all files, so that it cannot be gone on with.
WHOLE = {
    "--page": ("HTML", "a page to look at and listen to"),
    "--over-time": ("CSV", "the genre of each clip"),
    "--labels": ("TXT", "a label track for Audacity"),
}


def main() -> None:
    """Predict the files that the command line names, or else the dataset's unlabelled tracks."""
    wanted = _arguments()
    if not wanted.files:
        with when_interrupted(RESUMES):
            predict_unlabelled(load_models(wanted.models))
        return
    paths = audio_files(wanted.files)
    classifier = Classifier.load(wanted.models)
    print(clean(describe_models(classifier.models, wanted.models)), file=sys.stderr)
    with when_interrupted(wanted.kept):
        _predict_own(classifier, paths, wanted)


def _arguments() -> Namespace:
    parser = command_line(__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="audio files of your own, or folders")
    parser.add_argument(
        "--csv", type=output_file, metavar="PATH", help="also write the table to PATH"
    )
    parser.add_argument(
        "--resume", action="store_true", help="skip the files that the --csv table already lists"
    )
    for option, (kind, described) in WHOLE.items():
        parser.add_argument(option, type=output_file, metavar=kind, help=described)
    parser.add_argument("--models", type=Path, default=TRAINED, help="folder of models, or one")
    wanted = parser.parse_args()
    whole = [option for option in WHOLE if getattr(wanted, option[2:].replace("-", "_"))]
    if wanted.csv and not wanted.files:
        parser.error("--csv needs files; the dataset's unlabelled tracks go to data/unlabelled.csv")
    if wanted.resume and not wanted.csv:
        parser.error("--resume needs --csv, the table to go on with")
    if whole and not wanted.files:
        parser.error(f"{whole[0]} needs files")
    if whole and wanted.resume:
        parser.error(
            "--resume cannot be combined with --page, --over-time or --labels: they would lack the "
            "files that were predicted before"
        )
    wanted.kept = f"the rows so far are in {wanted.csv}" if wanted.csv else ""
    if wanted.csv and not whole:
        wanted.kept += ": repeat the command with --resume"
    return wanted


def _predict_own(classifier: Classifier, paths: list[Path], wanted: Namespace) -> None:
    shown: dict[Path, Prediction] = {}  # on the page
    with open_outputs(
        classifier.description,
        csv=wanted.csv,
        resume=wanted.resume,
        over_time=wanted.over_time,
        labels=wanted.labels,
        named=len(paths) > 1,
    ) as (outputs, done):
        left = [path for path in paths if name_of(path) not in done]
        if done:
            before = counted(len(done), "file")
            print(f"predicted before: {before}; left: {len(left)}", file=sys.stderr)
        if wanted.page:
            outputs.append(shown.__setitem__)
        rows, errors = predict_files(classifier, left, outputs)
        if rows:
            print(format_table(rows))
        for line in errors:
            print(f"rejected: {line}", file=sys.stderr)
        unusable = PipelineError(f"{len(errors)} of {counted(len(left), 'file')} cannot be used")
        if errors and not rows:  # what is there of the outputs remains
            raise unusable
    if shown:
        # By its name, as the stage does not need it: an edit of a page predicts nothing again.
        song = import_module("pipeline.pages.song_page")
        song.write_song_page(wanted.page, shown, classifier.description, len(classifier.models))
    if errors:
        raise unusable


if __name__ == "__main__":
    run_stage(main, kept="")
