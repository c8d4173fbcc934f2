"""A copy of the project in which stages run as processes, are slowed down, and are killed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from documents import write_params
from project import PARTS, Shell, contents, copy_parts

MUSIC_TRACKS = 60

Process = subprocess.Popen[bytes]

# Python runs this as it starts. A track takes a moment then, so that a test can stop a stage in
# the middle; no source changes, so the results keep their addresses.
SLOW = """
import itertools, os, resource, sys, time
# Stages, and workers of a cluster.
if {"pipeline.segment", "pipeline.extract", "--multiprocessing-fork"} & {*sys.orig_argv}:
    import pipeline.audio.decode, pipeline.features.shared.feature
    numbers = itertools.count(1)
    def slowed(function):
        def call(*arguments):
            number = next(numbers)
            with open(os.environ["CALLS"], "a") as file:
                file.write("call\\n")
            time.sleep(0.02)
            while number > 10 and os.path.exists(os.environ.get("HOLD", "")):
                time.sleep(0.01)
            return function(*arguments)
        return call
    pipeline.audio.decode.load_clips = slowed(pipeline.audio.decode.load_clips)
    pipeline.features.shared.feature.from_pcm = slowed(pipeline.features.shared.feature.from_pcm)
    if "LARGEST_FILE" in os.environ:
        resource.setrlimit(resource.RLIMIT_FSIZE, [int(os.environ["LARGEST_FILE"])] * 2)
"""


class Workplace(Shell):
    """A copy of the project with MUSIC_TRACKS noisy tracks, a cache of its own, and a shell.

    Its stages append a line to the file `calls` for each track that they compute, and stop
    after ten while there is a file `hold`.
    """

    def __init__(self, folder: Path) -> None:
        self.cache, self.calls, self.hold = folder / "cache", folder / "calls", folder / "hold"
        super().__init__(
            folder,
            PYTHONPATH=str(folder),
            PIPELINE_CACHE=str(self.cache),
            PIPELINE_WORKERS="2",
            CALLS=str(self.calls),
            HOLD=str(self.hold),
        )
        self._started: list[Process] = []
        copy_parts(PARTS, folder)
        write_params(folder, {"dataset.path": "music"})
        rng = np.random.default_rng(0)
        for number in range(MUSIC_TRACKS):
            path = folder / "music" / ("blues", "jazz", "rock")[number % 3] / f"{number:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(
                path, rng.integers(-9000, 9000, 44_100 + 300 * number, np.int16), 22_050
            )
        (folder / "sitecustomize.py").write_text(SLOW)

    def renew(self) -> None:
        """Forget what was computed and every trace of it."""
        for name in ("cache", "data", "metrics", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("calls", "hold", "dvc.lock"):
            (self.folder / name).unlink(missing_ok=True)

    def start(self, *command: str, **variables: str) -> Process:
        """Start a command, as the leader of a group of its own; its output goes to a file."""
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """Kill what was started."""
        while self._started:
            kill_group(self._started.pop())

    def contents(self) -> dict[str, bytes]:
        """Every file below data/ and metrics/, except for locks."""
        return {
            f"{part}/{name}": content
            for part in ("data", "metrics")
            for name, content in contents(self.folder / part).items()
            if not name.endswith(".lock")
        }

    def restore(self, contents: Mapping[str, bytes]) -> None:
        """Write files that `contents` returned."""
        for name, content in contents.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)

    def held(self) -> set[str]:
        """Addresses of the tracks that are whole in the cache."""
        addresses = {path.name for path in self.cache.glob("tracks/*/*")}
        for path in self.cache.glob("shards/*/*/*/tracks.json"):
            addresses |= {track["address"] for track in json.loads(path.read_bytes())["tracks"]}
        return addresses

    def computed(self) -> int:
        """Number of tracks of which the computation began."""
        return len(self.calls.read_bytes().splitlines()) if self.calls.is_file() else 0

    def output(self) -> str:
        """What the commands wrote that were started."""
        path = self.folder / "output"
        return path.read_text() if path.is_file() else ""


def kill_group(process: Process) -> None:
    """Kill a process that was started, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
