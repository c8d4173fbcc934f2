"""Augmented samples beside their parents: pictures, and sound where a chain begins with sound."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.audio import encode
from pipeline.audio.pcm import Pcm, from_pcm, to_pcm
from pipeline.augmentation.registry import augmentations
from pipeline.augmentation.samples import Sample, by_store, read_samples
from pipeline.base.arrays import Array
from pipeline.pages import pictures
from pipeline.pages.media import Studio
from pipeline.store.store import Store

MOST = 3  # samples of each chain on the page

Shown = dict[str, Any]


def show_samples(folder: Path, studio: Studio) -> list[Shown]:
    """A few samples of each chain in `folder`, of as many genres as can be.

    Each has the names of its chain and parent, what was drawn, and addresses of `picture`,
    `parent_picture`, `sound` and `parent_sound`; the last two are empty for a chain that acts on
    pictures alone.
    """
    return [
        _show(sample, row, studio)
        for chain, tracks in by_store(read_samples(folder)).items()
        for sample, row in _rows(folder / chain, tracks)
    ]


def _rows(folder: Path, tracks: dict[str, list[Sample]]) -> Iterator[tuple[Sample, Array]]:
    genres: set[str] = set()
    with Store(folder) as store:
        for track_id, samples in sorted(tracks.items()):
            if len(genres) < MOST and samples[0].genre not in genres:
                genres.add(samples[0].genre)
                yield samples[0], store.rows(track_id)[0]


def _show(sample: Sample, row: Array, studio: Studio) -> Shown:
    parent = studio.rows.rows(sample.track_id)[sample.clip]
    pcm = studio.sound.rows(sample.track_id)[sample.clip]
    changed = _changed(sample, pcm)
    sounds = ("", "")
    if changed is not None:
        sounds = _sound(pcm, studio), _sound(changed, studio)
    return {
        "chain": sample.chain,
        "parent": f"{sample.track_id}, clip {sample.clip + 1}",
        "drawn": _drawn(sample.states),
        "parent_picture": _picture(parent, pcm, studio),
        "picture": _picture(row, pcm if changed is None else changed, studio),
        "parent_sound": sounds[0],
        "sound": sounds[1],
    }


def _changed(sample: Sample, pcm: Pcm) -> Pcm | None:
    """The clip after the kinds that act on sound; None if there are none."""
    steps = [(augmentations()[state["kind"]], state) for state in sample.states]
    on_sound = [step for step in steps if step[0].acts_on == "sound"]
    if not on_sound:
        return None
    sound = from_pcm(pcm)
    for kind, state in on_sound:
        sound = kind.apply(sound, state)
    return to_pcm(sound)


def _sound(pcm: Pcm, studio: Studio) -> str:
    return studio.keep(studio.sounds.encoder([pcm]), encode.MIME)


def _picture(row: Array, pcm: Pcm, studio: Studio) -> str:
    return studio.keep(studio.painter.paint([row], [pcm], 1), pictures.MIME)


def _drawn(states: Sequence[dict[str, Any]]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for state in states
        for name, value in state.items()
        if name not in ("kind", "seed") and not isinstance(value, list)
    )
