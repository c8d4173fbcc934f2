"""Augmented samples on a page: of each chain, beside the parent, with sound where it has one."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import OFFLINE

from pipeline.audio.clips import from_pcm
from pipeline.augmentation.samples import read_samples
from pipeline.augmentation.sounds import Noise
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.pages.media import inside, open_studio
from pipeline.pages.report_page import Shown, show_samples
from pipeline.store.store import Store

CENTROID = FEATURE_STORES / "centroid"


@pytest.fixture
def shown(augmented: Path) -> list[Shown]:
    assert augmented.is_dir()
    with open_studio(CLIPS, CENTROID, inside) as studio:
        return show_samples(AUGMENTED, studio)


def test_every_chain_is_shown_for_every_genre(shown: list[Shown]) -> None:
    assert {each["chain"] for each in shown} == set(OFFLINE["augment.kinds"])
    for chain in OFFLINE["augment.kinds"]:
        parents = [each["parent"].split("/")[0] for each in shown if each["chain"] == chain]
        assert sorted(parents) == ["high", "low"]
    assert all(each["picture"] != each["parent_picture"] for each in shown)


def test_only_chains_that_begin_with_sound_are_heard(shown: list[Shown]) -> None:
    for each in shown:
        assert bool(each["sound"]) == bool(each["parent_sound"]) == (each["chain"] == "noise")


def test_the_sound_is_the_parents_with_what_was_drawn(shown: list[Shown]) -> None:
    """The noise that is heard has the ratio to the sound that the state names."""
    noisy = next(each for each in shown if each["chain"] == "noise")
    before, after = (
        soundfile.read(io.BytesIO(base64.b64decode(noisy[name].partition(",")[2])))[0]
        for name in ("parent_sound", "sound")
    )
    track_id = noisy["parent"].partition(",")[0]
    sample = next(
        s for s in read_samples(AUGMENTED) if (s.chain, s.track_id) == ("noise", track_id)
    )
    with Store(CLIPS) as store:
        sound = from_pcm(store.rows(track_id)[sample.clip])
    expected = Noise.apply(sound, sample.states[0])
    ratio = np.sqrt(np.mean(np.square(expected)) / np.mean(np.square(sound)))
    heard = np.sqrt(np.mean(np.square(after)) / np.mean(np.square(before)))
    assert heard == pytest.approx(ratio, rel=0.05)
    assert noisy["drawn"].startswith("snr_db ")


@pytest.mark.usefixtures("augmented")
def test_without_samples_nothing_is_shown(tmp_path: Path) -> None:
    table = (AUGMENTED / "samples.csv").read_text(encoding="utf-8")
    (tmp_path / "samples.csv").write_text(table.splitlines()[0], encoding="utf-8")
    with open_studio(CLIPS, CENTROID, inside) as studio:
        assert show_samples(tmp_path, studio) == []
