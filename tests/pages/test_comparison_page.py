"""The page of a comparison: all of it, in one file, with every name escaped."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from repository import BETTER, MAIN, Row, predictions, revision

from pipeline.pages import comparison_page
from pipeline.pages.comparison_page import page
from pipeline.pages.tables import notes
from pipeline.runs.comparison import Comparison, compare_revisions

HOSTILE = '<script>alert("&")</script>'
REFERENCE = revision("main", predictions(MAIN))
TRIAL = revision("trial", predictions(BETTER), model="ann")


class Tags(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare_revisions([REFERENCE, TRIAL, replace(TRIAL, name="workspace", commit="")])


@pytest.fixture(scope="module")
def content(compared: Comparison) -> str:
    return page(compared)


@pytest.fixture(scope="module")
def seen(content: str) -> Tags:
    return Tags(content)


def test_page_is_well_formed_and_loads_nothing(content: str, seen: Tags) -> None:
    assert content.startswith("<!doctype html>\n")
    assert seen.open == []
    assert not {"script", "link", "img", "iframe", "image"} & set(seen.tags)
    assert not {"src", "href", "xlink:href"} & {name for name, _ in seen.attributes}
    assert not re.search(r"url\(|@import", content)


def test_page_holds_all(compared: Comparison, seen: Tags) -> None:
    assert "trial, workspace against main" in seen.text
    assert "12 tracks, split by song. Dots are estimates, bands 95 % intervals." in seen.text
    # Accuracies, differences, genres of each of two; each for wide and for narrow pages.
    assert seen.tags.count("svg") == 2 * (2 + 2)
    # Sides, parameters, matrix, differences; of each of two its genres, what turned right, wrong.
    assert seen.tags.count("table") == 4 + 2 * 3
    assert {"trial minus main", "workspace minus main"} <= set(seen.text)
    assert seen.text.count("66.7") == 3  # in two charts and a table
    assert seen.text.count("+25.0") == 2 * 4  # and in the matrix
    assert seen.text.count("metal/05") == 2
    assert {*notes(compared)} <= set(seen.text)


def test_page_draws_the_training_of_revisions_that_recorded_it(compared: Comparison) -> None:
    known = {"val_accuracy": 0.5, "loss": 1.0, "val_loss": 1.0}
    epochs = [{"accuracy": 0.1 * number, **known} for number in range(1, 4)]
    drawn = page(compared, histories={HOSTILE: {0: epochs, 1: epochs}})
    seen = Tags(drawn)
    assert {"Training: accuracy by epoch", HOSTILE} <= set(seen.text)
    assert ("aria-label", f"Accuracy of {HOSTILE} by epoch") in seen.attributes
    assert seen.tags.count("svg") == 2 * (2 + 2) + 1
    assert seen.open == []
    assert "Training: accuracy by epoch" not in Tags(page(compared)).text


def test_a_track_is_marked_on_the_side_that_is_right(content: str) -> None:
    cells = re.search(r"metal/05</td>(.*?)</tr>", content, re.DOTALL)
    assert cells
    marked = re.findall(r'<td class="(\w+)">(\w+)<', cells[1])
    assert marked == [("lost", "rock"), ("gained", "metal")]


def test_every_class_has_a_style(content: str) -> None:
    body = re.sub(r"<svg.*?</svg>", "", content, flags=re.DOTALL)
    used = {name for names in re.findall(r'class="([^"]+)"', body) for name in names.split()}
    assert used >= {"number", "gained", "lost"}
    assert [name for name in used if not re.search(rf"\.{name}[ ,:{{]", content)] == []


def test_a_comparison_without_changes() -> None:
    seen = Tags(page(compare_revisions([REFERENCE, replace(REFERENCE, name="again")])))
    assert seen.text.count("none") == 2
    assert {"Tracks that turned right in again: 0", "+0.0"} <= set(seen.text)


def test_long_lists_are_cut_with_a_count(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_page, "MOST_CHANGED", 3)
    seen = Tags(page(compared))
    assert seen.text.count("and 1 more; --json has them all") == 2
    assert len([text for text in seen.text if re.fullmatch(r"\w+/\d\d", text)]) == 2 * (3 + 1)


def hostile(rows: list[Row]) -> list[Row]:
    """The rows with another name for a genre, in the names of columns as well."""
    text = json.dumps(rows).replace("blues", json.dumps(HOSTILE)[1:-1])
    return list(json.loads(text))


def test_every_name_is_escaped() -> None:
    """Names of revisions, models, features, protocols, tracks and genres."""
    labels = {"model": HOSTILE, "feature": HOSTILE, "split": {"protocol": HOSTILE}}
    before = revision(f"main{HOSTILE}", hostile(predictions(MAIN)), commit=HOSTILE, **labels)
    after = revision(f"better{HOSTILE}", hostile(predictions(BETTER)), **labels)
    content = page(compare_revisions([before, after]))
    seen = Tags(content)
    assert "script" not in seen.tags
    assert "<script" not in content
    assert f"better{HOSTILE} against main{HOSTILE}" in seen.text
    assert f"{HOSTILE}/00" in seen.text
    assert seen.text.count(HOSTILE) > 5
    assert not any(name.startswith("on") for name, _ in seen.attributes)
