"""Models of a stranger: whatever is wrong with a file is one line that names it."""

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
from helpers import FRAMES, SAMPLE_RATE, describe, run_main, save_untrained, saves_models, tone

from pipeline import predict
from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.prediction.ensemble import CONFIG, LIMITS, load_model

pytestmark = saves_models

STORE = {
    "name": "centroid",
    "unit": "Hz",
    "sample_rate": SAMPLE_RATE,
    "seconds": 1,
    "params": {"n_fft": 256, "hop_length": 400},
}
TINY_STEPS = {"n_fft": 16384, "hop_length": 1}
Change = Callable[[bytes], bytes]
Edit = Callable[[h5py.File], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model that predicts."""
    folder = tmp_path_factory.mktemp("good")
    save_untrained(folder, describe(store=STORE))
    return (folder / "fold-0.keras").read_bytes()


@pytest.fixture
def path(tmp_path: Path, good: bytes) -> Path:
    """The file of a model in a folder of its own, beside a song."""
    soundfile.write(tmp_path / "song.wav", tone(300, 1).ravel(), SAMPLE_RATE)
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "fold-0.keras"
    file.write_bytes(good)
    return file


def rewrite(path: Path, **changes: Change | None) -> None:
    """Change members of an archive, named by the part before the dot; None leaves one out."""
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in contents.items():
            change = changes.get(name.partition(".")[0], bytes)
            if change is not None:
                new.writestr(name, change(content))


def predict_song(path: Path) -> None:
    """Have the folder of a model judge the song beside it."""
    run_main(predict.main, path.parent.parent / "song.wav", "--models", path.parent)


def refusal(path: Path) -> str:
    """The line in which `predict` refuses the folder of a model."""
    with pytest.raises(PipelineError) as caught:
        predict_song(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 600 + len(str(path))
    return text


def told(**changes: Any) -> Change:
    """A change of keys of pipeline.json; a name such as store_params is a key within another."""

    def change(content: bytes) -> bytes:
        found = json.loads(content)
        for name, value in changes.items():
            *outer, key = name.split("_", 1) if name.startswith("store_") else [name]
            section = found[outer[0]] if outer else found
            if value is None:
                del section[key]
            else:
                section[key] = value
        return json.dumps(found).encode()

    return change


def test_the_good_model_predicts(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(path)
    predict_song(path)
    assert "song.wav" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"genres": None}, "pipeline.json.genres: Field required"),
        ({"genres": ["high"]}, "pipeline.json.genres: List should have at least 2 items"),
        ({"genres": ["high", "high"]}, "pipeline.json.genres: Value error, should all be diff"),
        ({"genres": ["high", 3]}, "pipeline.json.genres.1: Input should be a valid string"),
        ({"genres": ["high", ""]}, "pipeline.json.genres.1: String should have at least 1"),
        ({"genres": ["high", "low", "more"]}, "does not tell 3 genres apart"),
        ({"genres": [f"g{n}" for n in range(20_000)]}, "should have at most 10000 items"),
        ({"feature": ["centroid"]}, "pipeline.json.feature: Input should be a valid string"),
        ({"feature": "mel"}, "store.name = 'centroid': should be one of the choices: mel"),
        ({"fold": -1}, "pipeline.json.fold: Input should be greater than or equal to 0"),
        ({"training": [1]}, "pipeline.json.training: Input should be an object"),
        ({"more": 1}, "pipeline.json.more: Unexpected keyword argument"),
        ({"store": {}}, "a feature of your own"),
        ({"store_name": "mel"}, "store.params.n_mels is missing"),
        ({"store_sample_rate": None}, "store.sample_rate is missing"),
        ({"store_sample_rate": 10**9}, "store.sample_rate = 1000000000: should be less than"),
        ({"store_sample_rate": 8000}, "the network takes rows of the shape (11,), but those of"),
        ({"store_seconds": 1.5}, "store.seconds = 1.5: should be a whole number"),
        ({"store_seconds": 10**9}, "store.seconds = 1000000000: should be 1, 2, 3, 5 or 10"),
        ({"store_params": [1]}, "store.params = [1]: should be a section with the keys n_fft"),
        ({"store_params": {"n_fft": 256, "hop_length": 0}}, "store.params.hop_length = 0: "),
        ({"store_params": {"n_fft": 8192, "hop_length": 400}}, "store.params.n_fft = 8192: "),
        (  # would take too much memory
            {"store": {**STORE, "sample_rate": 192_000, "seconds": 10, "params": TINY_STEPS}},
            "store.params.hop_length = 1: should be at least",
        ),
    ],
    ids=str,
)
def test_a_wrong_description_is_named(path: Path, changes: Any, reason: str) -> None:
    rewrite(path, pipeline=told(**changes))
    assert reason in refusal(path)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"no JSON", b"[" * 500_000, b'{"a":' * 100_000, b"\xff"], ids=range(6)
)
@pytest.mark.parametrize("member", ["pipeline", "config", "model"])
def test_content_of_another_kind_is_refused(path: Path, member: str, content: bytes) -> None:
    rewrite(path, **{member: lambda _: content})
    refusal(path)


@pytest.mark.parametrize("member", ["pipeline", "config", "metadata", "model"])
def test_a_missing_member_is_named(path: Path, member: str) -> None:
    rewrite(path, **{member: None})
    assert "once, and holds it 0 times" in refusal(path)


def test_other_members_and_doubles_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/../../outside.txt", "x")
    assert "'assets/../../outside.txt', which is not part of a model" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in LIMITS:
            archive.writestr(name, "{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(CONFIG, "{}")
    assert "it should hold config.json once, and holds it 2 times" in refusal(path)


def test_a_member_that_would_unpack_to_gigabytes_is_refused_unread(path: Path) -> None:
    """Of its 200 MiB not even one is unpacked."""
    rewrite(path, config=None)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CONFIG, bytes(200 << 20))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        assert f"{CONFIG} has {200 << 20} bytes; {LIMITS[CONFIG]} are the most" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def layered(*layers: Any) -> Change:
    """The configuration of another network."""

    def change(_: bytes) -> bytes:
        dense = keras.layers.Dense(2, activation="softmax")
        network = keras.Sequential([keras.Input((FRAMES,)), *layers, dense])
        return json.dumps(keras.saving.serialize_keras_object(network)).encode()

    return change


def gigantic() -> bytes:
    """A network of two layers, the first of which has two thousand million units."""
    content = layered(keras.layers.Dense(7))(b"").decode()
    content = content.replace('"units": 7,', '"units": 2000000000,')
    return content.replace("[null, 7]", "[null, 2000000000]").encode()


def replaced(old: str, new: str) -> Change:
    return lambda content: content.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: keras_json(keras.optimizers.Adam()), "config.json: "),
        (lambda _: keras_json(keras.layers.Dense(3)), "describes a Dense, not a model"),
        (layered(keras.layers.Dense(7)), "objects could not be loaded"),
        (layered(keras.layers.Lambda(lambda rows: rows * 2)), "Lambda"),
        (replaced('"keras.layers"', '"stranger"'), "config.json: "),
        (replaced('"Dense"', '"TorchModuleWrapper"'), "config.json: "),
        (replaced('"units": 64', '"units": -3'), "config.json: "),
        (lambda _: gigantic(), "its network needs 28000000002 weights, more than model.weights.h5"),
    ],
    ids=range(8),
)
def test_another_network_is_refused(
    path: Path, change: Change, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No module is imported that it names."""
    (path.parent / "stranger.py").write_text("raise RuntimeError('it was imported')")
    monkeypatch.syspath_prepend(path.parent)
    before = path.read_bytes()
    rewrite(path, config=change)
    assert path.read_bytes() != before
    text = refusal(path)
    assert reason in text
    assert "imported" not in text


def keras_json(item: Any) -> bytes:
    return json.dumps(keras.saving.serialize_keras_object(item)).encode()


def weights(edit: Edit) -> Change:
    """A change of the file of weights."""

    def change(content: bytes) -> bytes:
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            edit(file)
        return buffer.getvalue()

    return change


def datasets(file: h5py.File) -> list[str]:
    """Paths of the weights."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    return found


def first(file: h5py.File) -> str:
    return datasets(file)[0]


def set_value(value: float) -> Edit:
    def edit(file: h5py.File) -> None:
        file[first(file)][(0,) * file[first(file)].ndim] = value

    return edit


def rename(file: h5py.File) -> None:
    file.move(first(file), f"{first(file)}-other")


def circle(file: h5py.File) -> None:
    file["layers/again"] = file["layers"]


def instead(change: Callable[[Any], Any]) -> Edit:
    """What `change` makes of the first values, in their place; nothing if that is None."""

    def edit(file: h5py.File) -> None:
        name = first(file)
        new = change(file[name][()])
        del file[name]
        if new is not None:
            file[name] = new

    return edit


def declare(shape: tuple[int, ...], **storage: Any) -> Edit:
    """A dataset in whose place nothing is written."""

    def edit(file: h5py.File) -> None:
        name = first(file)
        del file[name]
        file.create_dataset(name, shape, "f4", **storage)

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_value(np.nan), "weights that are not numbers (NaN or infinite) in "),
        (instead(lambda _: None), "expected 2 variables, but received 1 variables"),
        (instead(np.transpose), "The shape of the target variable"),
        (rename, "is not a model of this pipeline"),
        (instead(lambda _: h5py.ExternalLink("/etc/passwd", "/")), "H5 file with ExternalLink"),
        (instead(lambda _: h5py.SoftLink("/layers")), "Not allowed: H5 file with SoftLink"),
        (declare((10**6, 10**6)), "is not stored as Keras does it"),
        (declare((10**4, 10**4), chunks=True, compression="gzip"), "is not stored as Keras"),
        (declare((11, 64), external=[("/etc/passwd", 0, 2816)]), "is not stored as Keras does it"),
        (instead(lambda values: values.astype("S8")), "is not stored as Keras does it"),
    ],
    ids=range(10),
)
def test_other_weights_are_refused(path: Path, edit: Edit, reason: str) -> None:
    rewrite(path, model=weights(edit))
    assert reason in refusal(path)


def test_a_group_in_itself_does_not_hang(path: Path) -> None:
    rewrite(path, model=weights(circle))
    assert load_model(path)


def test_a_place_beyond_all_files_is_refused(path: Path) -> None:
    """Which overflows, as the superblock of HDF5 no longer says where that is known."""
    rewrite(path, model=lambda content: content[:48] + b"\0" + content[49:])
    assert "model.weights.h5: " in refusal(path)


def enlarge_weights(file: h5py.File) -> None:
    for name in datasets(file):
        file[name][()] = 1e36 * file[name][()]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": weights(enlarge_weights)},
        {"config": replaced('"mean": 800.0', '"mean": NaN')},
    ],
    ids=["weights", "mean"],
)
def test_what_overflows_is_an_error_and_not_a_genre(path: Path, changes: Any) -> None:
    before = path.read_bytes()
    rewrite(path, **changes)
    assert path.read_bytes() != before
    with pytest.raises(PipelineError, match="the model of fold 0 does not output probabilities"):
        predict_song(path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "empty", "text"])
def test_what_is_not_an_archive_is_refused_at_once(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(b"" if kind == "empty" else b"hello")
    with pytest.raises((PipelineError, OSError), match=r"fold-0\.keras"):
        predict_song(path)


def test_an_archive_with_a_password_is_refused(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := content.find(signature, start)) >= 0:
            content[start + offset] |= 1
            start += 4
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_bytes_after_bytes_cut_off_end_in_one_line(path: Path, good: bytes) -> None:
    for size in np.linspace(0, len(good) - 1, 20, dtype=int).tolist():
        path.write_bytes(good[:size])
        refusal(path)
