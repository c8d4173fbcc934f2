"""Sounds and pictures of a page: encoded once and named safely, low frequencies at the bottom."""

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from documents import base_document
from helpers import SAMPLE_RATE, tone
from PIL import Image

from pipeline.audio.encode import SoundEncoder
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.features.shared.feature import Feature, feature_names, read_feature
from pipeline.pages import media
from pipeline.pages.media import HEIGHT, WIDTH, MediaMaker, beside, inside, open_media
from pipeline.store.cache import machine_cache
from pipeline.store.store import write_store

CENTROID = FEATURE_STORES / "centroid"
SILENCE = np.zeros((1, SAMPLE_RATE), np.int16)


def content(address: str) -> bytes:
    """What a data URI holds."""
    return base64.b64decode(address.partition(",")[2])


def opened(address: str) -> npt.NDArray[np.uint8]:
    """Brightness of a picture, shape (height, width)."""
    image = Image.open(io.BytesIO(content(address)))
    assert image.format == "WEBP"
    return np.asarray(image.convert("L"))


def maker(shape: tuple[int, ...], feature: Feature | None = None) -> MediaMaker:
    return MediaMaker(feature, shape, SAMPLE_RATE, inside)


@pytest.mark.usefixtures("augmented")
def test_tracks_have_sounds_and_pictures_beside_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    with open_media(CLIPS, CENTROID, beside(folder)) as stores:
        tracks = stores.of_all(["high/0", "low/3"])
    for track_id, pitch in (("high/0", 1200), ("low/3", 200)):  # helpers.PITCH
        sound, rate = soundfile.read(folder / tracks[track_id].sound)
        assert len(sound) / rate == pytest.approx(2, abs=0.01)
        assert np.abs(np.fft.rfft(sound)).argmax() / 2 == pytest.approx(pitch, abs=1)
        assert (folder / tracks[track_id].picture).read_bytes()[:4] == b"RIFF"


@pytest.mark.usefixtures("augmented")
def test_the_sound_is_that_of_the_clips_and_encoded_once_for_all_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    with open_media(CLIPS, CENTROID, inside) as stores:
        first = stores.of("high/0")
        expected = SoundEncoder(SAMPLE_RATE)(stores.clips.rows("high/0"))
    assert content(first.sound) == expected
    assert soundfile.info(io.BytesIO(expected)).subtype == "VORBIS"
    assert len(list((machine_cache().root / media.SOUNDS).iterdir())) == 1
    monkeypatch.setattr(SoundEncoder, "__call__", None)
    with open_media(CLIPS, CENTROID, inside) as stores:
        assert stores.of("high/0") == first


@pytest.mark.usefixtures("augmented")
def test_a_track_that_the_feature_lacks_has_no_picture(tmp_path: Path) -> None:
    rows = np.ones((1, 5), np.float32)
    write_store(tmp_path / "own", {"name": "own"}, {"high/1": rows})
    with open_media(CLIPS, tmp_path / "own", inside) as stores:
        assert stores.caption == "mel spectrogram"
        assert stores.of("high/0").picture == ""
        assert stores.of("high/0").sound.startswith("data:audio/ogg;base64,")
        assert stores.of("high/1").picture.startswith("data:image/webp;base64,")


def test_files_are_named_after_their_content(tmp_path: Path) -> None:
    save = beside(tmp_path)
    first, again, other = (save(each, "audio/ogg") for each in (b"a", b"a", b"b"))
    assert first == again != other
    assert (tmp_path / first).read_bytes() == b"a"
    assert first.startswith("audio/")
    assert first.endswith(".ogg")


def test_clips_are_drawn_one_after_another_with_their_first_rows_at_the_bottom() -> None:
    rows = [np.zeros((32, 40, 1), np.float32) for _ in range(3)]
    rows[1][:8] = 1
    picture = opened(maker((32, 40, 1)).picture(rows, SILENCE, 3))
    assert picture.shape == (32, 120)
    first, second, third = np.hsplit(picture, 3)
    assert second[-6:].mean() > second[:22].mean() + 100
    for dark in (first, second[:22], third):
        assert dark.mean() == pytest.approx(first.mean(), abs=10)


def test_three_planes_are_colours() -> None:
    row = np.zeros((8, 8, 3), np.uint8)
    row[..., 0] = 200
    image = Image.open(io.BytesIO(content(maker(row.shape).picture([row], SILENCE, 1))))
    red, green, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(200, abs=8)
    assert max(green, blue) < 12


@pytest.mark.parametrize("clips", [1, 7, 2000])
def test_pictures_are_never_larger_than_a_screen(clips: int) -> None:
    """However long the track, and however large its rows: beyond WIDTH, a pixel for each clip."""
    rows = (np.zeros((300, 500, 1), np.float16) for _ in range(clips))
    height, width = opened(maker((300, 500, 1)).picture(rows, (), clips)).shape
    assert height <= HEIGHT
    assert width <= max(WIDTH, clips)


def test_a_vector_is_drawn_as_the_mel_spectrogram_of_its_sound() -> None:
    of_vectors = maker((90,))
    assert of_vectors.caption("own") == "mel spectrogram"
    for pitch, place in ((1800.0, "top"), (120.0, "bottom")):
        picture = opened(of_vectors.picture([], tone(pitch, 0), 2))
        brightest = picture.mean(axis=1).argmax() / len(picture)
        assert (brightest < 0.3) == (place == "top")
        assert (brightest > 0.7) == (place == "bottom")


@pytest.mark.parametrize("name", feature_names())
def test_every_feature_can_be_drawn(name: str) -> None:
    document = base_document()
    document["extract"]["mel"]["fmax"] = SAMPLE_RATE / 2
    feature = read_feature(name, document)
    rows = feature(tone(440, 0).astype(np.float32) / 32768, SAMPLE_RATE)
    picture = maker(rows.shape[1:], feature).picture(rows, tone(440, 0), 2)
    assert opened(picture).std() > 1


def test_values_over_time_are_a_line_that_rises_with_them() -> None:
    feature = read_feature("centroid", base_document())
    rows = np.linspace(0, 1000, 22, dtype=np.float16).reshape(2, 11)
    assert maker((11,), feature).caption("centroid") == "centroid"
    picture = opened(maker((11,), feature).picture(rows, (), 2))
    height, width = picture.shape
    line = picture.argmax(axis=0)  # row of the brightest pixel of each column
    assert line[width // 10] > line[width // 2] > line[-width // 10]
    assert line[width // 2] == pytest.approx(height / 2, abs=height / 8)
