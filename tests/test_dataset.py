"""A dataset that the pipeline would delete, or that would fill the disk, is refused by `check`."""

from pathlib import Path

import pytest
from documents import write_params

from pipeline.base.errors import ParamsError
from pipeline.base.files import DATA, DEMO, METRICS
from pipeline.base.params import read_document
from pipeline.check import check


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "should not hold the project itself"),
        (".", "should not hold the project itself"),
        ("music/..", "should not hold the project itself"),
        (DATA.as_posix(), "should not be where the pipeline writes"),
        (f"{DATA}/features/mel", "should not be where the pipeline writes"),
        (METRICS.as_posix(), "should not be where the pipeline writes"),
        ("link", "should not hold the project itself"),
        ("params.yaml", "no such folder"),
        ("a\x00b", "no such folder"),
    ],
)
def test_a_dataset_that_cannot_be_one_is_refused(project: Path, path: str, reason: str) -> None:
    (project / "link").symlink_to(project)
    for folder in (DATA / "features" / "mel", METRICS):
        (project / folder).mkdir(parents=True)
    write_params(project, {"dataset.path": path})
    with pytest.raises(ParamsError) as caught:
        check(read_document())
    assert str(caught.value) == f"dataset.path = {path!r}: {reason}"


@pytest.mark.parametrize("path", ["music", "data/~own", DEMO.as_posix(), f"./{DEMO}"])
def test_a_dataset_beside_what_is_written_is_taken(project: Path, path: str) -> None:
    (project / "data" / "~own").mkdir(parents=True)
    write_params(project, {"dataset.path": path})
    check(read_document())


@pytest.mark.parametrize("key", ["tracks_per_genre", "artists_per_genre", "unlabelled", "seconds"])
def test_a_demo_that_would_fill_the_disk_is_refused(project: Path, key: str) -> None:
    write_params(project, {f"demo.{key}": 10**6, "dataset.path": "music"})
    with pytest.raises(ParamsError, match=rf"^demo\.{key} = .*should be less than or equal to"):
        check(read_document())
