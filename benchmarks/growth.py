"""What a track costs where there are many, and what one track more costs beside them.

For each number of tracks, a project with that many synthetic ones (3 s, 22 050 Hz, one in ten of
them unlabelled) in a temporary folder with caches of its own; a hundred thousand take 30 GB.
`dvc repro` runs every stage, `linear` on `mel` in three folds of three epochs; then again after one
track was added, and again with nothing changed. A row for each stage:

- the seconds that it took, and those within it, without Python's start and imports;
- the time of all cores, user and system, for each track;
- the most memory that its own process used, and the largest of all of its processes.

`python benchmarks/growth.py [--tracks 1000 10000] [--folder FOLDER]`; a FOLDER is not deleted, and
a run that was stopped goes on in it.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from joblib import Parallel, delayed

ROOT = Path(__file__).parent.parent
RATE, SECONDS, GENRES = 22050, 3, 9
TONES_HZ = 2500 + 600 * np.arange(GENRES)  # above what fingerprints look at
MEASURED = "measured.jsonl"
STAGE = """
import importlib, json, os, resource, sys, time
start = time.perf_counter()
module, sys.argv = sys.argv[1], sys.argv[1:]
from joblib.externals.loky import get_reusable_executor
from pipeline.base.cli import run_stage
stage = importlib.import_module(module)
begun = time.perf_counter()
run_stage(stage.main)
end = time.perf_counter()
get_reusable_executor().shutdown()  # or the time of its processes would not be known
parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
own = int(status["VmHWM"].split()[0])
row = {
    "stage": " ".join(sys.argv).removeprefix("pipeline."),
    "seconds": end - start,
    "within": end - begun,
    "cpu": sum(part.ru_utime + part.ru_stime for part in parts),
    "own_kb": own,
    "most_kb": max(own, parts[1].ru_maxrss),
}
with open("measured.jsonl", "a") as file:
    print(json.dumps(row), file=file)
"""


def write_track(folder: Path, number: int) -> None:
    """Noise of its own for every number, with a faint tone that tells its genre more or less."""
    genre = "unlabelled" if number % 10 == GENRES else f"genre{number % GENRES}"
    path = folder / genre / f"{number:06d}.wav"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    samples = rng.integers(-3000, 3000, RATE * SECONDS).astype(np.float32)
    tone = TONES_HZ[number % GENRES if number % 4 else rng.integers(GENRES)]
    time_axis = np.arange(len(samples), dtype=np.float32) / RATE
    samples += rng.uniform(0, 300) * np.sin(2 * np.pi * tone * time_axis)
    soundfile.write(path, samples.astype(np.int16), RATE, subtype="PCM_16")


def make_project(folder: Path, params: dict[str, Any]) -> None:
    """The pipeline's code, and its parameters with some others."""
    for part in ("pipeline", "models"):
        ignored = shutil.ignore_patterns("trained", "__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored, dirs_exist_ok=True)
    params["dataset"]["path"] = "music"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def read_params() -> dict[str, Any]:
    """The parameters of the project."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return params


def make_pipeline(folder: Path) -> None:
    """A repository whose stages are ours, each run by `STAGE`."""
    params = read_params()
    params |= {"model": "linear", "feature": "mel"}
    params["extract"]["features"], params["models"]["linear"]["epochs"] = ["mel"], 3
    params["split"]["folds"] = 3
    make_project(folder, params)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    del pipeline["stages"]["demo"]
    (folder / "stage.py").write_text(STAGE)
    for stage in pipeline["stages"].values():
        stage["cmd"] = stage["cmd"].replace("python -m", f"{sys.executable} stage.py")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    if not (folder / ".dvc").exists():
        run(folder, "git", "init", "-q")
        run(folder, "dvc", "init", "-q")
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")


def write_tracks(folder: Path, tracks: int) -> None:
    """Make the dataset, on all cores."""
    Parallel(n_jobs=-1)(delayed(write_track)(folder, number) for number in range(tracks))


def core_seconds() -> float:
    """What the processes that have ended took of all cores, user and system."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def run(folder: Path, *command: str) -> tuple[float, str]:
    """Seconds and output of a command."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PIPELINE_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start, done.stdout


def repro(folder: Path, title: str, tracks: int) -> None:
    """Run what is out of date, and print what each stage of it took."""
    measured = folder / MEASURED
    measured.unlink(missing_ok=True)
    before = core_seconds()
    seconds, _ = run(folder, "dvc", "repro")
    spent = core_seconds() - before
    lines = measured.read_text().splitlines() if measured.exists() else []
    rows = list(map(json.loads, lines))
    stages, within, cpu = (sum(row[name] for row in rows) for name in ("seconds", "within", "cpu"))
    rows.append({"stage": "all stages", "seconds": stages, "within": within, "cpu": cpu})
    rows.append({"stage": "DVC itself", "seconds": seconds - stages, "cpu": spent - cpu})
    print(f"\n{title}\n{'stage':14}  seconds   within ms/track   own MB  most MB")
    for row in rows:
        figures = (
            row["seconds"],
            row.get("within", 0.0),
            1000 * row["cpu"] / tracks,
            row.get("own_kb", 0) / 1024,
            row.get("most_kb", 0) / 1024,
        )
        print(f"{row['stage']:14}", *(f"{figure:8.2f}" for figure in figures), flush=True)


def disk(folder: Path) -> None:
    """Bytes on the disk; a file with many names counts once."""
    stores = used(folder / "data")
    together = used(folder / "data", folder / "cache", folder / ".dvc" / "cache")
    print(f"\nstores {stores / 1e6:.0f} MB; with both caches {together / stores:.2f} times that")
    print(f"the page: {used(folder / 'data' / 'report' / 'index.html') / 1e6:.1f} MB")


def used(*paths: Path) -> int:
    """Bytes of some files, and of all files below some folders, each inode once."""
    every = (below for path in paths for below in [path, *path.rglob("*")] if below.is_file())
    return sum({(s.st_dev, s.st_ino): s.st_blocks * 512 for s in map(Path.stat, every)}.values())


def growth(folder: Path, tracks: int) -> None:
    """All tracks, then one more, then nothing new."""
    make_pipeline(folder)
    write_tracks(folder / "music", tracks)
    repro(folder, f"{tracks} tracks", tracks)
    disk(folder)
    write_track(folder / "music", tracks)
    repro(folder, "one more", 1)
    repro(folder, "nothing new", 1)


def main() -> None:
    """Measure on as many tracks as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tracks", type=int, nargs="+", default=[1000])
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    for tracks in asked.tracks:
        kept = asked.folder and asked.folder.absolute() / str(tracks)
        with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as name:
            Path(name).mkdir(parents=True, exist_ok=True)
            growth(Path(name), tracks)


if __name__ == "__main__":
    main()
