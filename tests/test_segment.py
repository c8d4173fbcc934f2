"""The stage segment: its table, statuses, counts and warnings, with any number of workers."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from documents import write_params
from project import contents

from pipeline import segment
from pipeline.audio.clips import Pcm
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, FEATURE_STORES, TRACKS, read_csv, read_json
from pipeline.dataset.tracks import COLUMNS
from pipeline.extract import extract
from pipeline.features.shared.feature import read_feature
from pipeline.store.store import Store, in_store_order, shard_of

SAMPLE_RATE = 22_050  # as in the parameters, with clips of 3 s
REJECTIONS = {
    "rock/cover.txt": "rejected: not audio (.txt)",
    "rock/empty": "rejected: empty file",
    "rock/garbage": "rejected: unreadable: no format of audio that is known",
    "rock/header": "rejected: no samples",
    "rock/nan": "rejected: samples that are not numbers (NaN or infinite)",
    "rock/short": "rejected: shorter than half a clip (1.40 s)",
    "rock/silent": "rejected: silent",
}


def noise(seconds: float, sample_rate: int = SAMPLE_RATE, channels: int = 1) -> Pcm:
    rng = np.random.default_rng(0)
    shape = (round(seconds * sample_rate), channels)
    return rng.integers(-9000, 9000, shape, np.int16)


def write(path: Path, samples: object, sample_rate: int = SAMPLE_RATE, **options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, **options)


@pytest.fixture
def music(project: Path) -> Path:
    """Three good tracks, one of them unlabelled, a truncated one, and an artist."""
    folder = project / "music"
    write(folder / "blues" / "a.wav", noise(6.1))
    write(folder / "jazz" / "b.flac", noise(4.5, 44_100, channels=2), 44_100)
    write(folder / "unlabelled" / "u.au", noise(3.0))
    write(folder / "jazz" / "cut.wav", noise(6.0))
    whole = (folder / "jazz" / "cut.wav").read_bytes()
    (folder / "jazz" / "cut.wav").write_bytes(whole[: 44 + 2 * 3 * SAMPLE_RATE])
    (folder / "metadata.csv").write_text("track_id,split,artist\nb,train,Monk\n")
    return folder


def rows() -> dict[str, dict[str, str]]:
    return {row["track_id"]: row for row in read_csv(TRACKS)}


def test_every_file_has_a_row_and_every_usable_one_its_clips(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (music / "jazz" / "cut.wav").rename(music / "cut.wav")
    segment.main()
    assert "warning" not in capsys.readouterr().err
    whole.rename(music / "jazz" / "cut.wav")
    segment.main()
    assert TRACKS.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert list(rows()) == ["blues/a", "jazz/b", "jazz/cut", "unlabelled/u"]
    data = (music / "jazz" / "b.flac").read_bytes()
    assert rows()["jazz/b"] == {
        "track_id": "jazz/b",
        "genre": "jazz",
        "artist": "Monk",
        "split": "train",
        "fold": "",
        "sha256": hashlib.sha256(data).hexdigest(),
        "seconds": "4.5",
        "sample_rate": "44100",
        "channels": "2",
        "clips": "2",
        "status": "ok",
    }
    assert [row["genre"] for row in rows().values()] == ["blues", "jazz", "jazz", ""]
    assert [row["clips"] for row in rows().values()] == ["2", "2", "1", "1"]
    assert [row["seconds"] for row in rows().values()] == ["6.1", "4.5", "3.0", "3.0"]
    assert [row["status"] for row in rows().values()] == ["ok", "ok", "truncated", "ok"]
    with Store(CLIPS) as store:
        assert store.track_ids == in_store_order(rows())
        assert (store.dtype.name, store.shape) == ("int16", (6, 3 * SAMPLE_RATE))
        assert store.description.items() >= {("sample_rate", SAMPLE_RATE), ("seconds", 3)}
        expected = noise(6.1)[: 6 * SAMPLE_RATE].reshape(2, -1)
        np.testing.assert_array_equal(store.rows("blues/a"), expected)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unusable_files_are_listed_and_the_run_goes_on(
    music: Path, workers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", workers)
    segment.main()
    before = contents(CLIPS)
    write(music / "rock" / "header.wav", np.zeros(0))
    write(music / "rock" / "nan.wav", np.full(3 * SAMPLE_RATE, np.nan), subtype="FLOAT")
    write(music / "rock" / "short.wav", noise(1.4))
    write(music / "rock" / "silent.wav", np.zeros(3 * SAMPLE_RATE))
    (music / "rock" / "cover.txt").write_text("cover")
    (music / "rock" / "empty.mp3").touch()
    (music / "rock" / "garbage.ogg").write_bytes(np.random.default_rng(1).bytes(5000))
    capsys.readouterr()
    segment.main()
    assert contents(CLIPS) == before
    statuses = {name: row["status"] for name, row in rows().items() if row["genre"] == "rock"}
    assert statuses == REJECTIONS
    garbage = (music / "rock" / "garbage.ogg").read_bytes()
    assert rows()["rock/garbage"]["sha256"] == hashlib.sha256(garbage).hexdigest()
    assert {rows()[name]["clips"] for name in REJECTIONS} == {"0"}
    assert read_json(segment.COUNTS) == {
        "files": 11,
        "labelled_tracks": 3,
        "unlabelled_tracks": 1,
        "clips": 6,
        "rejected": 7,
        "truncated": 1,
        "damaged": 0,
        "one channel": 0,
        "rescaled": 0,
        "clipped": 0,
        "known_artist_share": 0.3333,
    }
    warnings = [x for x in capsys.readouterr().err.splitlines() if x.startswith("warning")]
    assert warnings == [
        "warning: of 11 files: 7 rejected, 1 truncated; see the column status of data/tracks.csv"
    ]


def test_gtzans_artists_are_used_where_every_usable_track_is_gtzans(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in music.rglob("*.*"):
        path.unlink()
    write(music / "blues" / "blues.00000.wav", noise(3))
    write(music / "rock" / "rock.00016.wav", noise(3))
    (music / "rock" / "empty.wav").touch()
    (music / "metadata.csv").write_text("track_id,artist,fold\nrock.00016,Freddie,1\n")
    segment.main()
    found = {name: (row["artist"], row["fold"]) for name, row in rows().items()}
    assert found["blues/blues.00000"] == ("John Lee Hooker", "")
    assert found["rock/rock.00016"] == ("Freddie", "1")
    assert "GTZAN" not in capsys.readouterr().err
    (music / "metadata.csv").write_text("track_id,artist,album\nrock.00016,Freddie,Jazz\n")
    write_params(Path(), {"dataset.path": "music", "split.group": "album"})
    segment.main()
    assert [row["artist"] for row in rows().values()] == ["", "", "Jazz"]
    assert "columns that are not used: artist\n" in capsys.readouterr().out
    write_params(Path(), {"dataset.path": "music"})
    write(music / "rock" / "own.wav", noise(3))
    segment.main()
    assert rows()["blues/blues.00000"]["artist"] == ""
    assert (
        "warning: most labelled tracks are GTZAN's, but not rock/own (number of such tracks: 1), "
        "so GTZAN's artists, replicas and split are not used\n"
    ) in capsys.readouterr().err


def test_a_table_labels_and_where_only_it_changes_nothing_is_computed(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment.main()
    before = contents(CLIPS)
    genres = {"blues/a": "Blues", "jazz/b": "Rock", "jazz/cut": "unlabelled", "unlabelled/u": ""}
    lines = [f"{track_id},{genre}" for track_id, genre in genres.items() if genre]
    (music / "metadata.csv").write_text("\n".join(["path,genre", *lines]))
    capsys.readouterr()
    segment.main()
    assert "pcm: 4 tracks, 4 reused, 0 computed" in capsys.readouterr().out
    assert contents(CLIPS) == before
    genres["jazz/cut"] = ""
    assert {name: row["genre"] for name, row in rows().items()} == genres
    (music / "metadata.csv").write_text("\n".join(["path,genre", *lines[:2]]))
    segment.main()
    left_out = (
        "warning: files left out, as metadata.csv gives them no genre: 1 (jazz/cut); the genre"
    )
    assert left_out in capsys.readouterr().err
    assert list(rows()) == ["blues/a", "jazz/b", "unlabelled/u"]


def test_a_run_that_is_refused_loses_nothing(music: Path) -> None:
    segment.main()
    clips, table = contents(CLIPS), TRACKS.read_bytes()
    (music / "metadata.csv").write_text("track_id,artist\nnobody,Nobody\n")
    with pytest.raises(PipelineError, match=r"metadata\.csv: the row 'nobody' matches no track"):
        segment.main()
    (music / "metadata.csv").unlink()
    for path in music.glob("*/*"):
        path.write_bytes(b"")
    with pytest.raises(PipelineError, match="'music': none of its files can be used"):
        segment.main()
    assert contents(CLIPS) == clips
    assert TRACKS.read_bytes() == table


def test_a_renamed_track_is_not_computed_again(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its content counts, neither its name nor its genre; nor does its feature run again."""
    extracted = (CLIPS, "centroid", read_feature("centroid"), FEATURE_STORES / "centroid")
    segment.main()
    extract(*extracted)
    with Store(CLIPS) as store:
        before = store.rows("blues/a").copy()
    (music / "blues" / "a.wav").rename(music / "jazz" / "another name.wav")
    assert shard_of("blues/a") != shard_of("jazz/another name")
    capsys.readouterr()
    segment.main()
    extract(*extracted)
    assert "pcm: 4 tracks, 4 reused, 0 computed" in (output := capsys.readouterr().out)
    assert "centroid: 4 tracks, 4 reused, 0 computed" in output
    with Store(CLIPS) as store:
        np.testing.assert_array_equal(store.rows("jazz/another name"), before)
    assert rows()["jazz/another name"]["status"] == "ok"
