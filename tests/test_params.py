"""params.yaml: the committed one is valid; every mistake is named in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers import ROOT, changed_document, committed_document, write_params

from pipeline.augmentation.registry import AUGMENTATIONS
from models.ann import AnnParams
from models.cnn import CnnParams
from pipeline.check import load_params, parse_params
from pipeline.base.errors import ParamsError

TOO_LARGE = 10**30

# dotted key, value, what the message says after "key = value: "
WRONG: list[tuple[str, Any, str]] = [
    # types
    ("seed", "x", "should be a valid integer"),
    ("seed", True, "should be a valid integer"),
    ("seed", 1.5, "should be a valid integer"),
    ("seed", None, "should be a valid integer"),
    ("dataset.path", None, "should be a valid string"),
    ("dataset.path", 3, "should be a valid string"),
    ("segment.sample_rate", 22050.0, "should be a valid integer"),
    ("segment.seconds", True, "should be a whole number"),
    ("segment.seconds", 3.0, "should be a whole number"),
    ("extract.mel.channels", True, "should be a whole number"),
    ("extract.grey.n_fft", "512", "should be a valid integer"),
    ("extract.grey.min_db", True, "should be a valid number"),
    ("extract.mel.colour_map", 3, "should be a valid string"),
    ("split.folds", None, "should be a valid integer"),
    ("models.cnn.learning_rate", "0.01", "should be a valid number"),
    ("models.cnn.epochs", True, "should be a valid integer"),
    ("models.cnn.epochs", 8.0, "should be a valid integer"),
    # choices
    ("model", "rnn", "should be one of the choices: ann or cnn"),
    ("model", ["ann"], "should be one of the choices: ann or cnn"),
    ("feature", "../mel", "should match pattern"),
    ("segment.seconds", 4, "should be 1, 2, 3, 5 or 10"),
    ("extract.features", "mel", "should be a list of grey, colour, mel or centroid"),
    ("extract.features", [], "should be a list of grey, colour, mel or centroid"),
    ("extract.colour.colour_map", "rainbows", "should be a matplotlib colour map such as"),
    ("extract.mel.channels", 2, "should be 1 or 3"),
    ("split.protocol", "random", "should be 'song', 'artist', 'filtered', 'given' or 'clip'"),
    ("split.judge", "train", "should be 'test' or 'valid'"),
    ("augment.mode", "online", "should be 'none', 'offline' or 'inline'"),
    ("augment.kinds", "mirror", "should be a list of mirror, flip, rotate"),
    ("augment.kinds", [], "should be a list of mirror, flip, rotate"),
    ("train.precision", "half", "should be 'auto', 'float32', 'bfloat16' or 'float16'"),
    ("models.ann.optimizer", "rmsprop", "should be 'adam' or 'sgd'"),
    ("evaluate.vote", "best", "should be 'majority', 'mean' or 'product'"),
    # ranges
    ("seed", -1, "should be greater than or equal to 0"),
    ("seed", 2**32, "should be less than 4294967296"),
    ("dataset.path", "", "at least 1 character"),
    ("demo.seconds", 0.5, "should be greater than or equal to 1"),
    ("segment.sample_rate", 100, "should be greater than or equal to 4000"),
    ("extract.grey.n_fft", TOO_LARGE, "should be less than or equal to 16384"),
    ("extract.centroid.hop_length", 0, "should be greater than or equal to 1"),
    ("extract.mel.top_db", 0, "should be greater than 0"),
    ("split.folds", 1, "should be greater than or equal to 2"),
    ("split.seeds", 1, "should be greater than or equal to 2"),
    ("augment.copies", 0, "should be greater than or equal to 1"),
    ("augment.copies", 1.5, "should be a valid integer"),
    ("augment.probability", 0, "should be greater than 0"),
    ("augment.probability", 1.5, "should be less than or equal to 1"),
    ("augment.rotate.degrees", -5, "should be greater than 0"),
    ("augment.stretch.factor", 1, "should be greater than 1"),
    ("augment.equaliser.points", 1, "should be greater than or equal to 2"),
    ("augment.noise.snr_db", -41, "should be greater than or equal to -40"),
    ("augment.spectral_noise.snr_db", 101, "should be less than or equal to 100"),
    ("train.validation", 0, "should be greater than 0"),
    ("train.validation", 1, "should be less than 1"),
    ("models.cnn.dropout", 1, "should be less than 1"),
    ("models.cnn.epochs", 0, "should be greater than or equal to 1"),
    ("models.ann.l2", -0.1, "should be greater than or equal to 0"),
    # no finite numbers
    ("extract.grey.max_db", float("inf"), "should be a finite number"),
    ("augment.noise.snr_db", float("inf"), "should be a finite number"),
    ("train.validation", float("nan"), "should be a finite number"),
    ("models.cnn.learning_rate", float("inf"), "should be a finite number"),
    ("models.ann.learning_rate", float("nan"), "should be a finite number"),
    # no section
    ("split", None, "should be a section with the keys protocol, folds, judge or seeds"),
    ("segment", [], "should be a section with the keys sample_rate or seconds"),
    ("extract", None, "should be a section with the keys features, grey, colour, mel or centroid"),
    ("extract.centroid", None, "should be a section with the keys n_fft or hop_length"),
    ("models", None, "should be a section with the keys ann or cnn"),
    ("models.ann", 3, "should be a section with the keys optimizer"),
    ("augment", None, "should be a section with the keys mode, copies, probability, kinds, mirror"),
    ("augment.zoom", 2, "should be a section with the keys factor"),
    # misspelt
    ("sed", 1, "no such key; the keys of params.yaml are seed, model, feature"),
    ("split.fold", 5, "no such key; the keys of split are protocol, folds"),
    ("extract.mfcc", {}, "no such key; the keys of extract are features, grey"),
    ("extract.mel.n_mel", 64, "no such key; the keys of extract.mel are n_fft, hop_length"),
    ("models.rnn", {}, "no such key; the keys of models are ann, cnn"),
    ("augment.shear", {}, "no such key; the keys of augment are mode, copies"),
    ("augment.mirror.axis", 1, "no such key; the keys of augment.mirror are"),
    ("augment.zoom.most", 2, "no such key; the keys of augment.zoom are factor"),
    ("models.ann.batchsize", 8, "no such key; the keys of models.ann are optimizer"),
]

MISSING = [
    ("seed", "the keys of params.yaml are seed, model"),
    ("evaluate", "the keys of params.yaml are seed, model"),
    ("split.folds", "the keys of split are protocol, folds"),
    ("extract.grey", "the keys of extract are features, grey"),
    ("extract.features", "the keys of extract are features, grey"),
    ("extract.mel.fmin", "the keys of extract.mel are n_fft"),
    ("augment.kinds", "the keys of augment are mode, copies"),
    ("augment.gain", "the keys of augment are mode, copies"),
    ("augment.equaliser.points", "the keys of augment.equaliser are db, points"),
    ("models.cnn", "the keys of models are ann, cnn"),
    ("models.ann.l2", "the keys of models.ann are optimizer"),
]

THE_KINDS = f"choose from {', '.join(AUGMENTATIONS)}; + joins several"

# changes that are valid alone, the whole message
TOGETHER: list[tuple[dict[str, Any], str]] = [
    (
        {"extract.features": ["mel", "mfcc"]},
        "extract.features.1 = 'mfcc': should be one of the choices: grey, colour, mel or centroid",
    ),
    (
        {"segment.sample_rate": 16000},
        "extract.mel.fmax = 11025.0: should be above fmin (0.0) and at most half of "
        "segment.sample_rate (8000)",
    ),
    (
        {"extract.mel.fmin": 11025},
        "extract.mel.fmax = 11025.0: should be above fmin (11025.0) and at most half of "
        "segment.sample_rate (11025)",
    ),
    (
        {"extract.grey.min_db": -20},
        "extract.grey.max_db = -20.0: should be above min_db (-20.0)",
    ),
    (
        {
            "segment.sample_rate": 8000,
            "segment.seconds": 1,
            "extract.mel.fmax": 4000,
            "extract.centroid.n_fft": 8001,
        },
        "extract.centroid.n_fft = 8001: should be at most a clip's 8000 samples",
    ),
    (
        {"augment.kinds": ["blur", "shear"]},
        f"augment.kinds.1 = 'shear': no such kind: 'shear'; {THE_KINDS}",
    ),
    (
        {"augment.kinds": ["blur+"]},
        f"augment.kinds.0 = 'blur+': no such kind: ''; {THE_KINDS}",
    ),
    (
        {"augment.kinds": [3]},
        f"augment.kinds.0 = 3: no such kind: '3'; {THE_KINDS}",
    ),
    (
        {"augment.kinds": ["blur", "zoom", "blur"]},
        "augment.kinds.2 = 'blur': the same as 'blur'; should be listed once",
    ),
    (
        {"augment.kinds": ["mirror+flip", "blur", "flip+mirror"]},
        "augment.kinds.2 = 'flip+mirror': the same as 'mirror+flip'; should be listed once",
    ),
    (
        {"augment.kinds": ["mirror", "flip+blur+flip"]},
        "augment.kinds.1 = 'flip+blur+flip': 'flip' should be in it once, as the second undoes the "
        f"first; {THE_KINDS}",
    ),
    (
        {"augment.kinds": ["blur+noise"]},
        f"augment.kinds.0 = 'blur+noise': kinds that act on sound come first; {THE_KINDS}",
    ),
    (
        {"augment.mode": "offline", "augment.kinds": ["mirror", "blur"], "augment.copies": 3},
        "augment.copies = 3: should be at most 2, the number of augment.kinds, while 'mirror' is "
        "one, which changes a clip in one way only",
    ),
]


def message(document: Any) -> str:
    with pytest.raises(ParamsError) as caught:
        parse_params(document)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_committed_file_is_valid() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params == parse_params(committed_document())
    assert params.network is params.models[params.model]
    assert isinstance(params.models["ann"], AnnParams)
    assert isinstance(params.models["cnn"], CnnParams)
    assert params.segment.clip_samples == 3 * 22050


@pytest.mark.parametrize(("key", "value", "right"), WRONG, ids=lambda value: str(value)[:30])
def test_wrong_value_is_named_with_what_would_be_right(key: str, value: Any, right: str) -> None:
    text = message(changed_document({key: value}))
    assert text.startswith(f"{key} = {value!r}: ")
    assert right in text


def test_float_that_yaml_reads_as_text_is_explained() -> None:
    text = message(changed_document({"models.cnn.learning_rate": yaml.safe_load("1e-2")}))
    assert text.endswith("should be a valid number (YAML reads it as text: write 0.01)")


@pytest.mark.parametrize(("key", "right"), MISSING)
def test_missing_key_is_named_with_its_neighbours(key: str, right: str) -> None:
    document = committed_document()
    section = document
    *sections, name = key.split(".")
    for part in sections:
        section = section[part]
    del section[name]
    text = message(document)
    assert text.startswith(f"{key} is missing; ")
    assert right in text


@pytest.mark.parametrize(("changes", "expected"), TOGETHER, ids=lambda value: str(value)[:40])
def test_values_that_do_not_go_together(changes: dict[str, Any], expected: str) -> None:
    assert message(changed_document(changes)) == expected


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_document_that_is_no_mapping(document: Any) -> None:
    text = message(document)
    assert text.startswith(f"params.yaml = {document!r}: should be a section with the keys seed, ")


def test_longest_transform_and_highest_band_that_fit_are_accepted() -> None:
    changes = {"segment.sample_rate": 8000, "segment.seconds": 1, "extract.mel.fmax": 4000}
    params = parse_params(changed_document({**changes, "extract.centroid.n_fft": 8000}))
    assert params.segment.clip_samples == 8000


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "offline", "copies": 3},
        {"mode": "inline", "copies": 4},  # says nothing there
        {"mode": "offline", "copies": 100, "kinds": ["blur", "mirror+blur"]},
        {"mode": "offline", "kinds": ["pitch_shift+noise+blur+zoom"]},
    ],
    ids=str,
)
def test_kinds_and_copies_that_go_together(changes: dict[str, Any]) -> None:
    document = changed_document({f"augment.{key}": value for key, value in changes.items()})
    found = parse_params(document).augment
    assert (found.mode, found.copies) == (changes["mode"], changes.get("copies", 1))
    assert [chain.name for chain in found.kinds] == document["augment"]["kinds"]


def test_whole_numbers_do_where_a_number_is_asked_for() -> None:
    params = parse_params(changed_document({"models.cnn.learning_rate": 1}))
    assert params.models["cnn"].learning_rate == 1.0


@pytest.mark.parametrize(
    "content",
    [b"seed: [1, 2\nmodel: cnn\n", b"\xff\xfeseed", b"a: b: c\n", b"!!python/name:os.system\n"],
    ids=["unclosed list", "bytes", "two colons", "python object"],
)
def test_file_that_is_not_yaml_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError, match=r"params\.yaml is not valid YAML: ") as caught:
        load_params(path)
    assert "\n" not in str(caught.value)


def test_missing_file_says_where_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"^params\.yaml is missing; run from the project's root"):
        load_params()


def test_file_of_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(tmp_path, {"seed": 4711})
    monkeypatch.chdir(tmp_path)
    assert load_params().seed == 4711


@pytest.mark.parametrize("shape", [(7, 100, 1), (100, 7, 3)])
def test_cnn_refuses_pictures_that_do_not_survive_its_poolings(shape: tuple[int, ...]) -> None:
    fit = load_params(ROOT / "params.yaml").models["cnn"]
    with pytest.raises(ParamsError, match=f"at least 8 x 8, not {shape[0]} x {shape[1]}; raise"):
        fit.require_input(shape)
    fit.require_input(tuple(np.maximum(shape, 8).tolist()))


def test_cnn_refuses_rows_and_ann_takes_them() -> None:
    models = load_params(ROOT / "params.yaml").models
    with pytest.raises(ParamsError, match=r"not rows of shape \(11,\); choose another feature"):
        models["cnn"].require_input((11,))
    models["ann"].require_input((11,))
