"""The stage check: every mistake in params.yaml is named in one line, before any stage runs."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import base_document, changed_document, write_params
from project import ROOT, Shell

from pipeline.augmentation.kind import augmentations
from pipeline.base.cli import run_stage
from pipeline.base.errors import ParamsError
from pipeline.base.files import DEMO, FEATURE_STORES, PARAMS_CHECKED
from pipeline.base.params import one_of
from pipeline.check import KEYS, check, check_input, main, parse_document
from pipeline.features.shared.feature import feature_names
from pipeline.training.network import network_names

EXTRACT_KEYS = ["features", *feature_names()]
AUGMENT_KEYS = ["mode", "copies", "probability", "kinds", *augmentations()]


def known_keys(section: str, names: Any) -> str:
    return f"no such key; the keys of {section} are {', '.join(names)}"


# Key, value, and what the message says after "key = value: ".
WRONG: list[tuple[str, Any, str]] = [
    # types
    ("seed", "x", "should be a valid integer"),
    ("dataset.path", None, "should be a valid string"),
    ("segment.seconds", True, "should be a whole number"),
    ("extract.grey.min_db", True, "should be a valid number"),
    # choices
    ("model", "rnn", f"should be one of the choices: {one_of(network_names())}"),
    ("feature", "../mel", "should match pattern"),
    ("segment.seconds", 4, "should be 1, 2, 3, 5 or 10"),
    ("extract.features", "mel", f"should be a list of {one_of(feature_names())}"),
    ("extract.colour.colour_map", "rainbows", "should be a matplotlib colour map such as"),
    ("extract.mel.channels", 2, "should be 1 or 3"),
    ("split.protocol", "random", "should be 'song', 'artist', 'filtered', 'given' or 'clip'"),
    ("split.judge", "train", "should be 'test' or 'valid'"),
    ("augment.mode", "online", "should be 'none', 'offline' or 'inline'"),
    ("augment.kinds", "mirror", f"should be a list of {one_of(augmentations())}"),
    ("train.precision", "half", "should be 'auto', 'float32', 'bfloat16' or 'float16'"),
    ("models.ann.optimizer", "rmsprop", "should be 'adam', 'adamw', 'sgd' or 'newton'"),
    ("evaluate.vote", "best", "should be 'majority', 'mean' or 'product'"),
    # ranges
    ("seed", -1, "should be greater than or equal to 0"),
    ("seed", 2**32, "should be less than 4294967296"),
    ("dataset.path", "", "at least 1 character"),
    ("dataset.path", "~/music", "should not start with ~, which DVC does not know; write the who"),
    ("models.cnn.filters", [], "should have at least 1 item, not 0"),
    ("demo.seconds", 0.5, "should be greater than or equal to 1"),
    ("segment.sample_rate", 100, "should be greater than or equal to 4000"),
    ("extract.grey.n_fft", 10**30, "should be less than or equal to 16384"),
    ("extract.centroid.hop_length", 0, "should be greater than or equal to 1"),
    ("extract.mel.top_db", 0, "should be greater than 0"),
    ("extract.mel.top_db", 1e39, "should be less than or equal to 300"),
    ("extract.grey.min_db", -301, "should be greater than or equal to -300"),
    ("extract.grey.max_db", 301, "should be less than or equal to 300"),
    ("split.folds", 1, "should be greater than or equal to 2"),
    ("split.seeds", 1, "should be greater than or equal to 2"),
    ("augment.copies", 0, "should be greater than or equal to 1"),
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
    # not finite
    ("augment.noise.snr_db", float("inf"), "should be a finite number"),
    # not a section
    (
        "split",
        None,
        "should be a section with the keys protocol, group, folds, least_tracks, judge or seeds",
    ),
    ("segment", [], "should be a section with the keys sample_rate or seconds"),
    # misspelt
    ("sed", 1, known_keys("params.yaml", KEYS)),
    ("split.fold", 5, "no such key; the keys of split are protocol, group"),
    ("extract.mfcc", {}, known_keys("extract", EXTRACT_KEYS)),
    ("augment.shear", {}, known_keys("augment", AUGMENT_KEYS)),
]

MISSING = [
    ("seed", "the keys of params.yaml are seed, model"),
    ("split.folds", "the keys of split are protocol, group"),
    ("augment.kinds", "the keys of augment are mode, copies"),
]

SAID = "params.yaml is valid"
INCLUSIVE = ("should be greater than or", "should be less than or")
TOO_SMALL = "model = 'cnn' needs pictures of at least 10 x 10, not"
KNOWN_KINDS = f"choose from {', '.join(augmentations())}; + joins several"

NEWTON = {
    "models.linear.optimizer": "newton",
    "models.linear.learning_rate": 0,
    "models.linear.dropout": 0,
}
# Changes, each of which is valid alone, and the whole message.
TOGETHER: list[tuple[dict[str, Any], str]] = [
    (
        {"augment.kinds": ["blur", "shear"]},
        f"augment.kinds.1 = 'shear': no such kind; {KNOWN_KINDS}",
    ),
    (
        {"augment.kinds": ["mirror+flip", "blur", "flip+mirror"]},
        "augment.kinds.2 = 'flip+mirror': the same as 'mirror+flip'; should be listed once",
    ),
    (
        {"augment.mode": "offline", "augment.kinds": ["mirror", "blur"], "augment.copies": 3},
        "augment.copies = 3: should be at most 2, the number of augment.kinds, while 'mirror' is "
        "one, which changes a clip in one way only",
    ),
    (
        {"extract.features": ["grey", "centroid"], "feature": "mel"},
        "feature = 'mel': is not extracted; add it to extract.features, or choose grey or centroid",
    ),
    (
        {"extract.features": ["grey", "centroid"], "feature": "own"},
        "feature = 'own': should be one of extract.features: grey or centroid, or a store of your "
        "own in data/features",
    ),
    (
        {"segment.sample_rate": 8000, "extract.features": ["grey", "mel"], "feature": "grey"},
        "extract.mel.fmax = 11025.0: should be above fmin (0.0) and at most half of "
        "segment.sample_rate (4000)",
    ),
    (  # of a network that is not chosen
        {"model": "cnn", "models.ann.optimizer": "adam", "models.ann.momentum": 0.5},
        "models.ann.momentum = 0.5: has an effect only with the optimizer sgd; set it to 0",
    ),
    (
        {"models.ann.optimizer": "newton", "models.ann.learning_rate": 0},
        "models.ann.optimizer = 'newton': trains the network linear alone",
    ),
    (
        {"models.ann.learning_rate": 0},
        "models.ann.learning_rate = 0: should be above 0, such as 0.001",
    ),
    *(
        (
            {**NEWTON, f"models.linear.{name}": 0.5},
            f"models.linear.{name} = 0.5: has an effect only with the optimizers adam, adamw and "
            "sgd; set it to 0",
        )
        for name in ("learning_rate", "dropout")
    ),
]
# The start of the message, which goes on with names that a registry has.
STARTS: list[tuple[dict[str, Any], str]] = [
    ({"model": "mel"}, "model = 'mel': is a feature; set feature to it, and model to ann"),
    ({"feature": "ann"}, "feature = 'ann': is a network; set model to it, and feature to cent"),
    (
        {"extract.mel.hop_length": 16384, "extract.mel.n_mels": 1},
        f"feature = 'mel': {TOO_SMALL} 1 x 5; set extract.mel.n_mels to at least 10 and set "
        "extract.mel.hop_length to at most 7350, or model = ann",
    ),
    (
        {"feature": "centroid"},
        "feature = 'centroid': model = 'cnn' needs pictures, not rows of shape (130,); choose "
        "another feature, or model = ann",
    ),
]

# Changes, and the name that was meant, with which the message ends.
MISSPELT: list[tuple[dict[str, Any], str]] = [
    ({"feature": "mell"}, "mel"),
    ({"split.fold": 5}, "folds"),
    ({"extract.features": ["mel", "gray"]}, "grey"),
]

ALLOWED: list[dict[str, Any]] = [
    # the longest transform and the highest band that fit
    {
        "segment.sample_rate": 8000,
        "segment.seconds": 1,
        "extract.mel.fmax": 4000,
        "extract.mel.hop_length": 512,
        "extract.centroid.n_fft": 8000,
    },
    # parameters of a feature that is not extracted are not compared with the clips
    {"segment.sample_rate": 8000, "extract.features": ["grey"], "feature": "grey"},
    {"models.cnn.learning_rate": 1},  # a whole number instead of a float
    {"models.ann.optimizer": "sgd", "models.ann.momentum": 0.9},
    {"augment.mode": "inline", "augment.copies": 4},  # has no meaning there
    {"augment.mode": "offline", "augment.copies": 100, "augment.kinds": ["blur", "mirror+blur"]},
    {"augment.mode": "offline", "augment.kinds": ["pitch_shift+noise+blur+zoom"]},
    # networks that take smaller pictures, or rows that are none
    {"extract.mel.n_mels": 9, "model": "shortchunk"},
    {"feature": "centroid", "model": "linear"},
    NEWTON,
]


# What is wrong by a number, and the numbers in the messages.
ADVISED: list[dict[str, Any]] = [
    *({key: value} for key, value, right in WRONG if right.startswith(INCLUSIVE)),
    *(
        changes
        for changes, text in (*TOGETHER, *STARTS)
        if re.search("at most|at least|to 0", text)
    ),
    {"models.ann.learning_rate": 0},
    {"segment.seconds": 1, "segment.sample_rate": 8000, "extract.centroid.n_fft": 16384},
    {"extract.grey.width": 3, "feature": "grey"},
    {"extract.grey.n_fft": 16384, "extract.grey.hop_length": 1},
    {"extract.features": ["mel", "descriptors"], "extract.descriptors.n_fft": 64},
]
SET = re.compile(r"set (\S+) to (?:at \w+ )?([\d.]+)")
BOUND = re.compile(r"(?:at least|at most|than or equal to|such as)\D*?(-?\d[\d.]*)")


def message(document: Any) -> str:
    with pytest.raises(ParamsError) as caught:
        check(document)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("key", "value", "right"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_value_is_named_with_what_would_be_right(key: str, value: Any, right: str) -> None:
    text = message(changed_document({key: value}))
    assert text.startswith(f"{key} = {value!r}: ")
    assert right in text


@pytest.mark.parametrize(("key", "right"), MISSING)
def test_a_missing_key_is_named_with_its_neighbours(key: str, right: str) -> None:
    document = base_document()
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


@pytest.mark.parametrize(("changes", "expected"), STARTS, ids=lambda value: str(value)[:40])
def test_a_network_and_a_feature_that_do_not_suit_each_other(
    changes: dict[str, Any], expected: str
) -> None:
    assert message(changed_document(changes)).startswith(expected)


@pytest.mark.parametrize(("changes", "meant"), MISSPELT, ids=str)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(
    changes: dict[str, Any], meant: str
) -> None:
    assert message(changed_document(changes)).endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize("changes", ALLOWED, ids=str)
def test_values_that_go_together(changes: dict[str, Any]) -> None:
    check(changed_document(changes))


@pytest.mark.parametrize("changes", ADVISED, ids=str)
def test_a_number_that_is_advised_is_right(changes: dict[str, Any]) -> None:
    """Each is set as the message says, until there is none."""
    for rounds in range(4):
        try:
            check(changed_document(changes))
        except ParamsError as error:
            key = str(error).partition(" = ")[0]
            advised = SET.findall(str(error)) or [("it", BOUND.findall(str(error))[-1])]
            changes = changes | {
                key if name == "it" else name: yaml.safe_load(number) for name, number in advised
            }
        else:
            assert rounds
            return
    pytest.fail(f"still refused: {changes}")


@pytest.mark.parametrize("document", [None, []])
def test_a_document_that_is_not_a_mapping(document: Any) -> None:
    text = message(document)
    assert text.startswith(f"params.yaml = {document!r}: should be a section with the keys seed, ")


def test_networks_are_proposed_that_take_the_feature() -> None:
    text = message(changed_document({"extract.mel.n_mels": 9}))
    assert all(name in text.partition("or model = ")[2] for name in ("cnn_padded", "shortchunk"))
    params = parse_document(changed_document({"feature": "centroid"}))
    with pytest.raises(ParamsError, match=r"rows of shape \(130,\); choose another feature$"):
        check_input(replace(params, models={"cnn": params.models["cnn"]}))


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("zoom", {"model": "ann", "feature": "centroid"}, "changes pictures only, and rows of"),
        ("gain", {"feature": "colour"}, "changes features in dB only, and rows of this feature"),
        ("flip", {"model": "ann", "extract.mel.n_mels": 1}, "changes pictures of several bands"),
    ],
)
def test_a_kind_that_cannot_change_the_feature_is_an_error_where_it_is_used(
    kind: str, changes: dict[str, Any], reason: str
) -> None:
    asked = {**changes, "augment.kinds": ["mirror", kind]}
    check(changed_document(asked))
    for mode in ("offline", "inline"):
        text = message(changed_document({**asked, "augment.mode": mode}))
        assert text.startswith(f"augment.kinds.1 = {kind!r}: {reason}")


def test_a_store_that_the_user_made_is_not_opened(project: Path) -> None:
    """It is no dependency of `check`, so what it holds may change without a check."""
    for name in ("own", "mel"):
        folder = project / FEATURE_STORES / name
        folder.mkdir(parents=True)
        (folder / "000.h5").write_bytes(b"anything")
    check(changed_document({"feature": "own"}))
    check(changed_document({"feature": "own", "augment.mode": "offline"}))
    left = changed_document({"extract.features": ["grey"]})  # `mel` is from an earlier run
    assert message(left).startswith("feature = 'mel': is not extracted; add it to")


def run_check(folder: Path, changes: Mapping[str, Any]) -> int:
    """Run the stage as the program does; return its exit status."""
    write_params(folder, changes)
    try:
        run_stage(main)
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def test_valid_parameters_pass_and_say_so(tmp_path: Path) -> None:
    write_params(tmp_path, {})
    shell = Shell(tmp_path, PYTHONPATH=str(ROOT))
    assert shell.run("python", "-m", "pipeline.check") == SAID
    assert (tmp_path / PARAMS_CHECKED).read_text(encoding="utf-8") == f"{SAID}\n"


def test_an_error_is_one_line_and_the_old_output_stays(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PARAMS_CHECKED.parent.mkdir()
    PARAMS_CHECKED.write_text("old", encoding="utf-8")
    assert run_check(project, {"split.folds": 1}) == 2
    expected = "error: split.folds = 1: should be greater than or equal to 2\n"
    assert capsys.readouterr() == ("", expected)
    assert PARAMS_CHECKED.read_text(encoding="utf-8") == "old"


CHECK = """
import sys
from pipeline import check
check.main()
print(*{"h5py", "joblib", "keras", "librosa", "numba"} & set(sys.modules))
"""


@pytest.mark.parametrize("feature", feature_names())
def test_it_knows_the_shape_of_a_feature_without_waiting_for_librosa(
    feature: str, project: Path
) -> None:
    changes = {"feature": feature, "extract.features": [feature], "model": "linear"}
    write_params(project, {"dataset.path": "music", **changes})
    assert Shell(project, PYTHONPATH=str(ROOT)).run("python", "-c", CHECK) == SAID


def test_the_dataset_has_to_exist_unless_it_is_the_demo(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_check(project, {"dataset.path": "music"}) == 0
    assert PARAMS_CHECKED.read_text(encoding="utf-8") == "params.yaml is valid\n"
    (project / "music").rmdir()
    assert run_check(project, {"dataset.path": "music"}) == 2
    assert capsys.readouterr().err == "error: dataset.path = 'music': no such folder\n"


def test_files_that_cannot_be_read_are_named_unless_they_are_the_demos(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (project / "music", project / DEMO):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gone.wav").symlink_to("nothing")
    assert run_check(project, {"dataset.path": "music"}) == 2
    named = "error: music: gone.wav (a link to nothing: mend or remove it)\n"
    assert capsys.readouterr().err == named
    assert run_check(project, {"dataset.path": DEMO.as_posix()}) == 0


def test_a_queued_experiment_is_told_that_its_path_must_be_absolute(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DVC runs it in a folder of its own below .dvc/tmp/exps."""
    folder = project / ".dvc" / "tmp" / "exps" / "tmpabc"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for path, advice in (("../gone", "; an experiment of DVC's queue .*abs"), ("/gone", "$")):
        assert run_check(folder, {"dataset.path": path}) == 2
        expected = rf"^error: dataset\.path = '{path}': no such folder{advice}"
        assert re.search(expected, capsys.readouterr().err)
