"""The demo's styles and artists: GTZAN's genres, rhythms of one bar, artists that differ."""

import dataclasses

import numpy as np
import pytest

from pipeline.synthesis.styles import BAR_STEPS, GENRES, artist_sound

GTZAN = ["blues", "classical", "country", "disco", "hiphop"]
GTZAN += ["jazz", "metal", "pop", "reggae", "rock"]


def test_genres_are_those_of_gtzan() -> None:
    assert list(GENRES) == GTZAN


@pytest.mark.parametrize("genre", GENRES)
def test_a_rhythm_is_one_bar_of_known_marks(genre: str) -> None:
    style = GENRES[genre]
    for rhythm in (style.kick, style.snare, style.hat, style.comp):
        assert len(rhythm) == BAR_STEPS
        assert set(rhythm) <= set("xo.")
    assert len(style.bass) == BAR_STEPS
    assert set(style.bass) <= set("0123456789.")


def test_artists_differ_in_every_respect() -> None:
    ours, theirs = (
        dataclasses.asdict(artist_sound(np.random.default_rng(seed))) for seed in (0, 1)
    )
    assert not [name for name in ours if ours[name] == theirs[name]]


def test_the_same_generator_gives_the_same_artist() -> None:
    assert artist_sound(np.random.default_rng(3)) == artist_sound(np.random.default_rng(3))
