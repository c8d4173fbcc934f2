"""Strange folders of music: every file has a row that says what became of it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from documents import write_params
from fuzz.damage import cases
from fuzz.fair import Bench, End
from hypothesis import example, given
from hypothesis import strategies as st
from project import contents

from pipeline import inspect, segment
from pipeline.base.files import CLIPS, TRACKS, read_csv
from pipeline.dataset.folder import name_of
from pipeline.dataset.tracks import OK, REJECTED, read_tracks
from pipeline.store.store import Store

RATE = 4000
CANARY = "executed"
COMMANDS = [f"$(touch {CANARY})", f"`touch {CANARY}`", f";touch {CANARY};", f"| touch {CANARY}"]
STRANGE = [
    "=cmd()",
    "'\"",
    "two\nlines",
    "a\rreturn",
    "\x1b[2J\x07",
    "%s{0}$HOME",
    "-v",
    "~",
    "a,b;c\t",
    " blanks ",
    "\u202etfel",
    "e\u0301",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\udcff\udce9",  # bytes that are not UTF-8
    "x" * 250,
    "unlabelled",
    "metadata.csv",
    "CON",
    *COMMANDS,
]
REFUSED = ["metadata.csv", "e\u0301"]  # as genres: a table, and letters that are there composed
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
NAMES = (
    st.sampled_from(STRANGE)
    | st.sampled_from(["a", "A", "b"])
    | st.text(CHARACTERS, min_size=1, max_size=20)
).filter(lambda name: name[0] != "." and len(os.fsencode(name)) <= 250)

# Why a whole folder is refused.
REFUSALS = ["metadata.csv", "two files have the track id", "one to a reader"]

Entry = tuple[str, str, str, str]


def tone(path: Path) -> None:
    rng = np.random.default_rng(list(os.fsencode(path.name)))
    soundfile.write(os.fsencode(path), rng.normal(0, 0.1, RATE), RATE, format="WAV")


def to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


MAKERS: dict[str, Callable[[Path], object]] = {
    "tone": tone,
    "text": lambda path: path.write_text("no sound"),
    "empty": Path.touch,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": to("/dev/zero"),
    "unreadable": to("/proc/self/mem"),  # an error when it is read; root may read all others
    "loop": lambda path: path.symlink_to(path),
    "link to nothing": to("nothing"),
    "link upwards": to(".."),
    "link to all": to("/proc/self/cwd"),
}
SUFFIXES = [".wav", ".WAV", ".mp3", ".m4a", ".csv", ""]
ENTRIES: st.SearchStrategy[Entry] = st.tuples(
    NAMES,
    NAMES,
    st.sampled_from(SUFFIXES),
    st.sampled_from(list(MAKERS)),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has segmented its two tracks before."""
    folder = tmp_path_factory.mktemp("folders")
    changes = {"segment.sample_rate": RATE, "segment.seconds": 1, "extract.mel.fmax": 2000}
    write_params(folder, {"dataset.path": "music", **changes})
    return folder


def prepare(project: Path, entries: list[Entry]) -> set[str]:
    """Make the dataset, and return the ids of the tracks that are to be usable."""
    music = project / "music"
    shutil.rmtree(music, ignore_errors=True)
    usable = {"plain/first", "plain/second"}
    for track_id in usable:
        path = music / f"{track_id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone(path)
    for genre, name, suffix, kind in entries:
        path = music / genre / f"{name}{suffix}"
        if not os.path.lexists(path) and (path.parent.is_dir() or not path.parent.exists()):
            path.parent.mkdir(exist_ok=True)
            MAKERS[kind](path)
            if kind == "tone" and suffix in SUFFIXES[:3]:
                usable.add(name_of(path.relative_to(music).with_suffix("")))
    return usable


def run(main: Callable[[], None], project: Path) -> None:
    os.chdir(project)
    with mock.patch("sys.argv", [main.__module__]):
        main()


def run_segment(project: Path) -> dict[str, str]:
    """Status by track id, after the stage in the folder of a project."""
    run(segment.main, project)
    rows = read_csv(TRACKS)
    with Store(CLIPS) as store:
        assert sorted(store.track_ids) == [track.track_id for track in read_tracks()]
    assert len({row["track_id"] for row in rows}) == len(rows)
    return {row["track_id"]: row["status"] for row in rows}


def require_fair(project: Path, usable: set[str], end: End) -> None:
    """Every track is used, every other file rejected; after an error all is as it was."""
    assert not list(project.rglob(CANARY))
    if end.error:
        assert any(reason in end.error for reason in REFUSALS)
        return
    assert all(end.value[track_id] == OK for track_id in usable)
    others = {end.value[track_id] for track_id in end.value.keys() - usable}
    assert all(status == OK or status.startswith(f"{REJECTED}: ") for status in others)
    assert all(status.isprintable() for status in others)


@given(entries=st.lists(ENTRIES, max_size=8))
@example(entries=[("names", name, ".wav", "tone") for name in STRANGE])
@example(entries=[(name, "a", ".wav", "tone") for name in STRANGE if name not in REFUSED])
@example(entries=[("kinds", kind, ".wav", kind) for kind in MAKERS])
@cases(6)
def test_strange_folders(bench: Bench, project: Path, entries: list[Entry]) -> None:
    usable = prepare(project, entries)
    before = contents(project / "data")
    end = bench.try_call(run_segment, project)
    require_fair(project, usable, end)
    if end.error:
        assert contents(project / "data") == before


@given(entries=st.lists(ENTRIES, max_size=8))
@cases(1, one_in=20)
def test_strange_folders_are_inspected(bench: Bench, project: Path, entries: list[Entry]) -> None:
    usable = prepare(project, entries)
    bench.try_call(run, inspect.main, project)
    require_fair(project, usable, bench.try_call(run_segment, project))
