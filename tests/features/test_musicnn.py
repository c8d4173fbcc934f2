"""musicnn: the network is that of its checkpoint, and clips of every length are taken."""

import ast
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from subprocess import run

import keras_musicnn
import numpy as np
import pytest
from project import ROOT
from threadpoolctl import threadpool_limits

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.features import musicnn
from pipeline.features.musicnn import TAGS, Musicnn

CHECKPOINTS = pytest.mark.parametrize("name", list(TAGS))


def some_windows(count: int) -> Array:
    rng = np.random.default_rng(0)
    return rng.gamma(1, 0.7, (count, musicnn.FRAMES, musicnn.BANDS)).astype(np.float32)


@CHECKPOINTS
def test_variables_are_those_that_tensorflow_reads(name: str) -> None:
    found = musicnn.read_variables(musicnn.checkpoint_folder(name))
    expected = keras_musicnn.read_variables(name)
    assert found.keys() == expected.keys()
    for variable, values in expected.items():
        np.testing.assert_array_equal(found[variable], values, strict=True)


@CHECKPOINTS
def test_network_is_what_keras_makes_of_the_checkpoint(name: str) -> None:
    windows = some_windows(2)
    found = musicnn.predict(name, windows)
    expected = keras_musicnn.load_network(name)(windows)
    assert expected.keys() == found.keys() == musicnn.SIZES.keys()
    for layer, size in musicnn.SIZES.items():
        assert found[layer].shape == (2, size)
        assert found[layer].dtype == np.float32
        np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-4, atol=1e-4)


def test_nothing_but_numpy_computes() -> None:
    """Every worker would spend seconds and 600 MB on TensorFlow; the package is not run at all."""
    script = (
        "import sys, numpy as np; from pipeline.features.musicnn import Musicnn; "
        "Musicnn('MSD', ('tags',))(np.zeros((1, 48000), np.float32), 16000); "
        "print({'keras', 'tensorflow', 'musicnn'} & set(sys.modules))"
    )
    result = run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert result.stdout.decode().strip() == "set()"


def test_several_threads_compute_what_one_does() -> None:
    """To the last bit: `extract` uses threads where there are few tracks."""
    windows = some_windows(4)[:, np.newaxis]
    compute = partial(musicnn.predict, "MSD")
    with threadpool_limits(1), ThreadPoolExecutor(4) as threads:
        together = list(threads.map(compute, windows))
        alone = list(map(compute, windows))
    for found, expected in zip(together, alone, strict=True):
        for layer in musicnn.SIZES:
            np.testing.assert_array_equal(found[layer], expected[layer])


@pytest.mark.parametrize(
    ("frames", "starts"), [(63, [0]), (188, [0]), (313, [0, 126]), (600, [0, 138, 275, 413])]
)
def test_windows_cover_the_spectrogram(frames: int, starts: list[int]) -> None:
    """A short one is repeated to fill a window."""
    spectrogram = np.arange(frames * 2, dtype=np.float32).reshape(frames, 2)
    found = musicnn.windows(spectrogram)
    expected = [spectrogram[(start + np.arange(musicnn.FRAMES)) % frames] for start in starts]
    np.testing.assert_array_equal(found, np.stack(expected))


@pytest.mark.parametrize("checkpoint", list(TAGS))
def test_tags_are_named_in_the_order_of_the_package(checkpoint: str) -> None:
    """Its list is read as text: nothing of the package is run."""
    path = musicnn.checkpoint_folder(checkpoint).with_name("configuration.py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    lists = {
        target.id: ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert list(TAGS[checkpoint]) == lists[f"{checkpoint}_LABELS"]
    assert len(TAGS[checkpoint]) == musicnn.SIZES["tags"]


def test_tags_are_found_among_the_layers() -> None:
    rows = np.arange(2 * 1003, dtype=np.float32).reshape(2, 1003)
    feature = Musicnn(checkpoint="MTT", layers=("max_pool", "tags", "penultimate"))
    np.testing.assert_array_equal(feature.tags(rows), rows[:, 753:803])
    assert feature.tag_names == TAGS["MTT"]
    without = Musicnn(checkpoint="MTT", layers=("max_pool", "penultimate"))
    assert without.tags(rows).shape == (2, 0)
    assert without.tag_names == ()
    with pytest.raises(ValueError, match="should list each layer once"):
        Musicnn(checkpoint="MTT", layers=("tags", "tags"))


def test_package_that_is_missing_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicnn, "find_spec", lambda _: None)
    with pytest.raises(PipelineError, match=r"^the feature musicnn needs the weights .*make setup"):
        musicnn.checkpoint_folder("MSD")
