"""data/replicas.csv: pairs of tracks that are the same recording."""

from pathlib import Path

from pipeline.base.paths import REPLICAS
from pipeline.base.tables import read_csv

REPLICA_COLUMNS = [
    "track_id",
    "same_as",
    "kind",
    "agreement",
    "offset_seconds",
    "genre",
    "same_as_genre",
]


def read_replica_pairs(path: Path = REPLICAS) -> list[tuple[str, str]]:
    """Read the pairs of track ids that were found to be the same recording."""
    rows = read_csv(path, ["track_id", "same_as"])
    return [(row["track_id"], row["same_as"]) for row in rows]
