"""Stage: test the model of each fold on the tracks that it was not trained on."""

from importlib import import_module

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIP_PREDICTIONS,
    FEATURE_STORES,
    HISTORIES,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINED,
    TRAINING,
    VALIDATION_PREDICTIONS,
    content_digest,
    read_json,
    rounded,
    write_json,
)
from pipeline.base.params import read_name, read_section
from pipeline.evaluation.predictions import (
    CLIP,
    EvaluateParams,
    by_level,
    voted_tracks,
    write_predictions,
)
from pipeline.evaluation.summary import (
    headline,
    parse_histories,
    split_summary,
    summarise,
    summarise_leaky,
    write_curves,
    write_tables,
)
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.prediction.ensemble import load_models, models_digest, predict_out_of_fold

OF_ONE_RUN = (SPLIT, TRAINING, HISTORIES, VALIDATION_PREDICTIONS, SUMMARY, PREDICTIONS)


def main() -> None:
    """Test the models in data/models."""
    command_line(__doc__).parse_args()
    vote = read_section(EvaluateParams, "evaluate").vote
    split, training = read_json(SPLIT), read_json(TRAINING)
    if training["folds_digest"] != split["folds_digest"]:
        raise PipelineError(f"{TRAINING} is of other folds than {SPLIT}; run `dvc repro`")
    labelled = load_labelled(FEATURE_STORES / read_name("feature"), read_folds())
    clips = predict_out_of_fold(labelled, load_models(TRAINED))
    if labelled.by_clip:
        levels, tracks, figures = {CLIP: clips}, clips, summarise_leaky(clips)
        write_predictions(PREDICTIONS, clips)
    else:
        levels = by_level(clips)
        tracks, figures = levels[vote], summarise(levels, vote)
        write_predictions(PREDICTIONS, voted_tracks(levels, vote))
    write_predictions(CLIP_PREDICTIONS, clips)
    write_tables(levels, tracks)
    write_curves(parse_histories(HISTORIES.read_bytes(), str(HISTORIES)))
    summary, others = split_summary(rounded(figures))
    write_json(SUMMARY, summary)
    digests = {path.as_posix(): content_digest(path.read_bytes()) for path in OF_ONE_RUN}
    digests[TRAINED.as_posix()] = models_digest(TRAINED)
    write_json(SCORES, {"vote": vote, **others, "sha256": digests})
    trained = training["parameters"]
    name = f"{trained['model']} on {trained['feature']}"
    comparable = _is_comparable()
    print(headline(rounded(figures), tracks, split, name, vote, comparable=comparable))


def _is_comparable() -> bool:
    """Whether the run that was just recorded can be compared with that of the last commit."""
    # By its name, as no figure follows from it: an edit of how runs are compared evaluates nothing.
    revisions = import_module("pipeline.runs.revisions")
    try:
        ours, theirs = map(revisions.read_revision, (revisions.WORKSPACE, "HEAD"))
    except PipelineError:
        return False
    return bool(revisions.is_comparable(ours, theirs))


if __name__ == "__main__":
    run_stage(main)
