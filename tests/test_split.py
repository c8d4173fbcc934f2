"""The stage split: labelled, usable tracks get folds, others do not, and folds are audited."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from documents import write_params
from helpers import SMALL, run_main, write_tracks

from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import FOLDS, REPLICAS, SPLIT, read_json
from pipeline.dataset.tracks import EXCLUDED, read_facts, read_tracks
from pipeline.folds import protocols
from pipeline.folds.protocols import PROTOCOLS, song
from pipeline.folds.table import SplitParams, read_folds, sides
from pipeline.split import main

pytestmark = pytest.mark.usefixtures("project")

Row = tuple[str, str, str]
Columns = Mapping[str, Mapping[str, object]]

USABLE: list[Row] = [(f"{genre}/{i}", genre, "ok") for genre in ("blues", "jazz") for i in range(4)]
NAMES = [track for track, _, _ in USABLE]
ARTISTS = {track: f"of {track[:-1]}{int(track[-1]) // 2}" for track in NAMES}
FACTS = read_facts()
GTZAN = [(name, name.split("/")[0], "ok") for name in FACTS]
PARTS = {name: fact.split for name, fact in FACTS.items() if fact.split != EXCLUDED}
PAIRS = [("blues/1", "jazz/1"), ("jazz/2", "blues/1")]
# Folds and a split as metadata give them.
GIVEN: list[Columns] = [
    {"fold": {name: str(int(name[-1]) % 2) for name in NAMES}},
    {"split": dict(zip(NAMES, ["train", "train", "test", "valid"] * 2, strict=True))},
]


def split(
    rows: Sequence[Row] = USABLE,
    replicas: Sequence[tuple[str, str]] = (),
    columns: Columns | None = None,
    **params: Any,
) -> dict[str, Any]:
    """Run the stage on a table of tracks, and return metrics/split.json."""
    changes = {f"split.{name}": value for name, value in params.items()}
    write_params(Path(), {**SMALL, "seed": 5, **changes})
    write_tracks(Path(), rows, **(columns or {}))
    lines = ["track_id,same_as,kind", *(f"{first},{second},same" for first, second in replicas)]
    REPLICAS.write_text("\n".join(lines), encoding="utf-8")
    run_main(main)
    return read_json(SPLIT)


def places() -> dict[str, tuple[int, ...]]:
    return {track.track_id: track.tested_in for track in read_folds()}


def named() -> dict[str, str]:
    return {track.track_id: track.artist for track in read_folds()}


def test_every_labelled_track_gets_its_fold() -> None:
    split([*USABLE[:-1], ("jazz/3", "jazz", "truncated")])
    folded = read_folds()
    assert [(track.track_id, track.genre) for track in folded] == [row[:2] for row in USABLE]
    params = SplitParams(
        protocol="song", folds=2, judge="test", seeds=3, least_tracks=0, group="artist"
    )
    assert folded == song(read_tracks(), {}, params, 5)


def test_unlabelled_and_rejected_tracks_get_none_and_move_no_other() -> None:
    split()
    before = FOLDS.read_bytes()
    others = [
        ("blues/broken", "blues", "rejected: empty file"),
        ("unlabelled/song", "", "ok"),
        ("unlabelled/broken", "", "rejected: silent"),
    ]
    split(sorted([*USABLE, *others]), [("unlabelled/song", "blues/0")])
    assert FOLDS.read_bytes() == before


def test_genres_that_are_left_out_do_not_count() -> None:
    with pytest.raises(PipelineError, match="usable tracks: blues; at least two"):
        split(columns={"fold": {"blues/0": "1", "blues/1": "2"}}, protocol="given")
    assert not FOLDS.exists()


def test_small_genres_are_left_out_by_name_if_the_parameters_say_so() -> None:
    rows = [*USABLE, ("kazoo/0", "kazoo", "rejected: silent"), ("polka/0", "polka", "ok")]
    with pytest.raises(PipelineError, match=r"^genre 'kazoo': 0 of 1 file can be used \(silent: 1"):
        split(rows)
    metrics = split(rows, least_tracks=2)
    assert (metrics["genres_left_out"], metrics["tracks"]) == (["kazoo", "polka"], len(USABLE))
    assert [track.track_id for track in read_folds()] == NAMES


def test_replicas_stay_together_and_are_counted() -> None:
    pairs = [("jazz/3", "blues/1"), ("jazz/3", "jazz/0"), ("blues/1", "unlabelled/x")]
    metrics = split(replicas=pairs)
    same = {track.track_id for track in read_folds() if track.replica == "blues/1"}
    assert same == {"blues/1", "jazz/0", "jazz/3"}
    assert len({places()[name] for name in same}) == 1
    assert (metrics["replica_groups"], metrics["groups"]) == (1, 6)


def test_artists_stay_together_and_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = split(columns={"artist": ARTISTS}, protocol="artist")
    assert named() == ARTISTS
    assert len({(ARTISTS[name], place) for name, place in places().items()}) == 4
    expected = {"protocol": "artist", "judged": "all", "left_out": 0, "groups": 4}
    expected |= {"artists_kept": True, "known_artist_share": 1.0, "genres_absent": 0}
    assert metrics.items() >= expected.items()
    assert capsys.readouterr().err == ""


def test_spellings_of_an_artist_and_joint_credits_stay_together() -> None:
    known = {**ARTISTS, "blues/0": "Miles  DAVIS", "jazz/3": "miles davis", "blues/2": "Ann and Bo"}
    split(columns={"artist": {**known, "jazz/0": "Ann"}}, protocol="artist")
    assert places()["blues/0"] == places()["jazz/3"]
    assert places()["blues/2"] == places()["jazz/0"]


def test_unknown_artists_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    known = {name: ARTISTS[name] for name in NAMES[:6]}
    metrics = split(columns={"artist": known}, protocol="artist", group="artist")
    assert metrics["group"] == "artist"
    assert capsys.readouterr().err == (
        "warning: 2 of 8 labelled tracks have no known artist; each counts as one by itself\n"
    )
    assert (metrics["known_artist_share"], metrics["groups"]) == (0.75, 5)


def test_genres_that_a_fold_does_not_test_are_counted_and_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_genre = {name: name[:-2] for name in NAMES}
    assert split(columns={"artist": of_genre}, protocol="artist")["genres_absent"] == 2
    scarce = "genres with fewer artists than the 2 folds, so that not every fold tests them:"
    assert f"warning: {scarce} blues (1), jazz (1)\n" in capsys.readouterr().err


def test_clips_are_assigned_one_by_one() -> None:
    clips = {"clips": {"blues/0": 7}}
    metrics = split(replicas=[("blues/0", "jazz/0")], columns=clips, protocol="clip")
    counts = Counter(track.track_id for track in read_folds())
    assert counts == {name: 7 if name == "blues/0" else 2 for name in NAMES}
    assert (metrics["tracks"], metrics["groups"], metrics["folds"]) == (8, 21, 2)


def test_the_filtered_split_of_gtzan() -> None:
    artists = {"artist": {name: fact.artist for name, fact in FACTS.items()}}
    metrics = split(GTZAN, columns=artists, protocol="filtered", judge="test", seeds=4)
    assert places() == {
        name: () if part == "train" else (0, 1, 2, 3)
        for name, part in PARTS.items()
        if part in ("train", "test")
    }
    assert metrics.items() >= {
        ("judged", "test"),
        ("folds", 4),
        ("tracks", 443 + 290),
        ("left_out", 197 + 70),
        ("replica_groups", 15),
        ("known_artist_share", 0.919),
        ("replicas_left_out", 0),
        ("artists_kept", True),
    }
    assert metrics["groups"] < 400
    # Bob Marley trains, and has a joint credit for a tested track: joint credits have no name here.
    joint = {"reggae/reggae.00087", "pop/pop.00012"}
    assert named() == {name: "" if name in joint else FACTS[name].artist for name in places()}
    split(GTZAN, protocol="filtered", judge="valid")
    tested = {name for name, place in places().items() if place}
    assert tested == {name for name, part in PARTS.items() if part == "valid"}
    assert places().keys() < PARTS.keys()


@pytest.mark.parametrize(("protocol", "left_out"), [("filtered", 1), ("given", 2)])
def test_only_identical_audio_removes_tracks_from_the_filtered_split(
    capsys: pytest.CaptureFixture[str], protocol: str, left_out: int
) -> None:
    piece, copy, tested = "country/country.00051", "country/country.00008", "pop/pop.00071"
    first, second, *_ = (name for name, part in PARTS.items() if part == "train")
    pairs = [(first, tested), (second, copy)]
    metrics = split(GTZAN, pairs, {"split": PARTS}, protocol=protocol)
    assert (PARTS[piece], PARTS.get(copy), PARTS[tested]) == ("test", None, "test")
    assert (first in places(), second in places()) == (False, protocol == "filtered")
    assert {piece, tested} < places().keys()
    assert (metrics["replicas_left_out"], metrics["tracks"]) == (left_out, 443 + 290 - left_out)
    assert metrics["left_out"] == 1000 - metrics["tracks"]
    assert capsys.readouterr().err == (
        f"warning: {first} (training) and {tested} (test) are replicas; tracks left out of "
        f"training where a replica is tested: {left_out}\n"
    )


@pytest.mark.parametrize(
    ("columns", "judged", "left_out"), [(GIVEN[0], ("all", 2), 3), (GIVEN[1], ("test", 3), 2)]
)
def test_replicas_of_what_a_given_fold_tests_are_left_out_of_training(
    capsys: pytest.CaptureFixture[str], columns: Columns, judged: tuple[str, int], left_out: int
) -> None:
    assert split(columns=columns, protocol="given")["replicas_left_out"] == 0
    assert capsys.readouterr().err == ""
    metrics = split(replicas=PAIRS, columns=columns, protocol="given")
    assert metrics["replicas_left_out"] == left_out
    assert (metrics["judged"], metrics["folds"]) == judged
    assert metrics["tracks"] + metrics["left_out"] == 8
    assert capsys.readouterr().err == (
        "warning: blues/1 (training) and jazz/2 (test) are replicas; tracks left out of training "
        f"where a replica is tested: {left_out}\n"
    )
    training = {track.track_id for track in sides(read_folds(), 0)[0]}
    assert training
    assert not training & {"blues/1", "jazz/1"}


def test_genres_that_are_tested_without_training_are_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = {name: "test" if name.startswith("jazz") else "train" for name in NAMES}
    columns = {"split": {**parts, "blues/0": "test"}}
    assert split(columns=columns, protocol="given", seeds=3)["genres_untrained"] == 3
    assert capsys.readouterr().err == (
        "warning: fold 0 tests genre 'jazz' but has no track of it in training, so all its tracks "
        "will be wrong; number of such cases: 3\n"
    )


@pytest.mark.parametrize("columns", GIVEN)
def test_given_folds_that_train_on_a_tested_replica_are_a_leak(
    monkeypatch: pytest.MonkeyPatch, columns: Columns
) -> None:
    monkeypatch.setattr(protocols, "_without_tested_replicas", list)
    expected = r"^leak: blues/1 \(training\) and jazz/2 \(test\) are replicas$"
    with pytest.raises(LeakError, match=expected):
        split(replicas=PAIRS, columns=columns, protocol="given")
    assert not FOLDS.exists()


def test_folds_that_separate_an_artist_are_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit uses the artists as they were read, not what the protocol made of them."""
    monkeypatch.setitem(PROTOCOLS, "artist", song)
    expected = r"^leak: .* \(training\) and .* are by the same artist, X$"
    with pytest.raises(LeakError, match=expected):
        split(columns={"artist": dict.fromkeys(NAMES, "X")}, protocol="artist")
    assert not FOLDS.exists()


def test_digests_follow_from_the_dataset_and_the_folds() -> None:
    def digests(**changes: Any) -> tuple[str, str]:
        metrics = split(**changes)
        return metrics["dataset_digest"], metrics["folds_digest"]

    data, folds = digests()
    assert digests() == (data, folds)
    assert len(data) == len(folds) == 12
    more_folds = digests(folds=4)
    assert more_folds[0] == data
    assert more_folds[1] != folds
    other_file = digests(columns={"sha256": {"jazz/3": "other"}})
    assert other_file[0] != data
    assert other_file[1] == folds
