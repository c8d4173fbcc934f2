"""What the pages print can be typed in the order in which it stands there."""

import re
from pathlib import Path

import pytest
from imports import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def console_blocks(text: str) -> list[list[str]]:
    """The commands of each console block, without their output and comments."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_samples_are_made_before_they_are_made_again(page: Path) -> None:
    """Another mode of augmentation leaves no samples for `replay`."""
    for block in console_blocks(page.read_text(encoding="utf-8")):
        mode = "none"
        for command in block:
            found = re.search(r"augment\.mode=(\w+)", command)
            mode = found[1] if found else mode
            assert "pipeline.replay" not in command or mode == "offline", command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_that_a_page_names_is_there(page: Path) -> None:
    names = re.findall(r"python -m pipeline\.(\w+)", page.read_text(encoding="utf-8"))
    assert [name for name in names if not (ROOT / f"pipeline/{name}.py").is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_an_example_writes_lies_apart_from_the_outputs_of_the_pipeline(page: Path) -> None:
    """In the user's own folder, or in one that git ignores and that no stage reads."""
    options = r"--(?:csv|html|page|over-time|labels|save)[ =]([^\s`]+)"
    written = re.findall(options, page.read_text(encoding="utf-8"))
    assert [path for path in written if not path.startswith(("mine/", "~/"))] == []
    assert "/mine/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_example_puts_a_file_into_an_output(page: Path) -> None:
    for block in console_blocks(page.read_text(encoding="utf-8")):
        for command in block:
            found = re.search(r"\b(?:cp|mv|ln)\b.* (\S+)", command.split("  #")[0])
            assert not found or not found[1].startswith(("data/", "metrics/")), command
