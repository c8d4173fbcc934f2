"""How a run was made: parameters, versions and durations, as `train` and `split` recorded them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.base.terminal import duration

Rows = list[tuple[str, str]]
RUN = "Run"
# Keys of metrics/training.json that get a table of their own.
APART = ("parameters", "versions", "seconds", "seconds_of_folds")


@dataclass(frozen=True)
class Table:
    """Names and values under a title; a note says what is to be known of them."""

    title: str
    rows: Rows
    note: str = ""


def how_it_was_made(record: Mapping[str, Any], split: Mapping[str, Any]) -> list[Table]:
    """Tables from metrics/training.json and metrics/split.json.

    What a file lacks is in no table.
    """
    tables = [
        *_parameters(record.get("parameters", {})),
        Table("Training", _flat({key: each for key, each in record.items() if key not in APART})),
        Table("Versions", _flat(record.get("versions", {})), "As training found them."),
        _durations(record),
        Table("Folds", _flat(split)),
    ]
    return [table for table in tables if table.rows]


def _parameters(parameters: Mapping[str, Any]) -> Iterator[Table]:
    """A table for each section, such as models.cnn, after one of the keys above all sections."""
    yield Table(RUN, _flat({k: each for k, each in parameters.items() if not _is_section(each)}))
    for name, section in parameters.items():
        if _is_section(section):
            yield from _sections(name, section)


def _sections(name: str, section: Mapping[str, Any]) -> Iterator[Table]:
    inner = {key: each for key, each in section.items() if _is_section(each)}
    yield Table(name, _flat({key: each for key, each in section.items() if key not in inner}))
    for key, each in inner.items():
        yield from _sections(f"{name}.{key}", each)


def _durations(record: Mapping[str, Any]) -> Table:
    """Of each fold, and of all: what it took to train them, whenever that was."""
    rows = [
        (f"fold {fold}", duration(seconds))
        for fold, seconds in record.get("seconds_of_folds", {}).items()
    ]
    if "seconds" in record:
        rows.append(("all folds, one after another", duration(record["seconds"])))
    return Table("Time of training", rows, "A fold in the cache took it in an earlier run.")


def _is_section(value: Any) -> bool:
    return isinstance(value, dict)


def _flat(content: Mapping[str, Any]) -> Rows:
    return [
        (key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for key, value in content.items()
    ]
