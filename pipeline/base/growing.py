"""A CSV file that gains a row at a time, and is good whenever its writer ends."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.errors import PipelineError
from pipeline.base.tables import MOST_SHOWN, csv_writer, write_csv


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


def _whole_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    rows: list[list[str]] = []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            lines = (line for line in file if line.endswith("\n"))
            rows.extend(csv.reader(lines, strict=True))
    except csv.Error:
        pass  # the last row ends within quotes
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path} is not a CSV file in UTF-8: {error}") from None
    if rows and rows[0] != list(columns):
        shown = ", ".join(rows[0][:MOST_SHOWN])
        raise PipelineError(
            f"{path}: its columns are {shown}, and not those of this table; name another file"
        )
    return [dict(zip(columns, row, strict=True)) for row in rows[1:] if len(row) == len(columns)]
