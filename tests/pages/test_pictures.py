"""Pictures of clips: low frequencies at the bottom, time to the right, never too wide."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from documents import base_document
from helpers import SAMPLE_RATE, tone
from PIL import Image

from pipeline.features.shared.feature import feature_names, read_feature
from pipeline.pages.media import HEIGHT, WIDTH, Painter

SILENCE = np.zeros((1, SAMPLE_RATE), np.int16)


def opened(content: bytes) -> npt.NDArray[np.uint8]:
    """Brightness of a picture, shape (height, width)."""
    image = Image.open(io.BytesIO(content))
    assert image.format == "WEBP"
    return np.asarray(image.convert("L"))


def painter(shape: tuple[int, ...]) -> Painter:
    return Painter(None, shape, SAMPLE_RATE)


def test_a_row_is_drawn_with_its_first_row_at_the_bottom() -> None:
    row = np.zeros((32, 40, 1), np.float32)
    row[:8] = 1
    picture = opened(painter(row.shape).paint([row], [SILENCE[0]], 1))
    assert picture.shape == (32, 40)
    assert picture[-6:].mean() > picture[:22].mean() + 100


def test_clips_come_one_after_another() -> None:
    rows = [np.full((16, 20, 1), value, np.float32) for value in (0, 1, 0)]
    picture = opened(painter((16, 20, 1)).paint(rows, SILENCE, 3))
    assert picture.shape == (16, 60)
    first, second, third = picture.reshape(16, 3, 20).mean(axis=(0, 2))
    assert second > first + 100
    assert third == pytest.approx(first, abs=10)


def test_three_planes_are_colours() -> None:
    row = np.zeros((8, 8, 3), np.uint8)
    row[..., 0] = 200
    content = painter(row.shape).paint([row], SILENCE, 1)
    red, green, blue = np.asarray(Image.open(io.BytesIO(content))).reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(200, abs=8)
    assert max(green, blue) < 12


@pytest.mark.parametrize("clips", [1, 7, 2000])
def test_pictures_are_never_larger_than_a_screen(clips: int) -> None:
    """However long the track, and however large its rows: beyond WIDTH, a pixel for each clip."""
    rows = (np.zeros((300, 500, 1), np.float16) for _ in range(clips))
    height, width = opened(painter((300, 500, 1)).paint(rows, (), clips)).shape
    assert height <= HEIGHT
    assert width <= max(WIDTH, clips)


def test_a_vector_is_drawn_as_the_mel_spectrogram_of_its_sound() -> None:
    of_vectors = painter((90,))
    assert of_vectors.caption == "mel spectrogram"
    for pitch, place in ((1800.0, "top"), (120.0, "bottom")):
        pcm = tone(pitch, 0)
        picture = opened(of_vectors.paint([], pcm, 2))
        brightest = picture.mean(axis=1).argmax() / len(picture)
        assert (brightest < 0.3) == (place == "top")
        assert (brightest > 0.7) == (place == "bottom")


@pytest.mark.parametrize("name", feature_names())
def test_every_feature_can_be_drawn(name: str) -> None:
    document = base_document()
    document["extract"]["mel"]["fmax"] = SAMPLE_RATE / 2
    feature = read_feature(name, document)
    sound = tone(440, 0).astype(np.float32) / 32768
    rows = feature(sound, SAMPLE_RATE)
    content = Painter(feature, rows.shape[1:], SAMPLE_RATE).paint(rows, tone(440, 0), 2)
    assert opened(content).std() > 1


def test_values_over_time_are_a_line_that_rises_with_them() -> None:
    feature = read_feature("centroid", base_document())
    rows = np.linspace(0, 1000, 22, dtype=np.float16).reshape(2, 11)
    picture = opened(Painter(feature, (11,), SAMPLE_RATE).paint(rows, (), 2))
    height, width = picture.shape
    line = picture.argmax(axis=0)  # row of the brightest pixel of each column
    assert line[width // 10] > line[width // 2] > line[-width // 10]
    assert line[width // 2] == pytest.approx(height / 2, abs=height / 8)
