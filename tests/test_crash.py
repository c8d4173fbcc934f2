"""Stages that are killed, or cannot write: nothing is trusted that should not be, or done twice."""

import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
from project import wait_until
from workplace import MUSIC_TRACKS, Workplace, kill_group

from pipeline.base.cli import RESUMES

SEGMENT = ("python", "-m", "pipeline.segment")
EXTRACT = ("python", "-m", "pipeline.extract", "centroid")
PROGRESS = re.compile(r"\w+: +\d+%\|.*\| \d+/\d+ \[.*\]")
SUMMARY = re.compile(r"\w+: (\d+) tracks, (\d+) reused, (\d+) computed, (\d+) rejected, in ")
KILLS = {SEGMENT: 10, EXTRACT: 5}
ROWS = r": '\S+/cache/tmp/\S+/rows\.h5'"
IN_FLIGHT = 2  # PIPELINE_WORKERS of a workplace

Contents = dict[str, bytes]
Made = tuple[Workplace, Contents, Contents]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A workplace, and what undisturbed runs of segment, and of extract after it, write."""
    workplace = Workplace(tmp_path_factory.mktemp("work") / "place")
    workplace.run("git", "init", "-q")
    workplace.run(*SEGMENT)
    segmented = workplace.contents()
    workplace.run(*EXTRACT)
    return workplace, segmented, workplace.contents()


@pytest.fixture
def place(made: Made) -> Iterator[Workplace]:
    """The workplace without a trace of what was computed; what a test starts ends with it."""
    workplace = made[0]
    workplace.renew()
    yield workplace
    workplace.stop()


def kill_soon(place: Workplace, command: tuple[str, ...], rng: random.Random) -> None:
    """Start a command and kill it after some more tracks, or any time after it began one."""
    held, computed = len(place.held()), place.computed()
    goal = min(held + rng.randint(1, 6), MUSIC_TRACKS)
    process = place.start(*command)
    if rng.random() < 0.7:
        wait_until(lambda: len(place.held()) >= goal or process.poll() is not None)
    else:
        wait_until(lambda: place.computed() > computed or process.poll() is not None)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 0.1))
    kill_group(process)


def kill_again_and_again(place: Workplace, command: tuple[str, ...], seed: int) -> None:
    rng = random.Random(seed)
    held = []
    for _ in range(KILLS[command]):
        kill_soon(place, command, rng)
        held.append(len(place.held()))
    assert sum(0 < number < MUSIC_TRACKS for number in held) > KILLS[command] / 3


def finish(place: Workplace, command: tuple[str, ...]) -> None:
    """Run a command to the end; what was whole is not computed, by this run or any before."""
    held = len(place.held())
    summary = SUMMARY.search(place.run(*command))
    assert summary
    tracks, reused, computed, rejected = map(int, summary.groups())
    assert (tracks, rejected) == (MUSIC_TRACKS, 0)
    assert reused >= held
    assert computed == MUSIC_TRACKS - reused
    assert place.computed() <= MUSIC_TRACKS + IN_FLIGHT * KILLS[command]


def test_segment_killed_at_any_moment_ends_in_the_same_bytes(place: Workplace, made: Made) -> None:
    kill_again_and_again(place, SEGMENT, seed=1)
    finish(place, SEGMENT)
    assert place.contents() == made[1]


def test_extract_killed_at_any_moment_ends_in_the_same_bytes(place: Workplace, made: Made) -> None:
    place.restore(made[1])
    kill_again_and_again(place, EXTRACT, seed=2)
    finish(place, EXTRACT)
    assert place.contents() == made[2]


def outputs(contents: Contents) -> Contents:
    return {name: data for name, data in contents.items() if name != "data/params_checked.txt"}


def test_a_stage_whose_caller_was_killed_keeps_others_out_until_it_ends(
    place: Workplace, made: Made
) -> None:
    place.hold.touch()
    repro = place.start("dvc", "repro", "segment")
    wait_until(lambda: len(place.held()) >= 10 or repro.poll() is not None)
    assert repro.poll() is None
    os.kill(repro.pid, signal.SIGKILL)
    repro.wait()
    orphan = (place.folder / "data" / ".clips.lock").read_text().strip()
    output = place.run("dvc", "repro", "segment", status=255)
    assert f"error: data/clips is being written by process {orphan};" in output
    place.hold.unlink()
    wait_until((place.folder / "metrics" / "segment.json").is_file)
    output = place.run("dvc", "repro", "segment")
    assert f"pcm: {MUSIC_TRACKS} tracks, {MUSIC_TRACKS} reused" in output
    assert place.computed() == MUSIC_TRACKS
    assert outputs(place.contents()) == made[1]


def test_an_interrupted_extract_says_that_the_next_run_goes_on(
    place: Workplace, made: Made
) -> None:
    place.restore(made[1])
    place.hold.touch()
    before = len(place.output())
    process = place.start(*EXTRACT)
    wait_until(lambda: len(place.held()) >= 10 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    place.hold.unlink()
    assert process.wait(60) == 130
    assert place.output()[before:] == f"interrupted; {RESUMES}\n"
    assert 10 <= len(place.held()) < MUSIC_TRACKS
    finish(place, EXTRACT)
    assert place.contents() == made[2]


@pytest.mark.parametrize(
    ("command", "largest_file", "full"),
    [(SEGMENT, 20_000, ""), (SEGMENT, 250_000, ROWS), (EXTRACT, 3000, ROWS)],
    ids=["before the first result", "for a shard", "for a shard of features"],
)
def test_a_full_disk_stops_a_stage_in_one_line_and_is_forgotten(
    place: Workplace, made: Made, command: tuple[str, ...], largest_file: int, full: str
) -> None:
    if command == EXTRACT:
        place.restore(made[1])
    output = place.run(*command, status=2, LARGEST_FILE=str(largest_file))
    [line] = [line for line in output.splitlines() if line and not PROGRESS.fullmatch(line)]
    assert re.match(rf"error: .*File too large{full}", line)
    assert full or not place.held()
    assert (place.folder / "data" / "tracks.csv").exists() == (command == EXTRACT)
    place.run(*command)
    assert place.contents() == made[1 if command == SEGMENT else 2]
