"""CSV and JSON files, which are written completely or not at all."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.base.errors import PipelineError


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
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Round the floats of a row to four decimals."""
    return {
        name: round(float(value), 4) if isinstance(value, float) else value
        for name, value in row.items()
    }


def read_csv(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read all rows, as text.

    Raises
    ------
    PipelineError
        The file is missing, is not CSV in UTF-8, or lacks one of the `required` columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [{key: value or "" for key, value in row.items() if key} for row in reader]
            columns = reader.fieldnames or []
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} is not a CSV file in UTF-8: {error}") from None
    missing = [name for name in required if name not in columns]
    if missing:
        raise PipelineError(
            f"{path} has no column {missing[0]!r}; its columns are {', '.join(columns) or 'none'}"
        )
    return rows


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a flat JSON object, with its keys in the given order."""
    with replacing(path) as file:
        json.dump(content, file, indent=2, allow_nan=False)
        file.write("\n")
