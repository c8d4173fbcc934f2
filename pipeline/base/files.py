"""Where the outputs lie; CSV and JSON files, written completely or not at all; and digests."""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, TypeVar

from pipeline.base.cli import warn
from pipeline.base.errors import PipelineError

PARAMS = Path("params.yaml")
DATA = Path("data")
METRICS = Path("metrics")

PARAMS_CHECKED = DATA / "params_checked.txt"
DEMO, DEMO_TRUTH = DATA / "demo", DATA / "demo_truth.csv"
TRACKS, CLIPS = DATA / "tracks.csv", DATA / "clips"
TRACKS_CHECKED = DATA / "tracks_checked.txt"
FEATURE_STORES = DATA / "features"
AUGMENTED, SHEET = DATA / "augmented", DATA / "augmentations.png"
FINGERPRINTS, REPLICAS = DATA / "fingerprints", DATA / "replicas.csv"
FOLDS = DATA / "folds.csv"
TRAINED = DATA / "models"
SPLIT, TRAINING = METRICS / "split.json", METRICS / "training.json"
SUMMARY, SCORES = METRICS / "summary.json", METRICS / "scores.json"
HISTORIES = METRICS / "history.csv"  # of all folds
PREDICTIONS = METRICS / "predictions.csv"
CLIP_PREDICTIONS = DATA / "clip_predictions.csv"
VALIDATION_PREDICTIONS = DATA / "validation_predictions.csv"
UNLABELLED, UNLABELLED_CLIPS = DATA / "unlabelled.csv", DATA / "unlabelled_clips.csv"
REPORT = DATA / "report"

DIGEST = "sha256"  # key of the digest in JSON that has one
MOST_COLUMNS = 20_000  # a table of predictions has one for each genre
MOST_SHOWN = 20  # columns in a message

Item = TypeVar("Item")


def cache_folder() -> Path:
    """The folder of the machine's cache, which the environment names."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("PIPELINE_CACHE") or f"{home}/genre-pipeline").expanduser()


@contextmanager
def locked(path: Path, written: Path | None = None) -> Iterator[None]:
    """Hold the file `path` as a lock, for which other processes wait.

    A file system may refuse all locks. A warning says so then, and nothing is held.

    Parameters
    ----------
    path : Path
    written : Path, optional
        What is written in the block: a second process is refused and does not wait.

    Raises
    ------
    PipelineError
        Another process is writing `written`.
    """
    from filelock import FileLock, Timeout  # slow to import, and few commands need it

    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=written is None)
    except Timeout:
        pid = path.read_text(encoding="utf-8").strip()
        raise PipelineError(
            f"{written} is being written by {f'process {pid}' if pid else 'another process'}; wait "
            "until it ends, or stop it"
        ) from None
    except OSError as error:
        if error.filename:  # it cannot even be opened
            raise
        warn(
            f"{path} cannot be locked ({error.strerror}), as on some network drives: no second "
            "process is kept from the same work, so start one at a time"
        )
    else:
        path.write_text(f"{os.getpid()}\n", encoding="utf-8")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A text file that takes the place of `path` only if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a header of `columns`, and one line for each mapping of `rows`."""
    with replacing(path) as file:
        writer = csv_writer(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def csv_writer(file: IO[str], columns: Sequence[str]) -> "csv.DictWriter[str]":
    """Return a writer of rows that end with a line feed, for a file opened with newline=""."""
    # Python before 3.13 quotes a carriage return only if rows end with one: here they do, until
    # they are written.
    lines = SimpleNamespace(write=lambda row: file.write(row[:-2] + "\n"))
    return csv.DictWriter(lines, columns, lineterminator="\r\n")


def read_csv(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read all rows, as text.

    A row that ends early has nothing in the rest of its `required` columns.

    Raises
    ------
    PipelineError
        The file is missing, is not CSV in UTF-8, or lacks one of the `required` columns.
    """
    return list(iterate_csv(path, required))


def iterate_csv(path: Path, required: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """Yield the rows that `read_csv` returns, one by one, as a row takes a kilobyte of memory."""
    with _reading(path, "a CSV file"), path.open(encoding="utf-8-sig", newline="") as file:
        lines = filter(None, csv.reader(file))
        columns = next(lines, [])
        _require_columns(path, columns, required)
        blank = dict.fromkeys(required, "")
        for cells in lines:
            # Not more cells than the file has: columns may be many, and rows short.
            row = blank | dict(zip(columns, cells, strict=False))
            row.pop("", None)  # a column without a name
            yield row


def csv_columns(path: Path) -> list[str]:
    """The names in the first line of a CSV file, which has to be one as for `read_csv`."""
    with _reading(path, "a CSV file"), path.open(encoding="utf-8-sig", newline="") as file:
        return next(filter(None, csv.reader(file)), [])


def read_rows(
    path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], Item]
) -> list[Item]:
    """Parse each row of a table that a stage wrote.

    Raises
    ------
    PipelineError
        As `read_csv` does, or `parse` raises one, or a ValueError; names the line.
    """
    items = []
    for number, row in enumerate(iterate_csv(path, columns), 2):
        try:
            items.append(parse(row))
        except ValueError:
            raise PipelineError(f"{path}, line {number} is damaged; run `dvc repro`") from None
        except PipelineError as error:
            raise PipelineError(f"{path}, line {number}: {error}") from None
    return items


def natural(text: str) -> int:
    """Return the whole number of at least 0 in a cell; raise ValueError for anything else."""
    number = int(text)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number


def rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Round the floats of a row to four decimals."""
    return {
        name: round(float(value), 4) if isinstance(value, float) else value
        for name, value in row.items()
    }


class GrowingTable:
    """A table that is being written; each row is in the file as soon as it is added.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    resume : bool
        Whether rows that are in the file stay, except for one that was not written whole.

    Attributes
    ----------
    earlier : list of dict
        The rows that were there.

    Raises
    ------
    PipelineError
        The file to go on with has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, resume: bool) -> None:
        self.earlier = _whole_rows(path, columns) if resume and path.exists() else []
        write_csv(path, columns, self.earlier)
        self._file = path.open("a", encoding="utf-8", newline="")
        self._writer = csv_writer(self._file, columns)

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one row."""
        self._writer.writerow(row)
        self._file.flush()

    def __enter__(self) -> "GrowingTable":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, with its keys in the given order."""
    with replacing(path) as file:
        json.dump(content, file, indent=2, allow_nan=False)
        file.write("\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote.

    Raises
    ------
    PipelineError
        The file is missing, or does not hold a JSON object.
    """
    with _reading(path, "JSON"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise PipelineError(f"{path} does not hold a JSON object; run `dvc repro`")
    return content


def digest(*parts: str) -> str:
    """SHA-256 of several texts, in hex; those of ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def content_digest(content: bytes) -> str:
    """SHA-256 of a file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex, with little of it in memory at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_digest(content: Mapping[str, Any]) -> str:
    """Text of a JSON object, with a digest of the rest under the key `DIGEST`.

    Raises
    ------
    ValueError
        The content has that key itself.
    """
    if DIGEST in content:
        raise ValueError(f"{DIGEST!r} is the key of the digest")
    return json.dumps({**content, DIGEST: digest(json.dumps(content))})


def checked(text: str) -> dict[str, Any]:
    """Return the content of a text that `with_digest` returned.

    Raises
    ------
    ValueError
        It is not the text that was written.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.pop(DIGEST, None) != digest(json.dumps(content)):
        raise ValueError("damaged: not the text that was written")
    return content


def version_of(package: str) -> str:
    """Version of the library that is imported as `package`; empty where it is not installed.

    It does not say which distribution that is, as `tensorflow` and `tensorflow-cpu` compute the
    same.
    """
    try:
        return version(package)
    except PackageNotFoundError:  # its distribution has another name
        names = _distributions().get(package, [])
        return " ".join(sorted({version(name) for name in names}))


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Distributions by the packages that they install: it reads the metadata of all."""
    return packages_distributions()


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong as the file is read into an error of one line."""
    if path.exists() and not path.is_file():  # such as a pipe, which would block
        raise PipelineError(f"{path} is not a regular file")
    try:
        yield
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing; run `dvc repro`") from None
    except (csv.Error, ValueError, RecursionError) as error:
        raise PipelineError(f"{path} is not {kind} in UTF-8: {error}") from None


def _require_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    if len(columns) > MOST_COLUMNS:
        raise PipelineError(f"{path} has {len(columns)} columns; {MOST_COLUMNS} are the most")
    for name in required:
        if name not in columns:
            shown = ", ".join(columns[:MOST_SHOWN]) or "none"
            more = ", ..." if len(columns) > MOST_SHOWN else ""
            raise PipelineError(f"{path} has no column {name!r}; its columns are {shown}{more}")


def _whole_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    rows: list[list[str]] = []
    with _reading(path, "a CSV file"), path.open(encoding="utf-8", newline="\n") as file:
        lines = (line for line in file if line.endswith("\n"))
        with suppress(csv.Error):  # the last row ends within quotes
            rows.extend(csv.reader(lines, strict=True))
    if rows and rows[0] != list(columns):
        shown = ", ".join(rows[0][:MOST_SHOWN])
        raise PipelineError(
            f"{path}: its columns are {shown}, and not those of this table; name another file"
        )
    return [dict(zip(columns, row, strict=True)) for row in rows[1:] if len(row) == len(columns)]


def source_of(value: object) -> str:
    """The file that defines the class of `value`, named from the project's root as in dvc.yaml."""
    return f"{type(value).__module__.replace('.', '/')}.py"
