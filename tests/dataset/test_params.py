"""The dataset's path: `~` is a user's home."""

from pathlib import Path

import pytest

from pipeline.base.errors import ParamsError
from pipeline.dataset.params import DatasetParams


def test_the_home_is_expanded_and_all_else_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DatasetParams("~/music").folder == tmp_path / "music"
    assert DatasetParams("data/~music").folder == Path("data/~music")


def test_the_home_of_nobody_is_an_error() -> None:
    with pytest.raises(ParamsError, match=r"^dataset\.path = '~nosuchuser/a': no such user$"):
        _ = DatasetParams("~nosuchuser/a").folder
