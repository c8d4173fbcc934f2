"""The table of replicas, as far as later stages read it."""

from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.dataset.tracks import read_replica_pairs


def test_only_the_two_track_ids_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"
    path.write_text("kind,same_as,track_id\nsame,a/2,a/1\n")
    assert read_replica_pairs(path) == [("a/1", "a/2")]
    path.write_text("track_id,same_as\n")
    assert read_replica_pairs(path) == []
    path.write_text("track_id,kind\n")
    with pytest.raises(PipelineError, match=r"replicas\.csv has no column 'same_as'"):
        read_replica_pairs(path)
