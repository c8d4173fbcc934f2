"""The dataset's path, which DVC has to understand as well."""

from pathlib import Path

import pytest

from pipeline.base.errors import ParamsError
from pipeline.base.params import parse
from pipeline.dataset.tracks import DatasetParams


def test_the_folder_is_the_path() -> None:
    assert DatasetParams("data/~music").folder == Path("data/~music")


@pytest.mark.parametrize("path", ["~", "~/music", "~nosuchuser/music"])
def test_a_home_that_dvc_does_not_know_is_refused(path: str) -> None:
    with pytest.raises(ParamsError, match=r"^dataset\.path = '~.*': should not start with ~"):
        parse(DatasetParams, {"path": path}, "dataset")
