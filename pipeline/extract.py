"""Stage, one a feature: PCM clips -> data/features/<name>."""

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipeline.build import build_store
from pipeline.errors import run_stage
from pipeline.extraction import ExtractFeature
from pipeline.features import FEATURES, Feature
from pipeline.params import load_params
from pipeline.plan import jobs_of
from pipeline.store import CLIPS, FEATURE_STORES, Store
from pipeline.validate import choice


def extract(clips: Path, name: str, feature: Feature, folder: Path) -> None:
    """Compute a feature of every clip in the store `clips` into the store `folder`."""
    with Store(clips) as store:
        recipe = ExtractFeature(feature, store.description["sample_rate"])
        template = partial(recipe.template, store.shape[1])
        description = {**store.description, "name": name, "unit": feature.unit}
    description["params"] = asdict(feature)
    build_store(folder, description, template, jobs_of(clips), recipe)


def main() -> None:
    """Extract the feature that the command line names, as params.yaml says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feature", choices=FEATURES)
    name = parser.parse_args().feature
    features = load_params().extract
    choice(name, "feature", features, "extracted features (extract.features)")
    extract(CLIPS, name, features[name], FEATURE_STORES / name)


if __name__ == "__main__":
    run_stage(main)
