"""What the pages name is there, and what they print can be typed in the order in which it is."""

import re
from contextlib import suppress
from itertools import pairwise, product
from pathlib import Path
from string import punctuation

import pytest
import yaml
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides
from project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PATHS = r"`((?:pipeline|models|tests|docs|benchmarks)/[\w./-]*)`"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def console_blocks(text: str) -> list[list[str]]:
    """The commands of each console block, without their output and comments."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in blocks]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page ends in."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_every_command_and_file_that_a_page_names_is_there(page: Path) -> None:
    """But for the files that an example on the page has its reader write."""
    text = page.read_text(encoding="utf-8")
    commands = re.findall(r"python -m pipeline\.(\w+)", text)
    written = set(re.findall(rf"is\s+all\s+of\s+{PATHS}", text))
    files = [f"pipeline/{name}.py" for name in commands] + re.findall(PATHS, text)
    assert [path for path in files if path not in written and not (ROOT / path).exists()] == []


@every_page
def test_samples_are_made_before_they_are_made_again(page: Path) -> None:
    """Another mode of augmentation leaves no samples for `replay`."""
    for block in console_blocks(page.read_text(encoding="utf-8")):
        mode = "none"
        for command in block:
            change = re.search(r"augment\.mode=(\w+)", command)
            mode = change[1] if change else mode
            assert "pipeline.replay" not in command or mode == "offline", command


@every_page
def test_what_an_example_writes_lies_apart_from_the_outputs_of_the_pipeline(page: Path) -> None:
    """In the user's own folder, or in one that git ignores and that no stage reads."""
    text = page.read_text(encoding="utf-8")
    written = re.findall(r"--(?:csv|html|page|over-time|labels|save)[ =]([^\s`]+)", text)
    assert [path for path in written if not path.startswith(("mine/", "~/"))] == []
    assert "/mine/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for command in (each for block in console_blocks(text) for each in block):
        copied = re.search(r"\b(?:cp|mv|ln)\b.* (\S+)", command.split("  #")[0])
        assert not copied or not copied[1].startswith(("data/", "metrics/")), command


@pytest.mark.usefixtures("project")
def test_the_guide_says_which_values_need_quotes_of_their_own() -> None:
    """By what DVC makes of `-S`, of every character that is no letter."""
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    listed = re.findall(r"any of\s``(.*?)``", guide)[0].split()

    def is_taken(value: str, written: str) -> bool:
        with suppress(InvalidArgumentError):
            apply_overrides("params.yaml", [f"dataset.path={written}"])
            return bool(
                yaml.safe_load(Path("params.yaml").read_bytes())["dataset"]["path"] == value
            )
        return False

    others = [each for each in [*punctuation, "é", " "] if each != "~"]
    broken = [each for each in others if not is_taken(f"/a{each}b", f"/a{each}b")]
    assert sorted(broken) == sorted([*listed, "é"])
    assert all(is_taken(f"/a{each}b", f'"/a{each}b"') for each in broken if each != '"')


def test_the_picture_in_the_readme_is_that_of_dvc_yaml() -> None:
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    drawn = {
        pair
        for line in picture.splitlines()
        for left, right in pairwise(line.split("-->"))
        for pair in product(*([name.strip() for name in end.split("&")] for end in (left, right)))
    }
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    makers = {
        next(iter(out)) if isinstance(out, dict) else out: name
        for name, stage in stages.items()
        for part in ("outs", "metrics", "plots")
        for out in stage.get(part, [])
    }
    makers |= {"${dataset.path}": "demo", "data/features/${feature}": "extract"}
    wanted = {
        (maker, name)
        for name, stage in stages.items()
        for dep in stage["deps"]
        for out, maker in makers.items()
        if out == dep or out.startswith(f"{dep}/")
    }
    assert drawn == wanted
