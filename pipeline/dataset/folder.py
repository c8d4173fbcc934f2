"""The folder of a dataset: its files, what metadata.csv says about them, and their genres."""

import errno
import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

from pipeline.audio.clips import EXTENSIONS
from pipeline.base.errors import PipelineError
from pipeline.base.files import csv_columns, file_digest, read_csv
from pipeline.dataset.tracks import normalise

UNLABELLED = "unlabelled"
METADATA = "metadata.csv"
KEYS = ("track_id", "path")
GENRE = "genre"
METADATA_COLUMNS = ("artist", "split", "fold")
ARTIST = METADATA_COLUMNS[0]  # split.group may name another column in its place
# What people call a column that they mean to be read.
ALIASES = {"label": GENRE, "class": GENRE, "set": "split", "subset": "split"}
ALIASES |= {"id": "track_id", "file": "path", "filename": "path"}
ALIKE = 0.75  # words that differ in one letter, or in two that have changed places
LONGEST_WORDS = 50  # characters of a column's name that may be misspelt
PARTS = {"train", "training", "valid", "validation", "val", "dev", "test", "testing", "eval"}
LABEL_THEM = f"label the tracks in {METADATA} (docs/guide.md, A table of labels)"
MOST_NAMED = 10
KINDS = {stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}

Cells = dict[str, str]
Entry = os.DirEntry[str]


@dataclass(frozen=True)
class TrackFile:
    """A file of the dataset; `genre` is empty for an unlabelled track."""

    track_id: str
    genre: str
    path: Path


@dataclass(frozen=True)
class Metadata:
    """What metadata.csv says.

    Attributes
    ----------
    cells : dict
        The `METADATA_COLUMNS` by track id.
    genres : dict or None
        Genres by track id; None where there is no such column, so that folders decide.
    note : str
        Names the columns that hold other facts, if there are any.
    warnings : list of str
        One line each.
    """

    cells: dict[str, Cells] = field(default_factory=dict)
    genres: dict[str, str] | None = None
    note: str = ""
    warnings: list[str] = field(default_factory=list)


def read_dataset(folder: Path, group: str = ARTIST) -> tuple[list[TrackFile], Metadata]:
    """Find the tracks of a dataset and what is known of them, and question their genres.

    Where metadata.csv has a column `genre`, it decides, and folders do not: a file without a genre
    there is left out, unless it lies in `unlabelled`. `group` is the column of metadata.csv that is
    read as the artist.

    Raises
    ------
    PipelineError
        As `find_tracks` and `read_metadata` do, or the genres cannot be those that are meant.
    """
    tracks = find_tracks(folder)
    metadata = read_metadata(tracks, folder, group)
    errors, warnings = list[str](), metadata.warnings
    if metadata.genres is None:
        _question_folders(tracks, folder, errors, warnings)
    else:
        tracks = _labelled(tracks, metadata.genres, warnings)
    _question_genres({track.genre for track in tracks if track.genre}, errors, warnings)
    if errors:
        raise PipelineError(f"{name_of(folder)}: {'; '.join(errors + warnings)}")
    return tracks, metadata


def find_tracks(folder: Path) -> list[TrackFile]:
    """Find every file in the genres' folders and in `unlabelled`, sorted by track id.

    A track's id is its path below `folder` without the extension. A file that is not audio keeps
    its extension, so that its id cannot be the same as a track's. Bytes of a name that are not
    UTF-8 are escaped. Hidden files are left out.

    Raises
    ------
    PipelineError
        `folder` does not exist, has no files, or holds files with the same track id.
    """
    _require_folder(folder)
    tracks = []
    for path in _files(folder):
        genre, below, _ = (track_id := _track_id(_name_below(folder, path))).partition("/")
        if below:
            tracks.append(TrackFile(track_id, "" if genre == UNLABELLED else genre, Path(path)))
    if not tracks:
        raise PipelineError(
            f"{name_of(folder)}: no files in sub-folders; a dataset has one folder for each genre, "
            "with files such as blues/blues.00000.au (songs without a genre are for "
            "`python -m pipeline.predict`)"
        )
    if same := _same_ids((track.track_id, track.path.name) for track in tracks):
        raise PipelineError(same)
    return sorted(tracks, key=lambda track: track.track_id)


def require_readable(folder: Path) -> None:
    """Check that no file of the dataset, hidden ones included, stops DVC or has it wait for ever.

    No file is opened.

    Raises
    ------
    PipelineError
        Names all files and folders that cannot be read, and all files with the same track id.
    """
    _require_folder(folder)
    problems: dict[str, list[str]] = defaultdict(list)
    tracks: list[tuple[str, str]] = []

    def note(error: OSError) -> None:
        problems[f"{error.strerror}: make it readable"].append(_name_below(folder, error.filename))

    for entry in _walk(folder, hidden=True, on_error=note):
        name = _name_below(folder, entry.path)
        if problem := _problem(entry):
            problems[problem].append(name)
        elif "/" in name and "/." not in f"/{name}" and not _is_folder(entry):
            tracks.append((_track_id(name), entry.name))
    texts = [f"{_listed(sorted(names))} ({problem})" for problem, names in problems.items()]
    if texts := [*texts, *filter(None, [_same_ids(tracks)])]:
        raise PipelineError(f"{name_of(folder)}: {'; '.join(texts)}")


def read_metadata(tracks: Sequence[TrackFile], folder: Path, group: str = ARTIST) -> Metadata:
    """Read metadata.csv, if there is one.

    A row names its track in the column `track_id`, or else `path`; letters may be composed or not.
    The column `group` is read as the artist.

    Raises
    ------
    PipelineError
        No column names the tracks, or none is called `group`; a row matches no track, unless the
        table labels others, or more than one; or two rows match the same track.
    """
    path = folder / METADATA
    there = os.path.lexists(path)
    if there and not path.exists():
        raise PipelineError(f"{path} is a link to nothing")
    columns = csv_columns(path) if there else []
    if group not in (*columns, ARTIST):
        raise PipelineError(
            f"split.group = {group!r}: {path} has no such column; its columns are "
            f"{_listed(map(repr, columns)) or 'none'}"
        )
    if not there:
        return Metadata()
    key = _key(columns, path)
    read = {name: name for name in (*METADATA_COLUMNS, *({GENRE} & set(columns)))} | {ARTIST: group}
    names = _names(tracks)
    rows: dict[str, Cells] = {}
    strange: list[str] = []
    for row in read_csv(path, [key]):
        track_id = _match(row[key].strip(), names, path)
        if track_id in rows:
            raise PipelineError(f"{path}: more than one row for the track {track_id}")
        if track_id:
            cells = {name: row.get(column, "").strip() for name, column in read.items()}
            rows[track_id] = {name: _composed(cell) for name, cell in cells.items()}
        else:
            strange.append(repr(row[key].strip()))
    warnings = []
    if strange:
        matches = "row {} matches" if len(strange) == 1 else "rows {} match"
        text = f"the {matches.format(_listed(strange))} no track of the dataset"
        if GENRE not in read or not rows:
            raise PipelineError(f"{path}: {text}, such as {tracks[0].track_id}")
        warnings.append(f"{METADATA}: {text}")
    used = {GENRE, *read.values()}
    others = {
        name: _meant(name, used - set(columns)) for name in columns if name not in ("", key, *used)
    }
    warnings += [
        f"{METADATA}: the column {name!r} is not read; if it is meant as {meant!r}, rename it"
        for name, meant in others.items()
        if meant
    ]
    unused = [name for name, meant in others.items() if not meant]
    return Metadata(
        cells=rows,
        genres={name: row.pop(GENRE) for name, row in rows.items()} if GENRE in read else None,
        note=f"{METADATA}: columns that are not used: {_listed(unused)}" if unused else "",
        warnings=warnings,
    )


def audio_files(paths: Iterable[Path]) -> list[Path]:
    """The files among `paths`, and all audio files below the folders among them, each once.

    Raises
    ------
    PipelineError
        A folder has none.
    """
    files: list[Path] = []
    for path in paths:
        below = sorted(filter(is_audio, map(Path, _files(path)))) if path.is_dir() else [path]
        if not below:
            raise PipelineError(f"{path}: no audio files in this folder")
        files += below
    return list(dict.fromkeys(files))


def hash_files(paths: Sequence[Path]) -> list[str | OSError]:
    """SHA-256 of each file, as hex, or the error raised when reading it.

    Nothing is remembered from one run to the next: on two cores, hashing the thousand tracks of
    GTZAN takes 0.4 s, which is less than DVC takes to look at them.
    """
    from pipeline.base.parallel import map_tracks  # it is slow to import, and `check` hashes none

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


def name_of(path: Path | str) -> str:
    """A path as text; bytes of a name that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_audio(path: Path) -> bool:
    """Return whether a file's name ends as that of an audio file."""
    return path.suffix.lower() in EXTENSIONS


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise PipelineError(f"{name_of(folder)}: no such folder")


def _files(folder: Path) -> Iterator[str]:
    return (entry.path for entry in _walk(folder) if not _is_folder(entry))


def _walk(
    folder: Path, *, hidden: bool = False, on_error: Callable[[OSError], None] | None = None
) -> Iterator[Entry]:
    """Yield all files and folders below a folder; links are followed, but not in circles.

    An error that a folder cannot be read is raised, unless `on_error` takes it.
    """
    pending: list[tuple[str, frozenset[tuple[int, int]]]] = [(os.fspath(folder), frozenset())]
    while pending:
        place, above = pending.pop()
        try:
            state = os.stat(place)
            entries = list(os.scandir(place))
        except OSError as error:
            if not on_error:
                raise
            on_error(error)
            continue
        inside = above | {(state.st_dev, state.st_ino)}
        if inside == above:  # the folder lies in itself
            continue
        for entry in entries:
            if hidden or not entry.name.startswith("."):
                yield entry
                if _is_folder(entry):
                    pending.append((entry.path, inside))


def _is_folder(entry: Entry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _problem(entry: Entry) -> str:
    """Why a file or folder cannot be read, and what to do; empty if it can."""
    try:
        os.fsencode(entry.name).decode()
        mode = entry.stat().st_mode
    except UnicodeDecodeError:
        return "a name that is not UTF-8: rename it"
    except FileNotFoundError:
        return "a link to nothing: mend or remove it"
    except OSError as error:
        return f"{error.strerror}: mend or remove it"
    if stat.S_ISDIR(mode):
        return ""  # whether it can be read is seen when it is
    if not stat.S_ISREG(mode):
        return f"a {KINDS.get(stat.S_IFMT(mode), 'device')}: remove it"
    return "" if os.access(entry.path, os.R_OK) else "Permission denied: make it readable"


def _name_below(folder: Path, path: str) -> str:
    return name_of(path[len(os.path.join(folder, "")) :])


def _track_id(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in EXTENSIONS else name


def _same_ids(files: Iterable[tuple[str, str]]) -> str:
    """Name the files that share a track id; empty if there are none."""
    by_id: dict[str, list[str]] = defaultdict(list)
    for track_id, name in files:
        by_id[track_id].append(name)
    same = [
        f"{track_id}: {' and '.join(sorted(by_id[track_id]))}"
        for track_id in sorted(by_id)
        if len(by_id[track_id]) > 1
    ]
    return f"two files have the track id {_listed(same)}; remove or rename one" if same else ""


def _listed(names: Iterable[str]) -> str:
    """Join names; of a long list the first ones, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _try_hash(path: Path) -> str | OSError:
    try:
        if path.exists() and not path.is_file():  # a pipe would wait for a writer
            return OSError(errno.EINVAL, "not a regular file")
        return file_digest(path)
    except OSError as error:
        return error


def _key(columns: Sequence[str], path: Path) -> str:
    """The column that names the tracks."""
    for key in KEYS:
        if key in columns:
            return key
    meant = {column: _meant(column, KEYS) for column in columns}
    hints = [f"; rename {column!r} to {key}" for column, key in meant.items() if key]
    raise PipelineError(
        f"{path} has no column 'track_id' or 'path'; its columns are "
        f"{_listed(map(repr, columns)) or 'none'}{''.join(hints[:1])}"
    )


def _meant(column: str, names: Iterable[str]) -> str:
    """The one of `names` that a column's name is like; empty if it is like none."""
    meanings = {name: name for name in sorted(names)}
    meanings |= {alias: name for alias, name in ALIASES.items() if name in meanings}
    words = re.findall(r"[^\W_]+", _composed(column[:LONGEST_WORDS]).casefold())
    for word in ("_".join(words), *words):
        for alike in get_close_matches(word, meanings, n=1, cutoff=ALIKE):
            return meanings[alike]
    return ""


def _composed(text: str) -> str:
    return normalize("NFC", text)


def _names(tracks: Sequence[TrackFile]) -> dict[str, set[str]]:
    """Track ids by every name that a row may use: the id or the file name, with or without suffix.

    A file that is not audio has no name without its suffix.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        suffix = track.path.suffix if is_audio(track.path) else ""
        bare = track.track_id.rsplit("/", 1)[-1]
        for name in (track.track_id, track.track_id + suffix, bare, bare + suffix):
            names[_composed(name)].add(track.track_id)
    return names


def _match(name: str, names: Mapping[str, set[str]], path: Path) -> str:
    """The id of the track that a row names; empty if it names none."""
    found = sorted(names.get(_composed(name), ()))
    ids = [each for each in found if _composed(each) == _composed(name)]
    best = [name] if name in found else ids or found
    if len(best) > 1:
        raise PipelineError(f"{path}: the row {name!r} matches both {' and '.join(best[:2])}")
    return best[0] if best else ""


def _labelled(
    files: Sequence[TrackFile], genres: Mapping[str, str], warnings: list[str]
) -> list[TrackFile]:
    """The tracks with the genres of a table; a warning names those that have none."""
    tracks, left_out = [], []
    for file in files:
        genre = genres.get(file.track_id) or ("" if file.genre else UNLABELLED)
        if genre:
            tracks.append(replace(file, genre="" if genre == UNLABELLED else genre))
        elif is_audio(file.path):
            left_out.append(file.track_id)
    if left_out:
        warnings.append(
            f"files left out, as {METADATA} gives them no genre: {len(left_out)} "
            f"({_listed(left_out)}); the genre {UNLABELLED!r} would have them predicted"
        )
    return tracks


def _question_folders(
    tracks: Sequence[TrackFile], folder: Path, errors: list[str], warnings: list[str]
) -> None:
    """Ask whether the folders can be genres."""
    audio = [track for track in tracks if track.genre and is_audio(track.path)]
    places = {track.track_id.rpartition("/")[0] for track in audio}
    genres = sorted({track.genre for track in audio})
    odd = [name for name in genres if name.isdecimal() or name.casefold() in PARTS]
    above = os.path.commonpath(places) if places else ""
    if above and above not in places:
        meant = name_of(folder / above)
        errors.append(f"all audio lies in folders of {above}; did you mean {meant}?")
    elif odd and odd == genres and not any(map(str.isdecimal, odd)):
        errors.append(
            f"the folders {_listed(odd)} are parts of a split; have one folder for each genre, or "
            f"{LABEL_THEM}"
        )
    elif odd and odd == genres and all(map(_is_numbered, audio)):
        errors.append(f"the folders {_listed(odd)} are numbers, as those of FMA; {LABEL_THEM}")
    elif odd:
        warnings.append(f"{_listed(odd)}: folders that are taken for genres; else {LABEL_THEM}")


def _is_numbered(track: TrackFile) -> bool:
    """Whether a file's name is a number that begins or ends as its folder's."""
    name = track.track_id.rpartition("/")[2]
    return name.isdecimal() and (name.startswith(track.genre) or name.endswith(track.genre))


def _question_genres(genres: Iterable[str], errors: list[str], warnings: list[str]) -> None:
    """Ask whether genres are one, and whether one stands for tracks that have none."""
    same: dict[str, list[str]] = defaultdict(list)
    alike: dict[str, list[str]] = defaultdict(list)
    for genre in sorted(genres):
        same[_as_read(genre)].append(genre)
    for read, names in same.items():
        alike[normalise(read)].append(names[0])
        if read.startswith("un") and get_close_matches(read, [UNLABELLED], cutoff=ALIKE):
            errors.append(f"{names[0]!r} would be a genre; rename it to {UNLABELLED!r}")
    if twins := [_told_apart(names) for names in same.values() if len(names) > 1]:
        errors.append(f"genres that are one to a reader: {_listed(twins)}; give each one name")
    if twins := [_told_apart(names) for names in alike.values() if len(names) > 1]:
        warnings.append(f"genres that are spelled alike: {_listed(twins)}")


def _as_read(name: str) -> str:
    """A name as a reader sees it: without case, needless blanks and what is invisible."""
    seen = "".join(c for c in normalize("NFKC", name) if c.isprintable() or c.isspace())
    return " ".join(seen.casefold().split())


def _told_apart(names: Sequence[str]) -> str:
    """Join names; where some look the same, with the letters that they are made of."""
    same = len({_composed(name) for name in names}) < len(names)
    return " and ".join(f"{name!r} ({name!a})" if same else repr(name) for name in names)
