"""The feature, the network and the kind of augmentation that docs/development.md adds work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, copy_parts

pytestmark = pytest.mark.slow  # it starts processes

TEXT = (ROOT / "docs/development.md").read_text(encoding="utf-8")
# The title of a section, the file that its code is added to, and the tests that find the entry.
ADDED = {
    "Add a feature": ("pipeline/features/chroma.py", "features", "chroma"),
    "Add a network": ("models/small.py", "models", "small"),
    "Add a kind of augmentation": ("pipeline/augmentation/pictures.py", "augmentation", "smear"),
}


@pytest.mark.parametrize("title", ADDED)
def test_what_is_added_passes_the_contract_and_the_check(title: str, tmp_path: Path) -> None:
    path, area, name = ADDED[title]
    section = TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    code, parameters = (
        re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)[0] for kind in ("python", "yaml")
    )
    assert f"`{path}`" in section
    copy_parts(["pipeline", "models", "tests", "pyproject.toml", "params.yaml"], tmp_path)
    with (tmp_path / path).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{code}" if file.tell() else code)
    document = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    key = {"features": "extract", "models": "models", "augmentation": "augment"}[area]
    document[key] |= yaml.safe_load(parameters)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    contract = f"tests/{area}/test_contract.py"
    for command in (
        ["-m", "pytest", "-n", "0", "-k", name, contract],
        ["-m", "pipeline.check"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
