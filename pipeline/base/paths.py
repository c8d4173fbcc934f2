"""Where the stages leave their outputs, relative to the project's root."""

from pathlib import Path

PARAMS = Path("params.yaml")
DATA = Path("data")
METRICS = Path("metrics")

PARAMS_CHECKED = DATA / "params_checked.txt"
DEMO, DEMO_TRUTH = DATA / "demo", DATA / "demo_truth.csv"
TRACKS, CLIPS = DATA / "tracks.csv", DATA / "clips"
TRACKS_CHECKED = DATA / "tracks_checked.txt"
FEATURE_STORES = DATA / "features"
AUGMENTED, SHEET = DATA / "augmented", DATA / "augmentations.png"
FINGERPRINTS, REPLICAS = DATA / "fingerprints", DATA / "replicas.csv"
FOLDS = DATA / "folds.csv"
TRAINED = DATA / "models"
SPLIT, TRAINING = METRICS / "split.json", METRICS / "training.json"
SUMMARY, SCORES = METRICS / "summary.json", METRICS / "scores.json"
HISTORIES = METRICS / "history.csv"  # of all folds
PREDICTIONS = METRICS / "predictions.csv"
CLIP_PREDICTIONS = DATA / "clip_predictions.csv"
UNLABELLED, UNLABELLED_CLIPS = DATA / "unlabelled.csv", DATA / "unlabelled_clips.csv"
REPORT = DATA / "report"
