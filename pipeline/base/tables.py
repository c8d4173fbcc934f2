"""CSV and JSON files, which are written completely or not at all."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from pipeline.base.errors import PipelineError

Item = TypeVar("Item")

MOST_COLUMNS = 20_000  # a table of predictions has one for each genre
MOST_SHOWN = 20  # columns in a message


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
    """A writer of rows that end with a line feed, as opened with newline=""."""
    # Python before 3.13 puts quotes around a carriage return only if rows end with one.
    return csv.DictWriter(_WithoutCarriageReturn(file), columns, lineterminator="\r\n")


class _WithoutCarriageReturn:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, row: str) -> int:
        """Write a row that ends with a carriage return and a line feed."""
        return self._file.write(f"{row[:-2]}\n")


def rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Round the floats of a row to four decimals."""
    return {
        name: round(float(value), 4) if isinstance(value, float) else value
        for name, value in row.items()
    }


def read_csv(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read all rows, as text.

    A row that ends early has nothing in the rest of its `required` columns.

    Raises
    ------
    PipelineError
        The file is missing, is not CSV in UTF-8, or lacks one of the `required` columns.
    """
    _require_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = filter(None, csv.reader(file))
            columns = next(lines, [])
            _require_columns(path, columns, required)
            # Not more cells than the file has: columns may be many, and rows short.
            return [_row(columns, cells, required) for cells in lines]
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing; run `dvc repro`") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} is not a CSV file in UTF-8: {error}") from None


def read_rows(
    path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], Item]
) -> list[Item]:
    """What `parse` makes of each row of a table that a stage wrote.

    Raises
    ------
    PipelineError
        As `read_csv` does, or `parse` raises one, or a ValueError; names the line.
    """
    found = []
    for number, row in enumerate(read_csv(path, columns), 2):
        try:
            found.append(parse(row))
        except ValueError:
            raise PipelineError(f"{path}, line {number} is damaged; run `dvc repro`") from None
        except PipelineError as error:
            raise PipelineError(f"{path}, line {number}: {error}") from None
    return found


def natural(text: str) -> int:
    """A cell that holds a whole number of at least 0; raises ValueError for others."""
    number = int(text)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number


def _require_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    if len(columns) > MOST_COLUMNS:
        raise PipelineError(f"{path} has {len(columns)} columns; {MOST_COLUMNS} are the most")
    for name in required:
        if name not in columns:
            shown = ", ".join(columns[:MOST_SHOWN]) or "none"
            more = ", ..." if len(columns) > MOST_SHOWN else ""
            raise PipelineError(f"{path} has no column {name!r}; its columns are {shown}{more}")


def _row(columns: Sequence[str], cells: Sequence[str], required: Sequence[str]) -> dict[str, str]:
    row = dict.fromkeys(required, "") | dict(zip(columns, cells, strict=False))
    row.pop("", None)  # a column without a name
    return row


def _require_regular(path: Path) -> None:
    """Refuse what would block or never end, such as a pipe; what is missing is found later."""
    if path.exists() and not path.is_file():
        raise PipelineError(f"{path} is not a regular file")


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
    _require_regular(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing; run `dvc repro`") from None
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{path} is not JSON in UTF-8: {error}") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{path} does not hold a JSON object; run `dvc repro`")
    return content
