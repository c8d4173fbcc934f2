"""A dataset folder: which files are its tracks."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pipeline.audio.decode import EXTENSIONS
from pipeline.base.errors import PipelineError

UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class TrackFile:
    """A file of the dataset; `genre` is empty for a track to classify."""

    track_id: str
    genre: str
    path: Path


def find_tracks(folder: Path) -> list[TrackFile]:
    """Every file below a genre's or the unlabelled folder, sorted by track id.

    A track's id is its path below `folder` without the extension; a file that is not audio
    keeps its extension, so that it cannot be taken for a track. Hidden files are left out.

    Raises
    ------
    PipelineError
        `folder` is no folder, has no files, or holds two files with one track id.
    """
    if not folder.is_dir():
        raise PipelineError(f"dataset.path = {str(folder)!r}: no such folder")
    tracks = sorted(_walk(folder), key=lambda track: track.track_id)
    if not tracks:
        raise PipelineError(
            f"dataset.path = {str(folder)!r}: no files in sub-folders; expected one folder a "
            "genre, such as blues/blues.00000.au"
        )
    for first, second in pairwise(tracks):
        if first.track_id == second.track_id:
            raise PipelineError(
                f"two files have the track id {first.track_id}: {first.path.name} and "
                f"{second.path.name}; remove or rename one"
            )
    return tracks


def _walk(folder: Path) -> Iterator[TrackFile]:
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if Path(root) == folder:
            continue
        for name in files:
            if not name.startswith("."):
                yield _track(folder, Path(root, name))


def _track(folder: Path, path: Path) -> TrackFile:
    relative = path.relative_to(folder)
    is_audio = path.suffix.lower() in EXTENSIONS
    track_id = (relative.with_suffix("") if is_audio else relative).as_posix()
    genre = relative.parts[0]
    return TrackFile(track_id, "" if genre == UNLABELLED else genre, path)
