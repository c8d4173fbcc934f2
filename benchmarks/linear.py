"""Ten folds of `linear` on rows as of `musicnn`, beside scikit-learn's logistic regression.

8000 clips of 1000 tracks in ten genres, 1556 values each, float32. The values hang together as
those of a network do: they are a mix of 200 others, each weaker than the one before. Ours is what
the stage does for a fold, from the store to the saved model, its curves included; the plain way is
a `StandardScaler` and a `LogisticRegression` with the same penalty on the same rows, in memory.
Seconds are those of the processor, on one thread, of the folds in turn.

`python benchmarks/linear.py`
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.base.parallel import map_folds
from pipeline.base.params import read_section
from pipeline.store.store import StoredRows, in_store_order, write_store

TRACKS, CLIPS, VALUES, MIXED, GENRES, FOLDS = 1000, 8, 1556, 200, 10, 10


def write_rows(folder: Path) -> list[int]:
    """Write the store; return the genre of each track, in the store's order."""
    rng = np.random.default_rng(0)
    strength = 1 / np.arange(1, MIXED + 1)
    mixing = rng.normal(size=(MIXED, VALUES)) * strength[:, np.newaxis]
    typical = rng.normal(size=(GENRES, MIXED))
    tracks = {}
    for number in range(TRACKS):
        own = typical[number % GENRES] + 1.5 * rng.normal(size=MIXED)
        clips = own + rng.normal(size=(CLIPS, MIXED))
        noise = 0.05 * rng.normal(size=(CLIPS, VALUES))
        tracks[f"{number % GENRES}/{number}"] = (clips @ mixing + noise).astype(np.float32)
    write_store(folder, {"name": "mixed", "unit": "", "sample_rate": 1, "seconds": 1}, tracks)
    return [int(track_id.partition("/")[0]) for track_id in in_store_order(tracks)]


def measure(arguments: tuple[Path, list[int]]) -> list[tuple[float, float, float, float]]:
    """Seconds and accuracy of ours, and of the plain way, for each fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from models.linear import LinearParams
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import FoldTask, fit_fold
    from pipeline.training.trained import Description, probabilities, write_fold

    folder, genres = arguments
    params = read_section(LinearParams, "models.linear")
    labels = np.repeat(genres, CLIPS)
    rows = StoredRows(folder / "store", np.arange(len(labels)))
    part = np.repeat(np.random.default_rng(1).permutation(TRACKS) % FOLDS, CLIPS)
    memory = rows[np.arange(len(labels))]
    measured = []
    for fold in range(FOLDS):
        tested, validated = (np.flatnonzero(part == each % FOLDS) for each in (fold, fold + 1))
        trained = np.flatnonzero(~np.isin(part, [fold, (fold + 1) % FOLDS]))
        names = [str(genre) for genre in range(GENRES)]
        training = {"seed": fold, "precision": "float32"}
        described = Description("linear", "mixed", names, fold, {"vector": True}, training)
        task = FoldTask(rows, labels, trained, validated, params, described)
        out = folder / str(fold)
        out.mkdir()
        start = time.process_time()
        fitted = fit_fold(task, Checkpoint(out / "checkpoint.npz"))
        write_fold(fitted, described, out)
        between = time.process_time()
        found = probabilities(fitted.model, memory[tested]).argmax(axis=1)
        again = time.process_time()
        plain = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=1 / (2 * len(trained) * params.l2), max_iter=1000),
        ).fit(memory[trained], labels[trained])
        end = time.process_time()
        right = (found == labels[tested]).mean(), plain.score(memory[tested], labels[tested])
        measured.append((between - start, float(right[0]), end - again, float(right[1])))
    return measured


def main() -> None:
    """Run both in a process of one thread, as folds are trained."""
    with tempfile.TemporaryDirectory() as name:
        genres = write_rows(Path(name, "store"))
        [measured] = map_folds(measure, [(Path(name), genres)])
    seconds, right, plain_seconds, plain_right = np.array(measured).T
    print(f"ours          {seconds.sum():6.1f} s, accuracy {right.mean():.4f}")
    print(f"scikit-learn  {plain_seconds.sum():6.1f} s, accuracy {plain_right.mean():.4f}")
    print(f"ours takes {seconds.sum() / plain_seconds.sum():.2f} times as long")


if __name__ == "__main__":
    main()
