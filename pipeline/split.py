"""Stage: labelled tracks -> data/folds.csv, audited, and what there is to say of it."""

from pathlib import Path

from pipeline.dealing import SHORT, deal_tracks
from pipeline.errors import run_stage
from pipeline.fingerprint import digest
from pipeline.params import load_params
from pipeline.tables import write_json
from pipeline.tracks import FOLDS, read_replica_pairs, read_tracks, write_folds

METRICS = Path("metrics/split.json")


def main() -> None:
    """Deal the labelled tracks into folds as `split` in params.yaml says."""
    params = load_params()
    dealt = deal_tracks(read_tracks(), read_replica_pairs(), params.split, params.seed)
    write_folds(dealt.tracks)
    folds_digest = digest(FOLDS.read_text(encoding="utf-8"))[:SHORT]
    write_json(METRICS, {**dealt.figures, "folds_digest": folds_digest})


if __name__ == "__main__":
    run_stage(main)
