"""The files that work on a mel clip, from the audio file to the track that was voted on.

`segment`, `extract`, `train` and `evaluate` run in this process on a tiny dataset. Every function,
method, lambda and comprehension of ours that is called is noted; the code of modules and classes,
which runs as they are imported, is not. `replicas` and `split` only make the folds: unwatched.

`python benchmarks/files_of_a_clip.py [--functions]`
"""

import argparse
import os
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from importlib import import_module
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest import mock

import numpy as np
import soundfile
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

OURS = ("pipeline", "models")
RATE, SECONDS = 8000, 3
GENRES, TRACKS = ("high", "low"), 4
CHANGES: dict[str, Any] = {
    "model": "ann",
    "feature": "mel",
    "dataset": {"path": "music"},
    "segment": {"sample_rate": RATE, "seconds": 1},
}
STAGES = (("segment",), ("extract", "mel"), ("replicas",), ("split",), ("train",), ("evaluate",))
WATCHED = ("segment", "extract", "train", "evaluate")


def write_project(folder: Path) -> None:
    """Write params.yaml and a dataset of tones in noise: few tracks of few clips in two genres."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= CHANGES
    params["extract"]["mel"]["fmax"] = RATE / 2
    params["split"]["folds"] = 2
    params["models"]["ann"]["epochs"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    rng = np.random.default_rng(0)
    time = np.arange(RATE * SECONDS) / RATE
    for genre, pitch in zip(GENRES, (1000, 200), strict=True):
        (folder / "music" / genre).mkdir(parents=True)
        for number in range(TRACKS):
            sound = 0.3 * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.05, len(time))
            soundfile.write(folder / "music" / genre / f"{number}.wav", sound, RATE)


@contextmanager
def watching(called: set[CodeType]) -> Iterator[None]:
    """Note the code of every function that is called in this process, in all new threads too."""

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_flags & CO_OPTIMIZED:  # no module, no class body
            called.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def run_stages(called: set[CodeType]) -> None:
    """Run the stages in the working directory; the folds are trained in this process."""

    def in_turn(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return [function(item) for item in items]

    for name, *arguments in STAGES:
        with (
            mock.patch.object(sys, "argv", [name, *arguments]),
            mock.patch("pipeline.training.cross_validation.map_folds", in_turn),
            watching(called) if name in WATCHED else nullcontext(),
        ):
            import_module(f"pipeline.{name}").main()


def by_file(called: set[CodeType]) -> dict[str, list[str]]:
    """Names of our functions among those called, by file, in the order of their lines."""
    functions: dict[str, list[str]] = defaultdict(list)
    for code in sorted(called, key=lambda code: code.co_firstlineno):
        path = Path(code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS:
            functions[path.relative_to(ROOT).as_posix()].append(code.co_qualname)
    return dict(sorted(functions.items()))


def main() -> None:
    """Print the files with their lines and with how many of their functions were called."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", action="store_true", help="name the functions, too")
    arguments = parser.parse_args()
    called: set[CodeType] = set()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PIPELINE_CACHE": f"{folder}/cache", "PIPELINE_WORKERS": "1"}
        write_project(Path(folder))
        with chdir(folder):
            run_stages(called)
    total = 0
    for name, functions in by_file(called).items():
        lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
        total += lines
        print(f"{name:<45} {lines:4} lines, {len(functions):3} functions")
        if arguments.functions:
            print("".join(f"    {function}\n" for function in functions), end="")
    print(f"{len(by_file(called))} files with {total} lines work on a mel clip")


if __name__ == "__main__":
    main()
