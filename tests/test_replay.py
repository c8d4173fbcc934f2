"""Samples made again from their records: the same bits, or the first that is not by name."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import OFFLINE, SMALL, small_experiment, write_params, write_project
from PIL import Image

from pipeline import replay
from pipeline.augmentation.offline import make_samples
from pipeline.augmentation.samples import Sample, read_samples, write_samples
from pipeline.base.entry import run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.dataset.tracks import read_tracks
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.store.store import Store, shard_name, shard_of, write_store

FEATURES = FEATURE_STORES / "centroid"
TAKES = ["high/0:0:0", "low/5:1:1"]


@pytest.fixture
def samples(augmented: Path) -> list[Sample]:  # noqa: ARG001
    return read_samples(AUGMENTED)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["replay", *arguments])
    replay.main()


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    with pytest.raises(PipelineError) as caught:
        run(monkeypatch, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def flip_a_bit(folder: Path, track_id: str, row: int) -> tuple[float, float]:
    """Change one value of a track's row in a store, and not what the store says of it.

    Returns the value before and after, which is nearer to zero.
    """
    path = folder / shard_name(shard_of(track_id))
    path.chmod(0o644)
    with Store(folder) as store:
        place = store.span(track_id).start + row
        place -= sum(
            store.clips(other) for other in store.track_ids if shard_of(other) < shard_of(track_id)
        )
    with h5py.File(path, "r+") as file:
        value = file["rows"][place]
        before, value[3] = float(value[3]), np.nextafter(value[3], np.float16(0))
        file["rows"][place] = value
    return before, float(value[3])


@pytest.mark.usefixtures("samples")
def test_everything_is_made_again_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    output = capsys.readouterr()
    assert (output.out, output.err) == ("48 samples made again, all the same\n", "")


@pytest.mark.usefixtures("samples")
def test_what_params_yaml_says_now_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
    run(monkeypatch)
    Path("params.yaml").unlink()
    run(monkeypatch)
    assert capsys.readouterr().out == "48 samples made again, all the same\n" * 2


def test_many_have_a_progress_bar(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replay, "MANY", len(samples))
    run(monkeypatch)
    assert "replay: 100%" in capsys.readouterr().err


def test_names_choose_samples_and_their_records_are_told(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, *TAKES, TAKES[0])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 samples made again, all the same"
    for name in TAKES:
        sample = next(sample for sample in samples if sample.name == name)
        start = lines.index(f"sample      {name}")
        told = {line[:10].strip(): line[12:] for line in lines[start : start + 8]}
        assert told["parent"].startswith(f"{sample.track_id}, clip {sample.clip}, SHA-256 ")
        assert told["row"] == f"SHA-256 {sample.sha256}"
        assert (told["chain"], told["feature"]) == (sample.chain, "centroid")
        assert (told["label"], told["made again"]) == (sample.genre, "the same")
        assert told["states"] == str(sample.states).replace("'", '"')


def test_changed_byte_of_a_sample_is_found(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = next(s for s in samples if s.chain == "noise" and (s.clip, s.copy) == (0, 0))
    before, after = flip_a_bit(AUGMENTED / "noise", sample.track_id, 0)
    expected = (
        f"sample {sample.name} is not what its record makes: of {{}} made again 1 differ, by up to "
        f"{before - after:.3g}; another processor or version of a library may do this, in the last "
        "bits"
    )
    assert refused(monkeypatch) == expected.format(48)
    assert refused(monkeypatch, sample.name) == expected.format(1)
    assert "made again  differs" in capsys.readouterr().out
    others = [other.name for other in samples if other is not sample]
    run(monkeypatch, *others)
    assert capsys.readouterr().out.endswith("47 samples made again, all the same\n")
    monkeypatch.setattr(sys, "argv", ["replay"])
    with pytest.raises(SystemExit, match="2"):
        run_stage(replay.main)
    assert capsys.readouterr().err == f"error: {expected.format(48)}\n"


def test_record_that_was_changed_is_found(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    stretched = [sample for sample in samples if sample.chain == "stretch"]
    for sample in stretched:
        sample.states[0]["factor"] *= 1.5
    write_samples(AUGMENTED, samples)
    assert refused(monkeypatch).startswith(
        f"sample {stretched[0].name} is not what its record makes: of 48 made again "
        f"{len(stretched)} differ, by up to "
    )


@pytest.mark.parametrize("state", [{}, {"factor": "x"}], ids=["missing", "of another type"])
def test_record_of_a_kind_that_has_changed_is_told(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, state: dict[str, str]
) -> None:
    sample = next(sample for sample in samples if sample.chain == "stretch")
    sample.states[0] = {"kind": "stretch", **state}
    write_samples(AUGMENTED, samples)
    message = refused(monkeypatch)
    assert message.startswith(f"sample {sample.name}: what was drawn for it, [{{")
    assert message.endswith("run `dvc repro`")


def test_row_that_is_not_the_tables_is_found(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples[0] = replace(samples[0], sha256=samples[1].sha256)
    write_samples(AUGMENTED, samples)
    assert refused(monkeypatch) == (
        f"sample {samples[0].name} is another row in data/augmented/{samples[0].chain} than in the "
        "table; run `dvc repro`"
    )


def test_pair_is_drawn_for_one_sample(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, samples[0].name, "--save", "pair.png")
    assert capsys.readouterr().out.endswith(
        "pair.png: the parent and the sample\n1 sample made again, all the same\n"
    )
    with Image.open("pair.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * 168
    assert refused(monkeypatch, "--save", "x.png") == "--save draws one sample, not all"
    assert refused(monkeypatch, *TAKES, "--save", "x.png") == "--save draws one sample, not 2"
    assert not Path("x.png").exists()


@pytest.mark.usefixtures("samples")
def test_unknown_name_and_no_samples_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(monkeypatch, TAKES[0], "high/0:0:9")
    assert message.startswith("no sample 'high/0:0:9'; they are track:clip:copy, such as 'high/")
    write_samples(AUGMENTED, [])
    expected = "data/augmented has no samples: augment.mode is not offline"
    assert refused(monkeypatch) == refused(monkeypatch, TAKES[0]) == expected


def test_parent_that_changed_or_is_gone_asks_for_a_new_run(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = (
        "sample {}: its parent is not what it was, or not in {} any more; run `dvc repro`"
    ).format
    last = samples[-1]  # its kind acts on sound
    with Store(CLIPS) as store:
        about, sound = store.description, {name: store.rows(name) for name in store.track_ids}
    shutil.rmtree(CLIPS)
    write_store(CLIPS, about, {**sound, last.track_id: sound[last.track_id][: last.clip]})
    assert refused(monkeypatch, last.name) == expected(last.name, CLIPS)
    flip_a_bit(FEATURES, samples[0].track_id, samples[0].clip)
    assert refused(monkeypatch, samples[0].name) == expected(samples[0].name, FEATURES)
    extract(CLIPS, "centroid", Centroid(n_fft=128, hop_length=400), FEATURES)
    assert refused(monkeypatch) == expected(samples[0].name, FEATURES)
    with Store(FEATURES) as store:
        others = {name: store.rows(name) for name in store.track_ids if name != samples[0].track_id}
        description = store.description
    shutil.rmtree(FEATURES)
    write_store(FEATURES, description, others)
    assert refused(monkeypatch) == expected(samples[0].name, FEATURES)


def test_feature_of_the_users_own_is_made_again_from_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(Path())
    rng = np.random.default_rng(0)
    with Store(CLIPS) as store:
        rows = {name: rng.normal(size=(2, 8, 9, 2)) for name in store.track_ids}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    kinds = ["zoom", "flip+blur"]
    params = small_experiment({**OFFLINE, "feature": "own", "augment.kinds": kinds})
    make_samples(params, read_tracks(), AUGMENTED)
    run(monkeypatch)
    assert capsys.readouterr().out.endswith("48 samples made again, all the same\n")
