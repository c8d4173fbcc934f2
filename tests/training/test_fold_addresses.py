"""The address of a trained fold changes with what determines its weights, and with nothing else."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import INLINE, OFFLINE, ROOT, labelled_tracks, make_small_samples, small_experiment

from pipeline.augmentation.loading import load_inline, load_samples
from pipeline.base.paths import AUGMENTED, FEATURE_STORES
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack
from pipeline.training import tasks
from pipeline.training.cross_validation import address_of, code_of
from pipeline.training.experiment import Experiment
from pipeline.training.fitting import FoldTask

# Prints the address of the code that trains each of three tasks: as it is, and after each edit.
CODES = """
import json, sys
from pathlib import Path

sys.dont_write_bytecode = True
root, edits = Path(sys.argv[1]), json.loads(sys.argv[2])
sys.path[:0] = [str(root), sys.argv[3]]

from documents import base_document
from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.params import parse_augment
from pipeline.augmentation.target import Target
from pipeline.features.params import read_feature
from pipeline.training.fitting import FoldTask
from pipeline.training.saved import Description

document = base_document()
document["augment"]["kinds"] = ["stretch"]
chains = parse_augment(document["augment"]).kinds
target = Target(read_feature("centroid", document), 4000, (11,), "float16")
inline = InlineAugmentation(chains, target, 0.5, 1, None, None, None, "")

def task(model, transform=None):
    return FoldTask(None, None, None, None, None, Description(model, "", [], 0, {}, {}), "",
                    transform=transform)

tasks = {"ann": task("ann"), "cnn": task("cnn"), "inline": task("ann", inline)}

def codes():
    for name in [name for name in sys.modules if name.startswith("pipeline.store")]:
        del sys.modules[name]
    sys.modules.pop("pipeline.training.cross_validation", None)
    from pipeline.training.cross_validation import code_of
    return {name: code_of(task) for name, task in tasks.items()}

found = {"": codes()}
for name, (path, old, new) in edits.items():
    path = root / path
    before = path.read_text(encoding="utf-8") if path.exists() else None
    assert old in (before or ""), (name, old)
    path.write_text((before or "").replace(old, new, 1) if old else (before or "") + new)
    found[name] = codes()
    if before is None:
        path.unlink()
    else:
        path.write_text(before, encoding="utf-8")
print(json.dumps(found))
"""
KINDS = "pipeline/augmentation/kinds"
ANYTHING = "\nANYTHING = 1\n"
# File, text in it (or nothing, to append), and what replaces it; the tasks whose code this changes.
EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "a comment in the network": ("models/ann.py", "", "# a comment\n", set()),
    "a docstring of the network": ("models/ann.py", '"""The', '"""This is the', set()),
    "a docstring of another network": ("models/cnn.py", '"""The', '"""This is the', set()),
    "an error of training": (
        "pipeline/training/fitting.py",
        "the loss was not a number",
        "the loss became infinite",
        set(),
    ),
    "a docstring of the errors": ("pipeline/base/errors.py", '"""The', '"""All', set()),
    "a message of training": (
        "pipeline/training/fitting.py",
        "continues after epoch",
        "resumes after epoch",
        set(),
    ),
    "what progress prints": (
        "pipeline/training/progress.py",
        "EPOCH_SECONDS, BATCH_SECONDS = 10.0",
        "EPOCH_SECONDS, BATCH_SECONDS = 5.0",
        set(),
    ),
    "paths of outputs": ("pipeline/base/paths.py", "", ANYTHING, set()),
    "parsing of params.yaml": ("pipeline/base/sections.py", "", ANYTHING, set()),
    "a new network": ("models/new.py", "", "from models.ann import build\n", set()),
    "a new kind": (f"{KINDS}/new.py", "", "from typing import Any\n", set()),
    "another kind": (f"{KINDS}/blur.py", "", ANYTHING, set()),
    "another feature": ("pipeline/features/mel.py", "", ANYTHING, set()),
    "another network": ("models/cnn.py", "HIDDEN = 32", "HIDDEN = 64", {"cnn"}),
    "the network": ("models/ann.py", "WIDTHS = (512", "WIDTHS = (1024", {"ann", "inline"}),
    "the kind": (f"{KINDS}/stretch.py", "uniform(-1, 1)", "uniform(0, 1)", {"inline"}),
    "what the kind uses": (f"{KINDS}/shared/warp.py", "INTER_LINEAR", "INTER_CUBIC", {"inline"}),
    "the feature": ("pipeline/features/centroid.py", "", ANYTHING, {"inline"}),
    "inline augmentation": ("pipeline/augmentation/inline.py", "", ANYTHING, {"inline"}),
    **{
        f"training/{name}.py": (
            f"pipeline/training/{name}.py",
            "",
            ANYTHING,
            {"ann", "cnn", "inline"},
        )
        for name in (
            "assembly",
            "batches",
            "checkpoint",
            "fitting",
            "optimizer",
            "params",
            "record",
            "saved",
            "seeds",
        )
    },
}


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Addresses of the code of three tasks, after each edit of a copy of this project."""
    root = tmp_path_factory.mktemp("copy")
    for part in ("pipeline", "models"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    edits = json.dumps({name: edit[:3] for name, edit in EDITS.items()})
    command = [sys.executable, "-c", CODES, str(root), edits, str(ROOT / "tests")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", EDITS)
def test_edit_changes_the_code_of_the_folds_that_it_determines(
    name: str, codes: dict[str, dict[str, str]]
) -> None:
    changed = {task for task, code in codes[name].items() if code != codes[""][task]}
    assert changed == EDITS[name][3]


def test_backend_is_part_of_the_code(
    augmented: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = tasks_of({})[0]
    code = code_of(task)
    monkeypatch.setattr("keras.backend.backend", lambda: "other")
    assert code_of(task) != code


TRACKS = labelled_tracks()


def load(tracks: Sequence[FoldedTrack] = TRACKS) -> LabelledClips:
    return load_labelled(FEATURE_STORES / "centroid", tracks)


def tasks_of(
    changes: dict[str, Any],
    tracks: Sequence[FoldedTrack] = TRACKS,
    folder: Path = AUGMENTED,
    **clips: Any,
) -> list[FoldTask]:
    experiment = small_experiment(changes)
    return tasks.make_tasks(experiment, tracks, replace(load(tracks), **clips), folder)


def addresses(*arguments: Any, **clips: Any) -> list[str]:
    """Addresses of all folds, were their code the same."""
    return [address_of(task, "code") for task in tasks_of(*arguments, **clips)]


pytestmark = pytest.mark.usefixtures("augmented")


def test_address_follows_from_code_data_and_parameters() -> None:
    first = addresses({})
    assert first == addresses({})
    assert len(set(first)) == 2
    assert address_of(tasks_of({})[0], "other code") != first[0]
    for changes in ({"models.ann.dropout": 0.1}, {"seed": 1}, {"train.validation": 0.6}):
        assert not set(addresses(changes)) & set(first)


def test_data_that_are_only_tested_are_not_part_of_the_address() -> None:
    first, clips = addresses({}), load()
    tested = next(track for track in TRACKS if track.tested_in == (0,))
    other = addresses({}, digests={**clips.digests, tested.track_id: "changed"})
    assert other[0] == first[0]
    assert other[1] != first[1]


def test_seeds_have_addresses_of_their_own() -> None:
    tracks = [
        replace(track, tested_in=(0, 1, 2) if track.track_id.endswith(("0", "1")) else ())
        for track in TRACKS
    ]
    assert len(set(addresses({}, tracks))) == 3


def test_clips_of_a_track_are_told_apart() -> None:
    one, other = (
        [
            replace(track, clip=clip, tested_in=place)
            for track in TRACKS
            for clip, place in ((first, (0,)), (1 - first, (1,)))
        ]
        for first in (0, 1)
    )
    assert addresses({}, one)[0] != addresses({}, other)[0]


def test_augmentation_that_is_not_in_use_changes_no_address() -> None:
    changes = {
        "augment.kinds": ["blur"],
        "augment.copies": 9,
        "augment.probability": 1,
        "augment.blur.sigma": 3,
        "augment.stretch.factor": 3,
    }
    assert addresses(changes) == addresses({})
    assert not {*addresses({})} & {*addresses(OFFLINE), *addresses(INLINE)}


def test_inline_addresses_follow_what_is_in_use() -> None:
    first = addresses(INLINE)
    assert len({*first, *addresses(INLINE)}) == 2
    assert addresses({**INLINE, "augment.zoom.factor": 3, "augment.copies": 9}) == first
    for changes in (
        {"augment.stretch.factor": 3},
        {"augment.probability": 0.9},
        {"augment.kinds": ["stretch", "noise"]},
    ):
        assert not {*addresses({**INLINE, **changes})} & {*first}


# The sound of all tracks is part of the address where a kind acts on sound.
WITHOUT_SOUND = {**INLINE, "augment.kinds": ["stretch"]}


def test_row_numbers_are_not_part_of_inline_addresses() -> None:
    """Without a track that is tested in the first fold, what trains there has other numbers."""
    assert TRACKS[0].tested_in == (0,)
    assert addresses(WITHOUT_SOUND, TRACKS[1:])[0] == addresses(WITHOUT_SOUND)[0]


def with_loaded(
    monkeypatch: pytest.MonkeyPatch, experiment: Experiment, name: str, loaded: Any
) -> list[str]:
    """Addresses, where what augmentation brings is `loaded`."""
    monkeypatch.setattr(tasks, name, lambda *_: loaded)
    return [address_of(task, "code") for task in tasks.make_tasks(experiment, TRACKS, load())]


def test_tracks_and_clips_are_part_of_inline_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """By these the changes of a row are drawn."""
    experiment, clips = small_experiment(WITHOUT_SOUND), load()
    inline = load_inline(experiment.augment, "centroid", clips, experiment.seed)
    others = [
        inline,
        replace(inline, clip_numbers=1 - clips.clip_numbers),
        replace(inline, track_ids=clips.track_ids[::-1]),
    ]
    found = [with_loaded(monkeypatch, experiment, "load_inline", each) for each in others]
    assert len({address for each in found for address in each}) == 6


def test_code_of_an_inline_task_is_the_same_in_another_process() -> None:
    for task in tasks_of({**INLINE, "augment.kinds": ["stretch", "noise+blur"]}):
        assert code_of(pickle.loads(pickle.dumps(task))) == code_of(task)


def test_offline_addresses_follow_the_samples_and_not_their_parameters(tmp_path: Path) -> None:
    first = addresses(OFFLINE)
    wider = {**OFFLINE, "augment.stretch.factor": 3}
    assert addresses(wider) == first
    make_small_samples(small_experiment(wider), tmp_path / "wider")
    assert not {*addresses(OFFLINE, TRACKS, tmp_path / "wider")} & {*first}


def test_offline_addresses_follow_the_samples_that_train(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small_experiment(OFFLINE)
    samples = load_samples("centroid", load())
    first = with_loaded(monkeypatch, experiment, "load_samples", samples)
    changed = {track.track_id: "changed" for track in TRACKS if track.tested_in == (0,)}
    others = replace(samples, digests={**samples.digests, **changed})
    found = with_loaded(monkeypatch, experiment, "load_samples", others)
    assert found[0] == first[0]
    assert found[1] != first[1]
    backwards = replace(samples, parents=samples.parents[::-1].copy(), names=samples.names[::-1])
    found = with_loaded(monkeypatch, experiment, "load_samples", backwards)
    assert not {*found} & {*first}
