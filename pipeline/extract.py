"""Stage, one a feature: PCM clips -> data/features/<name>."""

import argparse
from dataclasses import asdict
from pathlib import Path

from pipeline.clips import from_pcm
from pipeline.errors import run_stage
from pipeline.features import FEATURES, Array, Feature
from pipeline.parallel import map_tracks
from pipeline.params import load_params
from pipeline.store import CLIPS, FEATURE_STORES, Store, iterate, write_store


def extract(clips: Store, name: str, feature: Feature, folder: Path) -> None:
    """Compute a feature of every clip, track by track, into a store of its own."""
    sample_rate = clips.description["sample_rate"]

    def of_track(track: tuple[str, Array]) -> tuple[str, Array]:
        track_id, pcm = track
        return track_id, feature(from_pcm(pcm), sample_rate)

    description = {**clips.description, "name": name, "unit": feature.unit}
    description["params"] = asdict(feature)
    tracks = map_tracks(of_track, iterate(clips), total=len(clips.track_ids), label=name)
    write_store(folder, description, tracks)


def main() -> None:
    """Extract the feature that the command line names, as params.yaml says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feature", choices=FEATURES)
    name = parser.parse_args().feature
    feature = load_params().extract[name]
    with Store(CLIPS) as clips:
        extract(clips, name, feature, FEATURE_STORES / name)


if __name__ == "__main__":
    run_stage(main)
