"""Fixtures that more than one module of tests uses."""

from pathlib import Path

import pytest
import yaml

PARAMS = Path(__file__).parent.parent / "params.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a run: params.yaml with dataset.path = "music", a new folder."""
    params = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    params["dataset"]["path"] = "music"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (tmp_path / "music").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path
