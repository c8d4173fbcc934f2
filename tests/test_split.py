"""The stage split: labelled, usable tracks get folds, others do not, and folds are audited."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documents import write_params
from helpers import SMALL, write_tracks

from pipeline.base.errors import FoldError, LeakError, PipelineError
from pipeline.base.files import FOLDS, REPLICAS, SPLIT
from pipeline.dataset.gtzan import EXCLUDED, read_facts
from pipeline.dataset.tracks import read_tracks
from pipeline.folds import assignment
from pipeline.folds import protocols as prescribed
from pipeline.folds.protocols import PROTOCOLS, song
from pipeline.folds.table import FoldedTrack, SplitParams, folds_of, read_folds, sides
from pipeline.split import main

Row = tuple[str, str, str]

USABLE: list[Row] = [(f"{genre}/{i}", genre, "ok") for genre in ("blues", "jazz") for i in range(4)]
ARTISTS = {track: f"of {track[:-1]}{int(track[-1]) // 2}" for track, _, _ in USABLE}
GTZAN = [(name, name.split("/")[0], "ok") for name in read_facts()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    set_params()
    write_replicas([])
    return tmp_path


def set_params(**changes: Any) -> None:
    split_changes = {f"split.{name}": value for name, value in changes.items()}
    write_params(Path(), {**SMALL, "seed": 5, **split_changes})


def write_replicas(pairs: list[tuple[str, str]]) -> None:
    REPLICAS.parent.mkdir(exist_ok=True)
    lines = ["track_id,same_as,kind", *(f"{first},{second},same" for first, second in pairs)]
    REPLICAS.write_text("\n".join(lines), encoding="utf-8")


def metrics() -> dict[str, Any]:
    return dict(json.loads(SPLIT.read_text(encoding="utf-8")))


def places() -> dict[str, tuple[int, ...]]:
    return {track.track_id: track.tested_in for track in read_folds()}


def test_every_labelled_track_gets_its_fold(folder: Path) -> None:
    write_tracks(folder, USABLE)
    main()
    folded = read_folds()
    assert [(track.track_id, track.genre) for track in folded] == [row[:2] for row in USABLE]
    params = SplitParams(protocol="song", folds=2, judge="test", seeds=3)
    assert folded == song(read_tracks(), {}, params, 5)


def test_unlabelled_and_rejected_tracks_get_none_and_move_no_other(folder: Path) -> None:
    write_tracks(folder, USABLE)
    main()
    before = FOLDS.read_bytes()
    others = [
        ("blues/broken", "blues", "rejected: empty file"),
        ("unlabelled/song", "", "ok"),
        ("unlabelled/broken", "", "rejected: silent"),
    ]
    write_tracks(folder, sorted([*USABLE, *others]))
    write_replicas([("unlabelled/song", "blues/0")])
    main()
    assert FOLDS.read_bytes() == before


def test_truncated_tracks_get_one(folder: Path) -> None:
    write_tracks(folder, [(track, genre, "truncated") for track, genre, _ in USABLE])
    main()
    assert len(read_folds()) == len(USABLE)


@pytest.mark.parametrize(
    ("rows", "found"), [(USABLE[:4], USABLE[0][1]), ([("unlabelled/a", "", "ok")], "none")]
)
@pytest.mark.parametrize("protocol", ["song", "artist", "clip", "given"])
def test_fewer_than_two_genres_is_an_error(
    folder: Path, rows: list[Row], found: str, protocol: str
) -> None:
    set_params(protocol=protocol)
    write_tracks(folder, rows)
    with pytest.raises(PipelineError, match=f"usable tracks: {found}; at least two"):
        main()
    assert not FOLDS.exists()


def test_genres_that_are_left_out_do_not_count(folder: Path) -> None:
    set_params(protocol="given")
    write_tracks(folder, USABLE, fold={"blues/0": "1", "blues/1": "2"})
    with pytest.raises(PipelineError, match="usable tracks: blues; at least two"):
        main()


def test_rejected_tracks_do_not_count_for_their_genre(folder: Path) -> None:
    rejected = [("jazz/0", "jazz", "ok"), ("jazz/1", "jazz", "rejected: silent")]
    write_tracks(folder, [*USABLE[:4], *rejected])
    with pytest.raises(FoldError, match="genre 'jazz' has 1 usable tracks"):
        main()


@pytest.mark.usefixtures("folder")
def test_missing_table_is_named() -> None:
    with pytest.raises(PipelineError, match=r"tracks\.csv is missing"):
        main()


def test_missing_replicas_are_named(folder: Path) -> None:
    write_tracks(folder, USABLE)
    REPLICAS.unlink()
    with pytest.raises(PipelineError, match=r"replicas\.csv is missing"):
        main()


def test_replicas_stay_together_and_are_counted(folder: Path) -> None:
    write_tracks(folder, USABLE)
    write_replicas([("jazz/3", "blues/1"), ("jazz/3", "jazz/0"), ("blues/1", "unlabelled/x")])
    main()
    assert {track.track_id for track in read_folds() if track.replica == "blues/1"} == {
        "blues/1",
        "jazz/0",
        "jazz/3",
    }
    assert len({places()[name] for name in ("blues/1", "jazz/0", "jazz/3")}) == 1
    assert (metrics()["replica_groups"], metrics()["groups"]) == (1, 6)


def test_artists_stay_together_and_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(protocol="artist")
    write_tracks(folder, USABLE, artist=ARTISTS)
    main()
    assert {track.track_id: track.artist for track in read_folds()} == ARTISTS
    assert len({(ARTISTS[name], place) for name, place in places().items()}) == 4
    assert metrics() | {"dataset_digest": "", "folds_digest": ""} == {
        "protocol": "artist",
        "judged": "all",
        "folds": 2,
        "tracks": 8,
        "left_out": 0,
        "artists_kept": True,
        "known_artist_share": 1.0,
        "groups": 4,
        "replica_groups": 0,
        "genres_absent": 0,
        "replicas_left_out": 0,
        "genres_untrained": 0,
        "dataset_digest": "",
        "folds_digest": "",
    }
    assert capsys.readouterr().err == ""


def test_unknown_artists_are_warned_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_params(protocol="artist")
    write_tracks(folder, USABLE, artist={name: ARTISTS[name] for name in list(ARTISTS)[:6]})
    main()
    assert capsys.readouterr().err == (
        "warning: 2 of 8 labelled tracks have no known artist; each counts as an artist by itself\n"
    )
    assert metrics()["known_artist_share"] == 0.75
    assert metrics()["groups"] == 5


def test_no_known_artist_is_an_error(folder: Path) -> None:
    set_params(protocol="artist")
    write_tracks(folder, USABLE)
    with pytest.raises(PipelineError, match="but no artist is known; add a column artist to"):
        main()
    assert not FOLDS.exists()


def test_genres_that_a_fold_does_not_test_are_counted(folder: Path) -> None:
    set_params(protocol="artist")
    write_tracks(folder, USABLE, artist={name: name[:-2] for name in ARTISTS})
    main()
    assert metrics()["genres_absent"] == 2


def test_whether_artists_are_kept_apart_is_a_metric(folder: Path) -> None:
    write_tracks(folder, USABLE, artist=dict.fromkeys(ARTISTS, "everyone"))
    main()
    assert metrics()["artists_kept"] is False
    write_tracks(folder, USABLE, artist={name: name for name in ARTISTS})
    main()
    assert metrics()["artists_kept"] is True
    write_tracks(folder, USABLE)
    main()
    assert metrics()["artists_kept"] is False


def test_clips_are_assigned_one_by_one(folder: Path) -> None:
    set_params(protocol="clip")
    write_tracks(folder, USABLE, clips={"blues/0": 7})
    write_replicas([("blues/0", "jazz/0")])
    main()
    counts = Counter(track.track_id for track in read_folds())
    assert counts == {row[0]: 7 if row[0] == "blues/0" else 2 for row in USABLE}
    assert (metrics()["tracks"], metrics()["groups"], metrics()["folds"]) == (8, 21, 2)


def test_the_filtered_split_of_gtzan(folder: Path) -> None:
    set_params(protocol="filtered", judge="test", seeds=4)
    write_tracks(folder, GTZAN, artist={name: f.artist for name, f in read_facts().items()})
    main()
    facts = read_facts()
    assert places() == {
        name: () if fact.split == "train" else (0, 1, 2, 3)
        for name, fact in facts.items()
        if fact.split in ("train", "test")
    }
    found = metrics()
    assert (found["judged"], found["folds"]) == ("test", 4)
    assert (found["tracks"], found["left_out"]) == (443 + 290, 197 + 70)
    assert (found["replica_groups"], found["known_artist_share"]) == (15, 0.919)
    assert found["replicas_left_out"] == 0
    assert found["artists_kept"] is True
    # Bob Marley trains, and has a joint credit for a tested track: joint credits have no name here.
    joint = {"reggae/reggae.00087", "pop/pop.00012"}
    assert {track.track_id: track.artist for track in read_folds()} == {
        name: "" if name in joint else facts[name].artist for name in places()
    }
    assert found["groups"] < 400
    set_params(protocol="filtered", judge="valid")
    main()
    assert {name for name, place in places().items() if place} == {
        name for name, fact in facts.items() if fact.split == "valid"
    }
    assert not [name for name in places() if facts[name].split == EXCLUDED]


def test_the_filtered_split_needs_gtzan(folder: Path) -> None:
    set_params(protocol="filtered")
    write_tracks(folder, USABLE, split=dict.fromkeys(ARTISTS, "train"))
    with pytest.raises(PipelineError, match="'filtered' is a split of GTZAN: all labelled tracks"):
        main()


def test_gtzans_replicas_are_known(folder: Path) -> None:
    write_tracks(folder, GTZAN)
    write_replicas([("blues/blues.00000", "metal/metal.00058")])
    main()
    replicas = {track.track_id: track.replica for track in read_folds() if track.replica}
    assert len(replicas) == 146
    for name in ("metal/metal.00058", "rock/rock.00016"):
        assert replicas[name] == "blues/blues.00000"
        assert places()[name] == places()["blues/blues.00000"]
    assert replicas["jazz/jazz.00051"] == "jazz/jazz.00033"  # Body and Soul, and by its name alone


@pytest.mark.parametrize(("protocol", "left_out"), [("filtered", 1), ("given", 2)])
def test_only_identical_audio_removes_tracks_from_the_filtered_split(
    folder: Path, capsys: pytest.CaptureFixture[str], protocol: str, left_out: int
) -> None:
    set_params(protocol=protocol)
    parts = {name: f.split for name, f in read_facts().items() if f.split != EXCLUDED}
    write_tracks(folder, GTZAN, split=parts)
    piece, copy, tested = "country/country.00051", "country/country.00008", "pop/pop.00071"
    first, second, *_ = (name for name, part in parts.items() if part == "train")
    write_replicas([(first, tested), (second, copy)])
    main()
    assert (parts[piece], parts.get(copy), parts[tested]) == ("test", None, "test")
    assert (first in places(), second in places()) == (False, protocol == "filtered")
    assert {piece, tested} < places().keys()
    found = metrics()
    assert (found["replicas_left_out"], found["tracks"]) == (left_out, 443 + 290 - left_out)
    assert found["left_out"] == 1000 - found["tracks"]
    assert capsys.readouterr().err == (
        f"warning: {first} (training) and {tested} (test) are replicas; tracks left out of "
        f"training where a replica is tested: {left_out}\n"
    )


@pytest.mark.parametrize(
    ("columns", "judged", "tested"),
    [
        ({"fold": {"blues/0": "a", "blues/1": "b", "jazz/0": "a", "jazz/1": "b"}}, "all", 4),
        (
            {"split": dict(zip(ARTISTS, ["train", "train", "test", "valid"] * 2, strict=True))},
            "test",
            2,
        ),
    ],
)
def test_what_metadata_gives(
    folder: Path, columns: Mapping[str, Mapping[str, str]], judged: str, tested: int
) -> None:
    set_params(protocol="given")
    write_tracks(folder, USABLE, **columns)
    main()
    assert metrics()["judged"] == judged
    assert sum(bool(place) for place in places().values()) == tested
    assert metrics()["tracks"] + metrics()["left_out"] == 8
    assert metrics()["folds"] == (2 if judged == "all" else 3)


PAIRS = [("blues/1", "jazz/1"), ("jazz/2", "blues/1")]
GIVEN = [
    {"fold": {name: str(int(name[-1]) % 2) for name in ARTISTS}},
    {"split": dict(zip(ARTISTS, ["train", "train", "test", "valid"] * 2, strict=True))},
]


@pytest.mark.parametrize(("columns", "left_out"), [(GIVEN[0], 3), (GIVEN[1], 2)])
def test_replicas_of_what_a_given_fold_tests_are_left_out_of_training(
    folder: Path, capsys: pytest.CaptureFixture[str], columns: Any, left_out: int
) -> None:
    set_params(protocol="given")
    write_tracks(folder, USABLE, **columns)
    main()
    before = places()
    assert (metrics()["replicas_left_out"], capsys.readouterr().err) == (0, "")
    write_replicas(PAIRS)
    main()
    assert metrics()["replicas_left_out"] == left_out
    assert capsys.readouterr().err == (
        "warning: blues/1 (training) and jazz/2 (test) are replicas; tracks left out of training "
        f"where a replica is tested: {left_out}\n"
    )
    assert {name: place for name, place in places().items() if place} == {
        name: place for name, place in before.items() if place
    }
    training = {track.track_id for track in sides(read_folds(), 0)[0]}
    assert training == {name for name, place in before.items() if 0 not in place} - {
        "blues/1",
        "jazz/1",
    }


def test_a_replica_in_a_part_that_is_not_tested_is_no_leak(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(protocol="given")
    write_tracks(folder, USABLE, **GIVEN[1])
    write_replicas([("blues/1", "jazz/3")])
    main()
    assert (metrics()["replicas_left_out"], capsys.readouterr().err) == (0, "")
    set_params(protocol="given", judge="valid")
    main()
    assert metrics()["replicas_left_out"] == 1
    assert "blues/1" not in places()


@pytest.mark.parametrize("columns", GIVEN)
def test_given_folds_that_train_on_a_tested_replica_are_a_leak(
    folder: Path, monkeypatch: pytest.MonkeyPatch, columns: Any
) -> None:
    monkeypatch.setattr(prescribed, "_without_tested_replicas", list)
    set_params(protocol="given")
    write_tracks(folder, USABLE, **columns)
    write_replicas(PAIRS)
    expected = r"^leak: blues/1 \(training\) and jazz/2 \(test\) are replicas$"
    with pytest.raises(LeakError, match=expected):
        main()
    assert not FOLDS.exists()


def test_folds_that_separate_an_artist_are_a_leak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unaware(*arguments: Any) -> list[FoldedTrack]:
        folded = song(*arguments)
        artists = {track.track_id: track.artist for track in arguments[0]}
        return [replace(track, artist=artists[track.track_id]) for track in folded]

    monkeypatch.setitem(PROTOCOLS, "artist", unaware)
    set_params(protocol="artist")
    write_tracks(folder, USABLE, artist=dict.fromkeys(ARTISTS, "X"))
    with pytest.raises(
        LeakError, match=r"^leak: .* \(training\) and .* are by the same artist, X$"
    ):
        main()


def test_artist_folds_that_forget_the_artists_are_a_leak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit uses the artists as they were read, not what the protocol made of them."""
    monkeypatch.setitem(PROTOCOLS, "artist", song)
    set_params(protocol="artist")
    write_tracks(folder, USABLE, artist=dict.fromkeys(ARTISTS, "X"))
    with pytest.raises(LeakError, match=r"are by the same artist, X$"):
        main()
    assert not FOLDS.exists()


def test_spellings_of_an_artist_and_joint_credits_stay_together(folder: Path) -> None:
    set_params(protocol="artist")
    known = {**ARTISTS, "blues/0": "Miles  DAVIS", "jazz/3": "miles davis", "blues/2": "Ann and Bo"}
    known |= {"jazz/0": "Ann"}
    write_tracks(folder, USABLE, artist=known)
    main()
    assert places()["blues/0"] == places()["jazz/3"]
    assert places()["blues/2"] == places()["jazz/0"]


def test_given_folds_that_keep_artists_apart_name_them(folder: Path) -> None:
    set_params(protocol="given")
    names = {name: name.split("/")[0] + str(int(name[-1]) % 2) for name in ARTISTS}
    parts = {name: "train" if int(name[-1]) % 2 else "test" for name in ARTISTS}
    write_tracks(folder, USABLE, split=parts, artist=names)
    main()
    assert {track.track_id: track.artist for track in read_folds()} == names
    assert metrics()["artists_kept"] is True
    write_tracks(folder, USABLE, split=parts, artist={**names, "blues/0": names["blues/1"]})
    main()
    assert {track.artist for track in read_folds()} == {""}
    assert metrics()["artists_kept"] is False


def test_genres_that_are_tested_without_training_are_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(protocol="given", seeds=3)
    parts = {name: "test" if name.startswith("jazz") else "train" for name in ARTISTS}
    write_tracks(folder, USABLE, split={**parts, "blues/0": "test"})
    main()
    assert metrics()["genres_untrained"] == 3
    assert capsys.readouterr().err == (
        "warning: fold 0 tests genre 'jazz' but has no track of it in training, so all its tracks "
        "will be wrong; number of such cases: 3\n"
    )


def test_replicas_that_are_in_no_group_are_a_leak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit uses the pairs themselves, not the groups that were made from them."""
    monkeypatch.setattr(assignment, "replica_groups", lambda *_: {})
    write_tracks(folder, USABLE)
    main()
    training, test = sides(read_folds(), 0)
    assert folds_of(read_folds()) == [0, 1]
    write_replicas([(training[0].track_id, test[0].track_id)])
    with pytest.raises(LeakError, match=r"^leak: .* \(training\) and .* \(test\) are replicas$"):
        main()


def test_digests_follow_from_the_dataset_and_the_folds(folder: Path) -> None:
    def digests() -> tuple[str, str]:
        main()
        return metrics()["dataset_digest"], metrics()["folds_digest"]

    write_tracks(folder, USABLE)
    data, folds = digests()
    assert digests() == (data, folds)
    assert len(data) == len(folds) == 12
    set_params(folds=4)
    assert digests()[0] == data
    assert digests()[1] != folds
    set_params()
    write_tracks(folder, USABLE, sha256={"jazz/3": "other"})
    assert digests()[0] != data
    assert digests()[1] == folds
