"""DVC's own plots are drawn without a network: by the template in .dvc, in a real browser."""

import runpy
from collections.abc import Iterator

import pytest
import yaml
from browser import Browser, chromium, needs_browser
from outcomes import clips_of, write_outcome
from project import ROOT, Shell, copy_parts

from pipeline.base.files import METRICS, write_csv

GENRES = ["blues", "jazz"]
PLOTS = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]


def test_the_page_is_what_its_script_writes() -> None:
    """`make plots-page` writes it anew."""
    written = runpy.run_path(str(ROOT / ".dvc/plots_page.py"))["page"]()
    assert (ROOT / ".dvc/plots.html").read_text(encoding="utf-8") == written


def write_metrics(sure: float) -> None:
    """What the plots of dvc.yaml show, of a run that is more or less sure."""
    chances = [[sure, 1 - sure], [1 - sure, sure]]
    actual = dict(zip(GENRES, GENRES, strict=True))
    write_outcome(clips_of(GENRES, dict.fromkeys(GENRES, chances), actual))
    kinds = [
        f"{part}_{kind}" for part in ("training", "validation") for kind in ("accuracy", "loss")
    ]
    curves = [{"epoch": epoch, **dict.fromkeys(kinds, sure * epoch / 3)} for epoch in (1, 2, 3)]
    write_csv(METRICS / "curves.csv", list(curves[0]), curves)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A repository with the plots of dvc.yaml, and metrics that differ from the last commit."""
    folder = tmp_path_factory.mktemp("plots")
    copy_parts([".dvc/config", ".dvc/plots", ".dvc/plots.html"], folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_metrics(0.7)
        shell = Shell(folder)
        for command in ("init -q", "add -A", "commit -qm first"):
            shell.run("git", *command.split())
        write_metrics(0.9)
        yield shell


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("command", [["show"], ["diff", "HEAD"]], ids=["show", "diff"])
def test_plots_are_drawn_without_a_network(
    repository: Shell, browser: Browser, command: list[str]
) -> None:
    repository.run("dvc", "plots", *command, "--out", "plots")
    page = repository.folder / "plots" / "index.html"
    browser.open(page)
    charts = "[...document.querySelectorAll('.vega-embed svg.marks, .vega-embed canvas.marks')]"
    browser.wait(f"{charts}.length == {len(PLOTS)}")
    boxes = f"{charts}.map(e => e.getBoundingClientRect())"
    assert browser.run(f"{boxes}.every(box => box.width > 150 && box.height > 60)")
    marks = browser.texts(".mark-line path, .mark-rect path, .mark-symbol path")
    assert len(marks) > 4 * len(PLOTS)
    assert browser.errors() == []
    assert set(browser.requests()) == {page.as_uri()}
