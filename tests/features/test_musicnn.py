"""musicnn: the rebuilt network is that of its authors, and clips of every length are taken."""

import ast
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.features import musicnn
from pipeline.features.musicnn import TAGS, Musicnn

EPSILON = 1e-3


class Plain:
    """The network in NumPy, layer by layer, from the variables of the checkpoint."""

    def __init__(self, name: str) -> None:
        self._variables = musicnn.read_variables(musicnn.checkpoint_folder(name))

    def _normalised(self, x: Array, layer: str) -> Array:
        gamma, beta, mean, variance = (
            self._variables[f"batch_normalization{layer}/{name}"].astype(np.float64)
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta

    def _convolved(self, x: Array, layer: str, before: int, after: int) -> Array:
        """x of shape (frames, width), zeros added in time -> (frames, places, filters), ReLU."""
        kernel = self._variables[f"conv2d{layer}/kernel"][:, :, 0].astype(np.float64)
        padded = np.pad(x, ((before, after), (0, 0)))
        patches = sliding_window_view(padded, kernel.shape[:2])
        out = np.tensordot(patches, kernel, 2) + self._variables[f"conv2d{layer}/bias"]
        return np.maximum(out, 0)

    def _dense(self, x: Array, layer: str) -> Array:
        return x @ self._variables[f"dense{layer}/kernel"] + self._variables[f"dense{layer}/bias"]

    def __call__(self, spectrogram: Array) -> dict[str, Array]:
        x = self._normalised(spectrogram.astype(np.float64), "")
        front = []
        for number, (before, after) in enumerate([(3, 3), (3, 3), (63, 64), (31, 32), (15, 16)]):
            layer = f"_{number}" if number else ""
            y = self._normalised(self._convolved(x, layer, before, after), f"_{number + 1}")
            front.append(y.max(axis=1))
        kept = [np.concatenate(front, axis=1)]
        for number in (5, 6, 7):
            y = self._convolved(kept[-1], f"_{number}", 3, 3)[:, 0]
            y = self._normalised(y, f"_{number + 1}")
            kept.append(y + kept[-1] if number > 5 else y)
        channels = np.concatenate(kept, axis=1)
        top, mean = channels.max(axis=0), channels.mean(axis=0)
        pooled = self._normalised(np.stack([top, mean], axis=1).reshape(-1), "_9")
        penultimate = self._normalised(np.maximum(self._dense(pooled, ""), 0), "_10")
        logits = self._dense(penultimate, "_1")
        return {
            "max_pool": top,
            "mean_pool": mean,
            "penultimate": penultimate,
            "tags": 1 / (1 + np.exp(-logits)),
        }


@pytest.mark.parametrize("name", ["MSD", "MTT"])
def test_network_is_that_of_the_checkpoint(name: str) -> None:
    rng = np.random.default_rng(0)
    spectrogram = rng.gamma(1, 0.7, (musicnn.FRAMES, musicnn.BANDS)).astype(np.float32)
    found = musicnn.predict(name, spectrogram[np.newaxis])
    assert "musicnn" not in sys.modules  # nothing of the package is run
    expected = Plain(name)(spectrogram)
    assert expected.keys() == found.keys() == musicnn.SIZES.keys()
    for layer, size in musicnn.SIZES.items():
        assert found[layer].shape == (1, size)
        np.testing.assert_allclose(found[layer][0], expected[layer], rtol=1e-3, atol=1e-3)


def test_several_threads_compute_what_one_does() -> None:
    """To the last bit: `extract` uses threads where there are few tracks."""
    rng = np.random.default_rng(1)
    windows = rng.gamma(1, 0.7, (4, 1, musicnn.FRAMES, musicnn.BANDS)).astype(np.float32)
    compute = partial(musicnn.predict, "MSD")
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(compute, windows))
    for found, alone in zip(together, map(compute, windows), strict=True):
        for layer in musicnn.SIZES:
            np.testing.assert_array_equal(found[layer], alone[layer])


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
