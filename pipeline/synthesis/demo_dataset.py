"""The demo's dataset: its size, and which of its files it wrote itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import PipelineError
from pipeline.base.files import content_digest, read_csv, write_csv
from pipeline.base.types import STRICT


@dataclass(frozen=True, config=STRICT)
class DemoParams:
    """Size of the synthetic dataset; `seconds` is the length of a track."""

    tracks_per_genre: Annotated[int, Field(ge=1, le=1000)]
    artists_per_genre: Annotated[int, Field(ge=1, le=1000)]
    seconds: Annotated[float, Field(ge=1, le=60)]
    unlabelled: Annotated[int, Field(ge=0, le=1000)]


MADE = ".made.csv"  # hidden, so that it is no part of the dataset
COLUMNS = ["file", "sha256"]
# What the demo calls its files: decides where there is no table, as in older commits.
OWN = re.compile(r"(\w+)/demo\.\1\.\d{5}\.wav|unlabelled/unlabelled\.\d{5}\.wav|metadata\.csv")


def write_made(folder: Path) -> None:
    """List all files of a new demo dataset in a table within it."""
    files = sorted(_files(folder))
    rows = [{"file": name, "sha256": content_digest(path.read_bytes())} for name, path in files]
    write_csv(folder / MADE, COLUMNS, rows)


def require_own(folder: Path) -> None:
    """Refuse to go on where the demo's `folder` holds a file that the demo did not make.

    Raises
    ------
    PipelineError
        There is such a file, or one that was changed since; names it.
    """
    table = folder / MADE
    made = None
    if table.is_file():
        made = {row["file"]: row["sha256"] for row in read_csv(table, COLUMNS)}
    for name, path in sorted(_files(folder)):
        if not _is_own(name, path, made):
            raise PipelineError(
                f"{path} is not the demo's own, and would be deleted with it; move it to a folder "
                "of yours that has one sub-folder for each genre, and set dataset.path to that"
            )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of the files and links below `folder`, without the hidden ones."""
    for path in folder.rglob("[!.]*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), path


def _is_own(name: str, path: Path, made: dict[str, str] | None) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if made is None:
        return OWN.fullmatch(name) is not None
    return made.get(name) == content_digest(path.read_bytes())
