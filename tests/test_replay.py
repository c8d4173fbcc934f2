"""Samples are made again from their records, bit for bit; those that differ are reported."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from documents import write_params
from helpers import OFFLINE, SMALL, make_small_samples, run_main, small_experiment, write_project
from PIL import Image

from pipeline import replay
from pipeline.augmentation.samples import Sample, read_samples, write_samples
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.store.store import Store, shard_name, shard_of, write_store

FEATURES = FEATURE_STORES / "centroid"
NAMES = ["high/0:0:0", "low/5:1:1"]


@pytest.fixture
def samples(augmented: Path) -> list[Sample]:  # noqa: ARG001
    return read_samples(AUGMENTED)


def run(*arguments: str) -> None:
    run_main(replay.main, *arguments)


def refused(*arguments: str) -> str:
    with pytest.raises(PipelineError) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def flip_a_bit(folder: Path, track_id: str, row: int) -> tuple[float, float]:
    """Change one value of a track's row in a store, but not the digests that the store holds.

    Returns the value before, and the one after, which is nearer to 0.
    """
    path = folder / shard_name(shard_of(track_id))
    path.chmod(0o644)
    with Store(folder) as store:
        value = store.rows(track_id)[row].copy()
    with h5py.File(path, "r+") as file:
        place = next(n for n, each in enumerate(file["rows"]) if np.array_equal(each, value))
        before, value[3] = float(value[3]), np.nextafter(value[3], np.float16(0))
        file["rows"][place] = value
    path.chmod(0o444)  # digests of a file that can be written to are not trusted
    return before, float(value[3])


@pytest.mark.usefixtures("samples")
def test_all_samples_are_made_again_whatever_params_yaml_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run()
    changes = {
        "seed": 1,
        "feature": "mel",
        "augment.kinds": ["blur"],
        "augment.stretch.factor": 3,
        "augment.noise.snr_db": -20,
        "augment.time_mask.width": 0.9,
        "extract.centroid.hop_length": 100,
        "segment.sample_rate": 8000,
    }
    write_params(Path(), {**SMALL, **OFFLINE, **changes})
    run()
    Path("params.yaml").unlink()
    run()
    assert capsys.readouterr() == ("48 samples made again, all the same\n" * 3, "")


def test_named_samples_are_made_again_and_their_records_printed(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.base.cli.LINE_SECONDS", 0.0)
    run(*NAMES, NAMES[0])
    printed = capsys.readouterr()
    assert printed.err.startswith("replay: 1 of 2 samples, ")
    lines = printed.out.splitlines()
    assert lines[-1] == "2 samples made again, all the same"
    for name in NAMES:
        sample = next(sample for sample in samples if sample.name == name)
        start = lines.index(f"sample      {name}")
        found = {line[:10].strip(): line[12:] for line in lines[start : start + 8]}
        assert found["parent"].startswith(f"{sample.track_id}, clip {sample.clip}, SHA-256 ")
        assert found["row"] == f"SHA-256 {sample.sha256}"
        assert (found["chain"], found["feature"]) == (sample.chain, "centroid")
        assert (found["label"], found["made again"]) == (sample.genre, "the same")
        assert found["states"] == str(sample.states).replace("'", '"')


def test_sample_with_a_changed_bit_is_found(
    samples: list[Sample], capsys: pytest.CaptureFixture[str]
) -> None:
    sample = next(s for s in samples if s.chain == "noise" and (s.clip, s.copy) == (0, 0))
    before, after = flip_a_bit(AUGMENTED / "noise", sample.track_id, 0)
    expected = (
        f"sample {sample.name} is not what its record makes: 1 of {{}} differ, by up to "
        f"{before - after:.3g}; another processor or version of a library may change the last bits"
    )
    assert refused() == expected.format(48)
    assert refused(sample.name) == expected.format(1)
    assert "made again  differs" in capsys.readouterr().out
    others = [other.name for other in samples if other is not sample]
    run(*others)
    assert capsys.readouterr().out.endswith("47 samples made again, all the same\n")


@pytest.mark.parametrize(
    ("chain", "changes", "message"),
    [
        (
            "stretch",
            {"states": [{"kind": "stretch", "factor": 1.5}]},
            "sample {} is not what its record makes: 1 of 48 differ, by up to ",
        ),
        (
            "stretch",
            {"states": [{"kind": "stretch"}]},
            "sample {}: its record [{{.*run `dvc repro`$",
        ),
        (
            "noise",
            {"sha256": "0" * 64},
            "the row of sample {} in data/augmented/noise is not the one in the table; run `dvc",
        ),
    ],
    ids=["another state", "no state", "another row"],
)
def test_a_changed_record_is_found(
    chain: str, changes: dict[str, Any], message: str, samples: list[Sample]
) -> None:
    index = next(i for i, sample in enumerate(samples) if sample.chain == chain)
    samples[index] = replace(samples[index], **changes)
    write_samples(AUGMENTED, samples)
    assert re.match(message.replace("[", r"\[").format(samples[index].name), refused())


def test_pair_is_drawn_for_one_sample(
    samples: list[Sample], capsys: pytest.CaptureFixture[str]
) -> None:
    run(samples[0].name, "--save", "mine/pair.png")
    assert capsys.readouterr().out.endswith(
        "mine/pair.png: the parent and the sample\n1 sample made again, all the same\n"
    )
    with Image.open("mine/pair.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * 168
    assert refused("--save", "x.png") == "--save draws one sample, not all"
    assert refused(*NAMES, "--save", "x.png") == "--save draws one sample, not 2"
    assert not Path("x.png").exists()


@pytest.mark.usefixtures("samples")
def test_unknown_name_and_no_samples_are_errors() -> None:
    message = refused(NAMES[0], "high/0:0:9")
    expected = "there is no sample 'high/0:0:9'; names are track:clip:copy, such as 'high/"
    assert message.startswith(expected)
    write_samples(AUGMENTED, [])
    expected = "data/augmented has no samples; `dvc exp run -S augment.mode=offline` makes some"
    assert refused() == refused(NAMES[0]) == expected


def test_parent_that_has_changed_or_is_gone_asks_for_a_new_run(samples: list[Sample]) -> None:
    expected = ("sample {}: its parent has changed, or is no longer in {}; run `dvc repro`").format
    last = samples[-1]  # which is made from sound
    with Store(CLIPS) as store:
        about, sound = store.description, {name: store.rows(name) for name in store.track_ids}
    shutil.rmtree(CLIPS)
    write_store(CLIPS, about, {**sound, last.track_id: sound[last.track_id][: last.clip]})
    assert refused(last.name) == expected(last.name, CLIPS)
    flip_a_bit(FEATURES, samples[0].track_id, samples[0].clip)
    assert refused(samples[0].name) == expected(samples[0].name, FEATURES)
    with Store(FEATURES) as store:
        others = {name: store.rows(name) for name in store.track_ids if name != samples[0].track_id}
        description = store.description
    shutil.rmtree(FEATURES)
    write_store(FEATURES, description, others)
    assert refused() == expected(samples[0].name, FEATURES)


def test_samples_of_a_feature_of_ones_own_are_made_again_from_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(Path())
    rng = np.random.default_rng(0)
    with Store(CLIPS) as store:
        rows = {name: rng.normal(size=(2, 8, 9, 2)) for name in store.track_ids}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    kinds = ["zoom", "flip+blur"]
    make_small_samples(small_experiment({**OFFLINE, "feature": "own", "augment.kinds": kinds}))
    run()
    assert capsys.readouterr().out.endswith("48 samples made again, all the same\n")
