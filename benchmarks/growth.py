"""What one more track costs beside all of them, and what a run costs in which nothing changed.

A project with a synthetic dataset (1000 tracks of 30 s, or as many as the command line says) in a
temporary folder with a cache of its own:

- `segment` and the four `extract` with an empty cache, then again after one track was added;
- the same on one core beside both;
- `dvc repro` with nothing changed, beside the same in a pipeline of one empty stage;
- the disk that stores, our cache and DVC's cache take together, beside the stores alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import yaml

ROOT = Path(__file__).parent.parent
RATE, SECONDS, GENRES = 22050, 30, 10
STAGES = [["segment"], *(["extract", name] for name in ("grey", "colour", "mel", "centroid"))]
TIMED = """
import importlib, sys, time
sys.argv = sys.argv[1:]
import librosa.filters  # so late imports are not counted
stage = importlib.import_module(f"pipeline.{sys.argv[0]}")
start = time.perf_counter()
stage.main()
print(time.perf_counter() - start)
"""
TOY = {"stages": {"toy": {"cmd": "true", "deps": ["params.yaml"]}}}


def write_track(folder: Path, number: int) -> None:
    """Noise under a slow tremolo, of its own for every number."""
    rng = np.random.default_rng(number)
    time_axis = np.arange(RATE * SECONDS) / RATE
    loudness = 0.2 + 0.1 * np.sin(2 * np.pi * time_axis * rng.uniform(0.5, 4))
    samples = rng.normal(0, 0.3, len(time_axis)) * loudness
    path = folder / f"genre{number % GENRES}" / f"{number:06d}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def make_project(folder: Path, tracks: int) -> None:
    """The pipeline's code, its parameters, and a dataset."""
    for part in ("pipeline", "models"):
        ignored = shutil.ignore_patterns("trained", "__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["dataset"]["path"] = "music"
    params["split"]["folds"] = 2  # for which few tracks will do, where it is only tried out
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    for number in range(tracks):
        write_track(folder / "music", number)


def run(folder: Path, *command: str, **environment: str) -> tuple[float, str]:
    """Seconds and output of a command."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PIPELINE_CACHE": str(folder / "cache"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start, done.stdout


def run_stages(folder: Path, label: str, **environment: str) -> tuple[float, float]:
    """Seconds of all stages: in all, and without Python's start and imports."""
    whole = inside = 0.0
    for stage in STAGES:
        seconds, output = run(folder, sys.executable, "-c", TIMED, *stage, **environment)
        whole += seconds
        inside += float(output.split()[-1])
    print(f"{label:20} {whole:7.2f} s, within the stages {inside:7.2f} s")
    return whole, inside


def growth(folder: Path, tracks: int) -> None:
    """All tracks, then one more."""
    everything = run_stages(folder, f"{tracks} tracks")
    write_track(folder / "music", tracks)
    one = run_stages(folder, "one more")
    again = run_stages(folder, "nothing new")
    print(f"one more / all: {one[1] / everything[1]:.1%} of the time within the stages,")
    print(f"    {one[0] / everything[0]:.1%} with Python's start and imports")
    print(f"nothing new / all: {again[1] / everything[1]:.1%}")


def cores(folder: Path) -> None:
    """One core beside two, each with an empty cache."""
    seconds = {}
    for workers in ("1", "2"):
        shutil.rmtree(folder / "cache")
        seconds[workers] = run_stages(folder, f"{workers} workers", PIPELINE_WORKERS=workers)[1]
    print(f"both cores: {seconds['1'] / seconds['2']:.2f}x")


def dvc(folder: Path) -> None:
    """A run without changes, in the project and in a toy; what is on the disk."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    kept = {name: stages[name] for name in ("check", "segment", "check_tracks", "extract")}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}))
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    first, _ = run(folder, "dvc", "repro")
    toy = folder / "toy"
    toy.mkdir()
    (toy / "params.yaml").write_text("a: 1\n")
    (toy / "dvc.yaml").write_text(yaml.safe_dump(TOY))
    run(toy, "git", "init", "-q")
    run(toy, "dvc", "init", "-q")
    run(toy, "dvc", "repro")
    ours = min(run(folder, "dvc", "repro")[0] for _ in range(3))
    empty = min(run(toy, "dvc", "repro")[0] for _ in range(3))
    print(f"dvc repro, everything in our cache  {first:6.1f} s: mostly DVC's hashing")
    print(f"dvc repro, nothing changed          {ours:6.1f} s")
    print(f"    {ours / empty:.2f} times that of an empty pipeline")


def disk(folder: Path) -> None:
    """Bytes on the disk; a file with many names counts once."""
    stores = used(folder / "data")
    together = used(folder / "data", folder / "cache", folder / ".dvc" / "cache")
    print(f"stores {stores / 1e6:.0f} MB; with both caches {together / stores:.2f} times that")


def used(*folders: Path) -> int:
    """Bytes of all files below `folders`, each inode once."""
    files = (path.stat() for folder in folders for path in folder.rglob("*") if path.is_file())
    return sum({(stat.st_dev, stat.st_ino): stat.st_blocks * 512 for stat in files}.values())


def main() -> None:
    """Measure on as many tracks as the command line says."""
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder, tracks)
        growth(folder, tracks)
        dvc(folder)
        disk(folder)
        cores(folder)


if __name__ == "__main__":
    main()
