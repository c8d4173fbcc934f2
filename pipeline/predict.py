"""Stage: predict the genres of unlabelled tracks, or of given files, by all folds' models.

As a stage it writes data/unlabelled.csv. `python -m pipeline.predict song.mp3 folder ...` prints a
table of these files and of all audio files below these folders. Everything that it needs to know is
in the models, so params.yaml plays no part.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np

from pipeline.base.cli import (
    RESUMES,
    clean,
    command_line,
    output_file,
    progress,
    run_stage,
    when_interrupted,
)
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.files import (
    FEATURE_STORES,
    TRAINED,
    UNLABELLED,
    UNLABELLED_CLIPS,
    GrowingTable,
    write_csv,
)
from pipeline.base.types import Array
from pipeline.dataset.folder import audio_files, name_of
from pipeline.dataset.tracks import read_tracks
from pipeline.evaluation.predictions import predictions_of, write_predictions
from pipeline.prediction.ensemble import Models, load_models, predict_clips
from pipeline.prediction.files import (
    Prediction,
    Row,
    file_columns,
    file_row,
    format_table,
    predict_sound,
    recipe_of,
    require_use,
    track_columns,
    verdict,
    write_labels,
    write_over_time,
)
from pipeline.store.store import Store


def predict_store(
    models: Models, folder: Path, track_ids: Sequence[str]
) -> Iterator[tuple[str, Array]]:
    """Yield each of `track_ids` with its clips' probabilities, from the store `folder`."""
    with Store(folder) as store:
        if store.description != models[0][1].store:
            raise PipelineError(f"the models were not trained on {folder}; run `dvc repro`")
        for track_id in track_ids:
            if track_id not in store:
                raise PipelineError(f"{folder} has no rows of {track_id}")
            yield track_id, predict_clips(models, store.rows(track_id))


def predict_files(
    models: Models,
    paths: Sequence[Path],
    keep: Callable[[Row], None] | None = None,
    heard: dict[Path, Prediction] | None = None,
) -> tuple[list[Row], list[str]]:
    """The rows of the usable files, and one line for each of the others.

    Parameters
    ----------
    keep : callable, optional
        Is given each row as soon as it is there.
    heard : dict, optional
        Gets what is predicted for each file.

    Raises
    ------
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    description = models[0][1]
    recipe_of(description)
    rows, errors = [], []
    with progress(len(paths), "predict", "file") as reported:
        for path in paths:
            try:
                found = predict_sound(models, path)
            except Rejection as rejection:
                errors.append(f"{path}: {rejection}")
            except OSError as error:
                errors.append(f"{path}: {error.strerror}")
            else:
                rows.append(file_row(description.genres, path, found.probabilities, found.tags))
                if keep:
                    keep(rows[-1])
                if heard is not None:
                    heard[path] = found
            reported.update()
    return rows, errors


def add_outputs(parser: ArgumentParser) -> None:
    """Add the options for results over time."""
    for option, kind, described in (
        ("--page", "HTML", "a page to look at and listen to"),
        ("--over-time", "CSV", "the genre of each clip"),
        ("--labels", "TXT", "a label track for Audacity"),
    ):
        parser.add_argument(option, type=output_file, metavar=kind, help=described)


def write_outputs(wanted: Namespace, models: Models, heard: Mapping[Path, Prediction]) -> None:
    """Write what the command line asks for, of what is predicted for each file."""
    description = models[0][1]
    genres, store = description.genres, description.store
    named = {name_of(path): found.probabilities for path, found in heard.items()}
    if wanted.over_time:
        write_over_time(wanted.over_time, named, genres, store["seconds"])
    if wanted.labels:
        write_labels(wanted.labels, named, genres, store["seconds"])
    if wanted.page:
        # By its name, as the stage does not need it: an edit of a page predicts nothing again.
        song = import_module("pipeline.pages.song_page")
        song.write_song_page(wanted.page, heard, description, len(models))


def main() -> None:
    """Predict the files that the command line names, or else the dataset's unlabelled tracks."""
    wanted = _arguments()
    if not wanted.files:
        with when_interrupted(RESUMES):
            _predict_unlabelled(load_models(wanted.models))
        return
    paths = audio_files(wanted.files)
    models = load_models(wanted.models, require_use)
    description = models[0][1]
    has_tags = bool(recipe_of(description)[0].feature.tag_names)
    columns = file_columns(description.genres, has_tags=has_tags)
    growing = wanted.csv and GrowingTable(wanted.csv, columns, resume=wanted.resume)
    with when_interrupted(_kept(wanted)), growing or nullcontext() as table:
        _predict_own(models, paths, table, wanted)


def _arguments() -> Namespace:
    parser = command_line(__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="audio files of your own, or folders")
    parser.add_argument(
        "--csv", type=output_file, metavar="PATH", help="also write the table to PATH"
    )
    parser.add_argument(
        "--resume", action="store_true", help="skip the files that the --csv table already lists"
    )
    add_outputs(parser)
    parser.add_argument("--models", type=Path, default=TRAINED, help="folder of fold-*.keras")
    wanted = parser.parse_args()
    songs = _of_songs(wanted)
    if wanted.csv and not wanted.files:
        parser.error("--csv needs files; the dataset's unlabelled tracks go to data/unlabelled.csv")
    if wanted.resume and not wanted.csv:
        parser.error("--resume needs --csv, the table to go on with")
    if songs and not wanted.files:
        parser.error(f"{songs[0]} needs files")
    if songs and wanted.resume:
        parser.error(
            "--resume cannot be combined with --page, --over-time or --labels: they would lack the "
            "files that were predicted before"
        )
    return wanted


def _kept(wanted: Namespace) -> str:
    """What an interruption leaves of the predictions for files."""
    if not wanted.csv:
        return ""
    kept = f"the rows so far are in {wanted.csv}"
    return kept if _of_songs(wanted) else f"{kept}: repeat the command with --resume"


def _of_songs(wanted: Namespace) -> list[str]:
    """The options that are given of those that `add_outputs` adds."""
    given = {"--page": wanted.page, "--over-time": wanted.over_time, "--labels": wanted.labels}
    return [option for option, path in given.items() if path]


def _predict_own(
    models: Models, paths: list[Path], table: GrowingTable | None, wanted: Namespace
) -> None:
    if table is not None and table.earlier:
        done = {row["file"] for row in table.earlier}
        paths = [path for path in paths if name_of(path) not in done]
        print(f"{len(done)} files were predicted before, {len(paths)} are left", file=sys.stderr)
    heard: dict[Path, Prediction] = {}
    rows, errors = predict_files(models, paths, table.add if table is not None else None, heard)
    if rows:
        print(format_table(rows))
    for line in errors:
        print(f"rejected: {clean(line)}", file=sys.stderr)
    if rows:
        write_outputs(wanted, models, heard)
    if errors:
        raise PipelineError(f"{len(errors)} of {len(paths)} files cannot be used")


def _predict_unlabelled(models: Models) -> None:
    track_ids = [track.track_id for track in read_tracks() if not track.genre]
    folder = FEATURE_STORES / models[0][1].feature
    genres = models[0][1].genres
    found = dict(predict_store(models, folder, track_ids))
    rows = ({"track_id": name, **verdict(genres, p.mean(axis=0))} for name, p in found.items())
    write_csv(UNLABELLED, track_columns(genres), rows)
    counts = [len(chances) for chances in found.values()]
    clips = predictions_of(
        genres,
        np.repeat(np.array(list(found), str), counts),
        np.concatenate([np.empty((0, len(genres))), *found.values()]),
        clips=np.concatenate([np.empty(0, int), *map(np.arange, counts)]),
    )
    write_predictions(UNLABELLED_CLIPS, clips)


if __name__ == "__main__":
    run_stage(main, kept="")
