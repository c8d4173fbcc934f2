"""The page of songs of one's own: one file, with the sound of the file that was predicted."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers import SAMPLE_RATE, describe, tone
from outcomes import page_data

from pipeline.pages import song_page
from pipeline.pages.song_page import write_song_page
from pipeline.prediction.classifier import Prediction

GENRES = ["high", "low"]
CHANCES = np.array([[0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
CENTROID = {"n_fft": 256, "hop_length": 400}
STORE = {"name": "centroid", "sample_rate": SAMPLE_RATE, "seconds": 1, "params": CENTROID}
DESCRIPTION = describe(genres=GENRES, store=STORE)
PREDICTION = Prediction(GENRES, CHANCES, 1, 3.0)
HOSTILE = "<script>alert(1)<!--.wav"


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A song of three clips, at twice the models' sample rate."""
    path = tmp_path / HOSTILE
    soundfile.write(path, tone(300, 1, clips=6).ravel(), 2 * SAMPLE_RATE, subtype="PCM_16")
    return path


def songs(page: Path) -> list[dict[str, Any]]:
    return list(page_data(page.read_text(encoding="utf-8"))["sets"][0]["tracks"])


def test_the_page_has_the_sound_and_the_genres_of_the_file(wav: Path, tmp_path: Path) -> None:
    page = tmp_path / "out" / "song.html"
    write_song_page(page, {wav: PREDICTION}, DESCRIPTION, 2)
    [track] = songs(page)
    assert track["id"] == HOSTILE
    assert track["clips"] == [[800, 200], [300, 700], [900, 100]]
    assert (track["actual"], track["predicted"], track["votes"]) == (-1, [0], [0, 1, 0])
    sound = io.BytesIO(base64.b64decode(track["sound"].partition(",")[2]))
    samples, rate = soundfile.read(sound)
    assert len(samples) / rate == pytest.approx(3, abs=0.01)
    assert np.abs(np.fft.rfft(samples[:rate])).argmax() == 600  # played twice as fast
    assert track["picture"].startswith("data:image/webp;base64,")
    assert list(tmp_path.rglob("*.html")) == [page]
    assert "<script>alert(1)" not in page.read_text(encoding="utf-8")


def test_of_many_songs_the_first_have_sound_and_equal_names_are_told_apart_by_their_folders(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(song_page, "MOST", 1)
    other = tmp_path / "live" / wav.name
    other.parent.mkdir()
    other.write_bytes(wav.read_bytes())
    page = tmp_path / "songs.html"
    write_song_page(page, {wav: PREDICTION, other: PREDICTION}, DESCRIPTION, 2)
    assert [bool(each["sound"]) for each in songs(page)] == [True, False]
    assert [each["id"] for each in songs(page)] == [str(wav), str(other)]
    assert "<h1>2 songs</h1>" in page.read_text(encoding="utf-8")
