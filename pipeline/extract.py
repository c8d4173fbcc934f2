"""Stage: compute one feature of the PCM clips, into data/features/<name>."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.features.shared.feature import ExtractFeature, Feature, feature_names, read_feature
from pipeline.store.build import build_store, jobs_of
from pipeline.store.store import Store


def extract(clips: Path, name: str, feature: Feature, folder: Path) -> None:
    """Compute a feature of every clip in the store `clips`, and write the store `folder`."""
    with Store(clips) as store:
        recipe = ExtractFeature(feature, store.description["sample_rate"], feature.versions)
        template = partial(feature.template, store.shape[1], recipe.sample_rate)
        description = {**store.description, "name": name, "unit": feature.unit}
    description["params"] = asdict(feature)
    if feature.is_vector:
        description["vector"] = 1
    build_store(folder, description, template, jobs_of(clips), recipe)


def main() -> None:
    """Extract the feature that the command line names, as params.yaml says."""
    parser = command_line(__doc__)
    parser.add_argument("feature", choices=feature_names())
    name = parser.parse_args().feature
    extract(CLIPS, name, read_feature(name), FEATURE_STORES / name)


if __name__ == "__main__":
    run_stage(main)
