"""The stage check_tracks: what the folds would lack is refused before a feature is computed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import write_params
from helpers import SMALL, write_tracks
from project import ROOT

from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, REPLICAS, TRACKS_CHECKED
from pipeline.check_tracks import main

pytestmark = pytest.mark.usefixtures("project")

Row = tuple[str, str, str]


def tracks(**counts: int) -> list[Row]:
    """So many usable tracks of each genre."""
    return [
        (f"{genre}/{number}", genre, "ok")
        for genre, count in sorted(counts.items())
        for number in range(count)
    ]


UNLABELLED: list[Row] = [("unlabelled/song", "", "ok")]
REJECTED: list[Row] = [("jazz/broken", "jazz", "rejected: empty file")]
LOST = [
    (f"kazoo/{number}", "kazoo", f"rejected: {why}")
    for number, why in enumerate(["silent", "too short (0.2 s)", "too short (0.3 s)"])
]
WHY = r"0 of 3 files can be used \(too short: 2, silent: 1\)"
ENOUGH = tracks(blues=4, jazz=4)
ARTISTS = {track_id: track_id for track_id, _, _ in ENOUGH}
HALVES = {track_id: "test" if int(track_id[-1]) % 2 else "train" for track_id in ARTISTS}


def run(rows: list[Row], changes: Mapping[str, Any], **columns: Any) -> None:
    write_params(Path(), {**SMALL, **{f"split.{name}": value for name, value in changes.items()}})
    write_tracks(Path(), rows, **columns)
    main()


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (UNLABELLED, {}, "genres with usable tracks: none; at least two are needed"),
        (ENOUGH, {"folds": 5}, "has 4 usable tracks, .* = 5; set split.folds to 4, or add tracks;"),
        (tracks(blues=4), {}, "genres with usable tracks: blues; at least two"),
        ([*ENOUGH, *LOST], {}, f"^genre 'kazoo': {WHY}; mend or .* split.least_tracks to 1 or"),
        ([*ENOUGH, *LOST], {"least_tracks": 5}, "genres with usable tracks: none; at least two"),
        ([*ENOUGH, *REJECTED], {"folds": 5}, "least_tracks can .*; genre 'jazz': 4 of 5 files can"),
        (tracks(blues=9, jazz=3), {}, "genre 'jazz' has one training track, .* validation need"),
        (ENOUGH, {"protocol": "artist"}, "no artist is known; add a column artist to metadata.csv"),
        (ENOUGH, {"protocol": "filtered"}, "'filtered' is a split of GTZAN: all labelled tracks"),
        (ENOUGH, {"protocol": "given"}, "'given' needs a column fold or split in metadata.csv"),
        (ENOUGH, {"protocol": "artist"}, "no genre has two artists in training"),
        (tracks(blues=9, jazz=1), {"protocol": "clip", "folds": 3}, "genre 'jazz' has 2 clips"),
    ],
    ids=str,
)
def test_what_the_folds_would_lack_is_named(
    rows: list[Row], changes: Mapping[str, Any], message: str
) -> None:
    artists = {track_id: genre for track_id, genre, _ in rows} if "two artists" in message else {}
    with pytest.raises(PipelineError, match=message) as caught:
        run(rows, changes, artist=artists)
    assert "\n" not in str(caught.value)
    assert not TRACKS_CHECKED.exists()


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({}, {}),
        ({"folds": 4}, {}),
        ({"protocol": "clip"}, {}),
        ({"protocol": "artist"}, {"artist": ARTISTS}),
        ({"protocol": "given"}, {"split": HALVES}),
    ],
)
def test_enough_tracks_pass_without_a_word(
    changes: Mapping[str, Any], columns: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing but the table of tracks is read."""
    run([*ENOUGH, *REJECTED, *UNLABELLED], changes, **columns)
    assert TRACKS_CHECKED.is_file()
    assert not REPLICAS.exists()
    assert not FEATURE_STORES.exists()
    assert capsys.readouterr() == ("", "")


def test_genres_are_left_out_only_if_the_parameters_say_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run([*ENOUGH, *tracks(polka=3), *LOST], {"least_tracks": 4})
    polka, kazoo = sorted(capsys.readouterr().err.splitlines(), reverse=True)
    assert re.fullmatch("warning: .* 'kazoo' is left out: .*split.least_tracks = 4", kazoo)
    assert "'polka' is left out: 3 of 3 files can be used," in polka


def test_the_output_is_always_the_same_so_that_no_feature_is_computed_again() -> None:
    run(ENOUGH, {})
    before = TRACKS_CHECKED.read_bytes()
    run(tracks(blues=5, metal=6), {"folds": 3})
    assert TRACKS_CHECKED.read_bytes() == before


def test_every_feature_waits_for_it() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert TRACKS_CHECKED.as_posix() in stages["extract"]["deps"]
