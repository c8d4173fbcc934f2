"""Sounds and pictures of a page: found by their address, encoded once, and safe to name."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SAMPLE_RATE

from pipeline.audio.encode import OpusEncoder
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.pages import media
from pipeline.pages.media import Studio, beside, inside, open_studio
from pipeline.store.cache import machine_cache
from pipeline.store.store import write_store

CENTROID = FEATURE_STORES / "centroid"


@pytest.mark.usefixtures("augmented")
def test_a_track_is_heard_and_seen_beside_the_page(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with open_studio(CLIPS, CENTROID, beside(tmp_path / "page")) as studio:
        found = studio.all_media(["high/0", "low/3"])
    for each in found.values():
        sound, rate = soundfile.read(tmp_path / "page" / each.sound)
        assert len(sound) / rate == pytest.approx(2, abs=0.01)
        assert (tmp_path / "page" / each.picture).read_bytes()[:4] == b"RIFF"
    spectrum = np.abs(np.fft.rfft(soundfile.read(tmp_path / "page" / found["low/3"].sound)[0]))
    assert spectrum.argmax() / 2 == pytest.approx(200, abs=1)  # helpers.PITCH


@pytest.mark.usefixtures("augmented")
def test_a_sound_is_encoded_once_for_all_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    with open_studio(CLIPS, CENTROID, inside) as studio:
        first = studio.media("high/0")
    assert len(list((machine_cache().root / media.SOUNDS).iterdir())) == 1
    with monkeypatch.context() as patch, open_studio(CLIPS, CENTROID, inside) as studio:
        patch.setattr(OpusEncoder, "__call__", None)
        assert studio.media("high/0") == first


@pytest.mark.usefixtures("augmented")
def test_a_track_that_the_feature_lacks_has_no_picture(tmp_path: Path) -> None:
    rows = np.ones((1, 5), np.float32)
    write_store(tmp_path / "own", {"name": "own"}, {"high/1": rows})
    with open_studio(CLIPS, tmp_path / "own", inside) as studio:
        assert studio.media("high/0").picture == ""
        assert studio.media("high/0").sound.startswith("data:audio/ogg;base64,")
        assert studio.media("high/1").picture.startswith("data:image/webp;base64,")


def test_what_is_kept_inside_is_the_content() -> None:
    head, _, content = inside(b"\x00sound", "audio/ogg").partition(",")
    assert head == "data:audio/ogg;base64"
    assert base64.b64decode(content) == b"\x00sound"


def test_files_are_named_after_their_content(tmp_path: Path) -> None:
    keep = beside(tmp_path)
    first, again, other = (keep(content, "audio/ogg") for content in (b"a", b"a", b"b"))
    assert first == again != other
    assert (tmp_path / first).read_bytes() == b"a"
    assert first.startswith("audio/")
    assert first.endswith(".ogg")


@pytest.mark.usefixtures("augmented")
def test_the_sound_is_that_of_the_clips_one_after_another() -> None:
    with open_studio(CLIPS, CENTROID, inside) as studio:
        assert isinstance(studio, Studio)
        expected = OpusEncoder(SAMPLE_RATE)(studio.sound.rows("high/0"))
        kept = base64.b64decode(studio.media("high/0").sound.partition(",")[2])
    assert kept == expected
    assert soundfile.info(io.BytesIO(kept)).subtype == "OPUS"
