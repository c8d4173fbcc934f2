"""What metadata.csv, the dataset's optional table, and GTZAN's facts say about each track."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.base.errors import PipelineError
from pipeline.base.tables import read_csv
from pipeline.dataset.files import TrackFile, is_audio
from pipeline.dataset.gtzan import Fact

NAME = "metadata.csv"
COLUMNS = ("artist", "split", "fold")

Cells = dict[str, str]


def read_metadata(tracks: Sequence[TrackFile], folder: Path) -> dict[str, Cells]:
    """Read the cells of `COLUMNS` by track id; without the file, the result is empty.

    Raises
    ------
    PipelineError
        A row matches no track, or more than one; or two rows match the same track.
    """
    path = folder / NAME
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
        known[track_id] = {name: row.get(name, "").strip() for name in COLUMNS}
    return known


def with_gtzan_artists(known: Mapping[str, Cells], facts: Mapping[str, Fact]) -> dict[str, Cells]:
    """Return `known` with the artists of GTZAN's `facts` where it names none."""
    filled = dict(known)
    for track_id, fact in facts.items():
        cells = known.get(track_id, {})
        filled[track_id] = {**cells, "artist": cells.get("artist") or fact.artist}
    return filled


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
    found = sorted(names.get(name, ()))
    if not found:
        raise PipelineError(f"{path}: the row {name!r} matches no track of the dataset")
    if len(found) > 1 and name not in found:
        raise PipelineError(f"{path}: the row {name!r} matches both {' and '.join(found[:2])}")
    return name if name in found else found[0]
