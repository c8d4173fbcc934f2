"""The page in a real browser, from the disk and without a network."""

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import Browser, chromium, needs_browser
from helpers import SAMPLE_RATE, UNLABELLED, augmented_project, describe, tone
from outcomes import clips_of, write_outcome
from PIL import Image
from repository import BETTER, MAIN, predictions, revision

from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.extract import extract
from pipeline.features.shared.feature import read_feature
from pipeline.pages.comparison_page import page as compared_page
from pipeline.pages.media import beside, open_media
from pipeline.pages.report_page import page, read_run
from pipeline.pages.song_page import write_song_page
from pipeline.prediction.classifier import Prediction
from pipeline.runs.comparison import compare_revisions
from pipeline.store.store import Store, write_store

pytestmark = [needs_browser, pytest.mark.slow]

TRACKS = 1000
HOSTILE = "<script>alert(1)</script>"
GENRES = ["high", "low", "<img src=x onerror=alert(1)>", "rock & roll"]
LIST, PLAY, COUNT = "#list", "#play", "#count"
ROWS, NAMES = "#list .row", "#list .row .name"
SURELY_WRONG = {HOSTILE: 1, "high/0": 1, "high/1": 1, "low/0": 2}  # the genres predicted


def chances_of(number: int, track_id: str) -> list[list[float]]:
    """Of a track that is surely wrong; or of one whose second clip turns, and which is right."""
    if track_id in SURELY_WRONG:
        return [(0.02 + 0.92 * np.eye(4)[SURELY_WRONG[track_id]]).tolist()] * 2
    right, turned = (0.1 + 0.6 * np.eye(4)[[number % 4, (number + 1) % 4]]).tolist()
    return [right, turned, right]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a thousand tracks, the first of which have sound."""
    folder = tmp_path_factory.mktemp("a project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        augmented_project()
        add_track(HOSTILE)
        names = [*SURELY_WRONG, *(f"track {n:04d}" for n in range(len(SURELY_WRONG), TRACKS))]
        actual = {name: GENRES[number % 4] for number, name in enumerate(names)}
        actual |= {name: "low" if name == "low/0" else "high" for name in SURELY_WRONG}
        chances = {name: chances_of(number, name) for number, name in enumerate(names)}
        unlabelled = dict.fromkeys(UNLABELLED, [[0.1, 0.7, 0.1, 0.1]] * 2)
        write_outcome(clips_of(GENRES, chances, actual), clips_of(GENRES, unlabelled))
        out = folder / "the page"
        out.mkdir()
        with open_media(CLIPS, FEATURE_STORES / "centroid", beside(out)) as media:
            content = page(read_run("music"), "wrong", media)
        (out / "index.html").write_text(content, encoding="utf-8")
    return out / "index.html"


def add_track(track_id: str) -> None:
    """Put another track into the stores of the small project."""
    with Store(CLIPS) as store:
        description = store.description
        pcm = {name: store.rows(name).copy() for name in store.track_ids}
    for folder in (CLIPS, FEATURE_STORES / "centroid"):
        shutil.rmtree(folder)
    write_store(CLIPS, description, {**pcm, track_id: tone(500, 0)})
    extract(CLIPS, "centroid", read_feature("centroid"), FEATURE_STORES / "centroid")


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(chrome: Browser, index: Path) -> Iterator[Browser]:
    """The page, opened anew; whatever a test does, nothing is asked for and nothing fails."""
    chrome.open(index)
    yield chrome
    assert chrome.errors() == []
    asked = chrome.requests()
    assert index.as_uri() in asked
    assert all(url.startswith((index.parent.as_uri(), "data:")) for url in asked)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
def test_the_page_fits_and_follows_the_theme(
    browser: Browser, index: Path, width: int, dark: bool
) -> None:
    browser.open(index, width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    picture = Image.open(BytesIO(browser.driver.get_screenshot_as_png())).convert("L")
    assert picture.width == width
    assert (np.median(np.asarray(picture)) < 80) == dark
    assert np.asarray(picture).std() > 10
    charts = "[...document.querySelectorAll('figure svg')].map(e => e.getBoundingClientRect())"
    assert browser.run(f"{charts}.every(box => box.width > 200 && box.height > 100)")


def test_a_click_on_a_cell_lists_its_tracks(browser: Browser) -> None:
    assert browser.find(COUNT).text == f"{TRACKS} of {TRACKS} tracks"
    browser.click('[data-cell="0,1"]')
    assert browser.find(COUNT).text == f"3 of {TRACKS} tracks; high taken for low"
    assert browser.texts(NAMES) == sorted([HOSTILE, "high/0", "high/1"])
    assert browser.find('[data-cell="0,1"]').get_attribute("aria-pressed") == "true"
    browser.click("#reset")
    assert browser.find(COUNT).text == f"{TRACKS} of {TRACKS} tracks"
    browser.click("#levels button:nth-child(2)")  # of clips: tracks with such a clip
    of_rock = (TRACKS - len(SURELY_WRONG)) // 4
    assert browser.find('[data-cell="3,0"]').text == str(of_rock)  # each turns in one clip
    browser.click('[data-cell="3,0"]')
    assert browser.find(COUNT).text.startswith(f"{of_rock} of {TRACKS} tracks; rock & roll")


def test_play_moves_the_clock_and_the_cursor(browser: Browser) -> None:
    start = browser.run("document.getElementById('cursor').getBoundingClientRect().x")
    assert browser.find("#clock").text == "0:00 / 0:02"
    browser.click(PLAY)
    browser.wait("document.getElementById('audio').currentTime > 0.4")
    moved = browser.run("document.getElementById('cursor').getBoundingClientRect().x")
    area = browser.run("document.getElementById('area').clientWidth")
    assert moved - start > 0.15 * area
    browser.wait("document.getElementById('clock').textContent.startsWith('0:01')")
    browser.wait("document.getElementById('audio').ended")
    assert browser.run("document.getElementById('audio').duration") == pytest.approx(2, abs=0.05)
    assert browser.find("#clock").text == "0:02 / 0:02"
    assert browser.find(PLAY).get_attribute("aria-label") == "Play"


def test_a_click_in_the_picture_goes_there(browser: Browser) -> None:
    browser.click("#area", right=20)
    assert browser.find("#clock").text == "0:01 / 0:02"
    browser.click(PLAY)
    browser.wait("document.getElementById('audio').currentTime > 1.1")
    assert not browser.run("document.getElementById('audio').ended")


def test_names_are_text(browser: Browser) -> None:
    browser.click(ROWS)
    assert browser.find("#detail h3").text == HOSTILE
    assert browser.texts("#listen script, #matrix img, .labels img") == []
    assert GENRES[2] in browser.texts(".matrix th[scope=row]")
    assert GENRES[2] in browser.texts("#detail .labels div")


def test_another_script_does_not_run(chrome: Browser, index: Path) -> None:
    chrome.open(index)
    script = "Object.assign(document.createElement('script'), {textContent: 'window.hit = 1'})"
    chrome.run(f"document.body.append({script})")
    assert chrome.run("window.hit") is None
    assert any("Content Security Policy" in error for error in chrome.errors())


def test_a_thousand_tracks_scroll(browser: Browser) -> None:
    """Only the rows in sight are drawn, and the last one is reached."""
    assert len(browser.texts(ROWS)) < 40
    browser.run("document.getElementById('list').scrollTo(0, 1e9)")
    browser.wait(f"document.getElementById('row-{TRACKS - 1}') !== null")
    assert len(browser.texts(ROWS)) < 40
    assert browser.run("document.getElementById('row-0')") is None


def test_the_keyboard_is_enough(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.press(Keys.TAB, Keys.ENTER)  # the first link skips to the tracks
    assert browser.run("document.activeElement.id") == "list"
    selected = "document.querySelector('[aria-selected=true]').id"
    assert browser.run(selected) == "row-0"
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    assert browser.run(selected) == "row-1"
    assert browser.find(LIST).get_attribute("aria-activedescendant") == "row-1"
    title = browser.texts("#detail h3")
    browser.press(Keys.SPACE)
    browser.wait("!document.getElementById('audio').paused")
    browser.press(Keys.SPACE)
    browser.wait("document.getElementById('audio').paused")
    browser.press(Keys.END)
    assert browser.run(selected) == f"row-{TRACKS - 1}"
    browser.press(Keys.HOME)
    assert browser.run(selected) == "row-0"
    assert browser.texts("#detail h3") != title
    browser.press(Keys.ARROW_RIGHT)
    assert browser.find("#clock").text == "0:01 / 0:02"
    browser.press(Keys.ESCAPE)
    assert browser.texts("#detail h3") == []
    browser.press("/", "h", "i", "g", "h", "/", "1")
    assert browser.texts(NAMES) == ["high/1"]


def test_filters_go_together_and_orders_differ(browser: Browser) -> None:
    def choose(label: str, value: str) -> None:
        browser.find(f"select[aria-label='{label}'] option[value='{value}']").click()

    choose("Verdict", "wrong")
    assert browser.texts(NAMES) == [HOSTILE, "high/0", "high/1", "low/0"]
    choose("Predicted genre", "2")
    assert browser.texts(NAMES) == ["low/0"]
    browser.click("#reset")
    choose("Fold", "1")
    assert browser.find(COUNT).text == f"{TRACKS // 2} of {TRACKS} tracks"
    browser.click("#reset")
    choose("Order", "turns")
    assert browser.texts(NAMES)[0].startswith("track ")
    orders = browser.texts("select[aria-label='Order'] option")
    assert orders[0] == "surely wrong first"
    assert len(set(orders)) == len(orders)
    browser.find("#search").send_keys("nothing is called so")
    assert browser.texts("#list .empty") == ["No track is like this."]


def test_unlabelled_tracks_are_played_likewise(browser: Browser) -> None:
    browser.click("#filters .segments button:nth-child(2)")
    assert browser.texts(NAMES) == list(UNLABELLED)
    browser.click(ROWS)
    assert browser.find("#detail .verdict").text == "predicted as low"
    browser.click(PLAY)
    browser.wait("document.getElementById('audio').currentTime > 0.1")


def test_augmented_samples_are_played_one_at_a_time(browser: Browser) -> None:
    texts = "[...document.querySelectorAll('[data-sound]')].map(e => e.textContent).join(' ')"
    before, after = (f".pair > div:nth-child({place}) button" for place in (1, 2))
    browser.click(before)
    assert browser.run(texts).startswith("Stop Play")
    browser.click(after)
    assert browser.run(texts).startswith("Play Stop")
    browser.wait(f"!{texts}.includes('Stop')")  # it ends by itself


def test_a_track_without_sound_says_so(browser: Browser) -> None:
    browser.find("#search").send_keys("track 0500")
    browser.click(ROWS)
    assert not browser.find(PLAY).is_enabled()
    assert "sound is not on this page" in browser.find(".now").text


def test_on_a_phone_a_track_covers_the_list_until_it_is_closed(
    browser: Browser, index: Path
) -> None:
    browser.open(index, 390, 844)
    assert not browser.find("#detail").is_displayed()
    browser.click(ROWS)
    assert browser.find("#detail h3").is_displayed()
    heat = "document.querySelector('#detail canvas')"
    assert browser.run(f"{heat}.getContext('2d').getImageData(9, 9, 1, 1).data[3]") == 255
    browser.click("#detail .close")
    assert not browser.find("#detail").is_displayed()


@pytest.mark.parametrize(("width", "figures"), [(1280, "broad"), (390, "narrow")])
def test_a_comparison_can_be_read_on_a_phone(
    chrome: Browser, tmp_path: Path, width: int, figures: str
) -> None:
    """Its charts are those for the width, and no word of a table is broken into letters."""
    html = tmp_path / "compared.html"
    sides = [revision("main", predictions(MAIN)), revision("trial", predictions(BETTER))]
    html.write_text(compared_page(compare_revisions(sides)), encoding="utf-8")
    chrome.open(html, width)
    assert chrome.run("document.documentElement.scrollWidth") <= width
    shown = "[...document.querySelectorAll('figure')].filter(e => e.offsetWidth)"
    assert set(chrome.run(f"{shown}.map(e => e.className)")) == {figures}
    heads = "[...document.querySelectorAll('th')]"
    assert chrome.run(f"Math.max(...{heads}.map(e => e.offsetHeight))") < 40
    assert chrome.errors() == []


def test_a_song_of_ones_own_is_shown_without_a_list(chrome: Browser, tmp_path: Path) -> None:
    song, html = tmp_path / "song.wav", tmp_path / "song.html"
    soundfile.write(song, tone(300, 1, clips=3).ravel(), SAMPLE_RATE, subtype="PCM_16")
    params = {"n_fft": 256, "hop_length": 400}
    store = {"name": "centroid", "sample_rate": SAMPLE_RATE, "seconds": 1, "params": params}
    clips = np.array([[0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    predicted = Prediction(["high", "low"], clips, 1, 3.0, ["jazz 61 %", HOSTILE])
    write_song_page(html, {song: predicted}, describe(store=store), 2)
    for width in (1280, 390):
        chrome.open(html, width)
        assert chrome.texts("h1, #detail h3") == ["song.wav"]
        assert f"Strongest tags: jazz 61 %, {HOSTILE}" in chrome.texts("#detail .meta")
        assert not chrome.find(LIST).is_displayed()
        assert chrome.run("document.documentElement.scrollWidth") <= width
        chrome.click(PLAY)
        chrome.wait("document.getElementById('audio').currentTime > 0.3")
    assert chrome.errors() == []
    asked = [url for url in chrome.requests() if not url.startswith("data:")]
    assert asked == [html.as_uri()]
