"""The folder of a dataset: its files, and what metadata.csv says about them."""

import errno
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pipeline.audio.readers import EXTENSIONS
from pipeline.base.errors import PipelineError
from pipeline.base.files import file_digest, read_csv
from pipeline.base.parallel import map_tracks

UNLABELLED = "unlabelled"
METADATA = "metadata.csv"
METADATA_COLUMNS = ("artist", "split", "fold")

Cells = dict[str, str]


@dataclass(frozen=True)
class TrackFile:
    """A file of the dataset; `genre` is empty for an unlabelled track."""

    track_id: str
    genre: str
    path: Path


def find_tracks(folder: Path) -> list[TrackFile]:
    """Find every file in the genres' folders and in `unlabelled`, sorted by track id.

    A track's id is its path below `folder` without the extension. A file that is not audio keeps
    its extension, so that its id cannot be the same as a track's. Bytes of a name that are not
    UTF-8 are escaped. Hidden files are left out.

    Raises
    ------
    PipelineError
        `folder` does not exist, has no files, or holds two files with the same track id.
    """
    if not folder.is_dir():
        raise PipelineError(f"{name_of(folder)}: no such folder")
    paths = (path for path in walk_files(folder) if path.parent != folder)
    tracks = sorted((_track_file(folder, path) for path in paths), key=lambda track: track.track_id)
    if not tracks:
        raise PipelineError(
            f"{name_of(folder)}: no files in sub-folders; a dataset has one folder for each genre, "
            "with files such as blues/blues.00000.au (songs without a genre are for "
            "`python -m pipeline.predict`)"
        )
    for first, second in pairwise(tracks):
        if first.track_id == second.track_id:
            raise PipelineError(
                f"two files have the track id {first.track_id}: {first.path.name} and "
                f"{second.path.name}; remove or rename one"
            )
    return tracks


def read_metadata(tracks: Sequence[TrackFile], folder: Path) -> dict[str, Cells]:
    """Read the `METADATA_COLUMNS` of the tracks by track id; empty if there is no such file.

    Raises
    ------
    PipelineError
        A row matches no track, or more than one; or two rows match the same track.
    """
    path = folder / METADATA
    if not os.path.lexists(path):
        return {}
    if not path.exists():
        raise PipelineError(f"{path} is a link to nothing")
    names = _names(tracks)
    known: dict[str, Cells] = {}
    for row in read_csv(path, ["track_id"]):
        track_id = _match(row["track_id"].strip(), names, path)
        if track_id in known:
            raise PipelineError(f"{path}: more than one row for the track {track_id}")
        known[track_id] = {name: row.get(name, "").strip() for name in METADATA_COLUMNS}
    return known


def audio_files(paths: Iterable[Path]) -> list[Path]:
    """The files among `paths`, and all audio files below the folders among them, each once.

    Raises
    ------
    PipelineError
        A folder has none.
    """
    files: list[Path] = []
    for path in paths:
        below = sorted(filter(is_audio, walk_files(path))) if path.is_dir() else [path]
        if not below:
            raise PipelineError(f"{path}: no audio files in this folder")
        files += below
    return list(dict.fromkeys(files))


def hash_files(paths: Sequence[Path]) -> list[str | OSError]:
    """SHA-256 of each file, as hex, or the error raised when reading it.

    Nothing is remembered from one run to the next: on two cores, hashing the thousand tracks of
    GTZAN takes 0.4 s, which is less than DVC takes to look at them.
    """
    return list(map_tracks(_try_hash, paths, total=len(paths), label="hash", light=True))


def unchanged(path: Path, sha256: str) -> Path:
    """Return `path` if the file still has that hash.

    Raises
    ------
    PipelineError
        The file has changed, so its results would be stored under the wrong address.
    """
    if file_digest(path) != sha256:
        raise PipelineError(f"{path} changed while the stage ran; run it again")
    return path


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder that are not hidden; links are followed, but not in circles.

    Raises
    ------
    OSError
        A folder cannot be read.
    """
    pending: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while pending:
        folder, above = pending.pop()
        state = folder.stat()
        place = (state.st_dev, state.st_ino)
        if place in above:  # the folder lies in itself
            continue
        for path in folder.iterdir():
            if not path.name.startswith("."):
                if path.is_dir():
                    pending.append((path, above | {place}))
                else:
                    yield path


def name_of(path: Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_audio(path: Path) -> bool:
    """Return whether a file's name ends as that of an audio file."""
    return path.suffix.lower() in EXTENSIONS


def _track_file(folder: Path, path: Path) -> TrackFile:
    relative = path.relative_to(folder)
    track_id = name_of(relative.with_suffix("") if is_audio(path) else relative)
    genre = name_of(Path(relative.parts[0]))
    return TrackFile(track_id, "" if genre == UNLABELLED else genre, path)


def _try_hash(path: Path) -> str | OSError:
    try:
        if path.exists() and not path.is_file():  # a pipe would wait for a writer
            return OSError(errno.EINVAL, "not a regular file")
        return file_digest(path)
    except OSError as error:
        return error


def _names(tracks: Sequence[TrackFile]) -> dict[str, set[str]]:
    """Track ids by every name that a row may use: the id or the file name, with or without suffix.

    A file that is not audio has no name without its suffix.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        suffix = track.path.suffix if is_audio(track.path) else ""
        bare = track.track_id.rsplit("/", 1)[-1]
        for name in (track.track_id, track.track_id + suffix, bare, bare + suffix):
            names[name].add(track.track_id)
    return names


def _match(name: str, names: dict[str, set[str]], path: Path) -> str:
    track_ids = sorted(names.get(name, ()))
    if not track_ids:
        raise PipelineError(f"{path}: the row {name!r} matches no track of the dataset")
    if name in track_ids:
        return name
    if len(track_ids) > 1:
        raise PipelineError(f"{path}: the row {name!r} matches both {' and '.join(track_ids[:2])}")
    return track_ids[0]
