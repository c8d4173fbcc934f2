"""Cut an audio file into clips, and find out what tracks.csv reports about it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.decode import Sound, open_sound, resampled
from pipeline.audio.pcm import Pcm, cut, to_pcm
from pipeline.audio.rejection import Rejection
from pipeline.audio.sndfile import DECODER
from pipeline.base.errors import PipelineError
from pipeline.store.results import Result

BATCH = 16  # clips
MOST_SAMPLES = 1 << 29  # of a track that is held whole, which take 1 GiB: 6.7 hours at 22 050 Hz


@contextmanager
def open_clips(
    path: Path, sample_rate: int, clip_samples: int, batch: int
) -> Iterator[tuple[Sound, Iterator[Pcm]]]:
    """Open an audio file, resample it to `sample_rate` Hz, and cut it, block by block.

    Yields
    ------
    sound : Sound
        What is known of the file, when all clips were taken.
    batches : iterator of int16 arrays, shape (batch, clip_samples)
        The last one may have fewer clips.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip; also when the clips are taken.
    """
    with open_sound(path) as sound:
        blocks = map(to_pcm, resampled(sound, sound.sample_rate, sample_rate))
        yield sound, _with_sound(sound, _batches(blocks, clip_samples, batch))


@dataclass(frozen=True)
class ClippedTrack:
    """A decoded file and its clips: `pcm` is int16, shape (clips, clip_samples)."""

    sound: Sound
    pcm: Pcm


def load_clips(path: Path, sample_rate: int, clip_samples: int) -> ClippedTrack:
    """Decode a file, resample it to `sample_rate` Hz, and cut it.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip, or more than fit into memory.
    """
    content = bytearray()
    with open_clips(path, sample_rate, clip_samples, BATCH) as (sound, batches):
        for clips in batches:
            content += clips.data
            if len(content) > MOST_SAMPLES * clips.itemsize:
                hours = MOST_SAMPLES / sample_rate / 3600
                raise Rejection(f"longer than {hours:.1f} hours; cut it into tracks")
    return ClippedTrack(sound, np.frombuffer(content, np.int16).reshape(-1, clip_samples))


def _batches(blocks: Iterable[Pcm], clip_samples: int, batch: int) -> Iterator[Pcm]:
    """Cut blocks as `cut` does the whole of them."""
    size = batch * clip_samples
    pending = np.empty(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= size:
            yield cut(pending[:size], clip_samples)
            pending = pending[size:]
    rest = cut(pending, clip_samples)
    if len(rest):
        yield rest


def _with_sound(sound: Sound, batches: Iterable[Pcm]) -> Iterator[Pcm]:
    """Pass on the clips, and refuse a file that gives none, or silent ones alone."""
    count, heard = 0, False
    for clips in batches:
        count, heard = count + len(clips), heard or bool(clips.any())
        yield clips
    if not count:
        raise Rejection(f"shorter than half a clip ({sound.seconds:.2f} s)")
    if not heard:
        raise Rejection("silent")


@dataclass(frozen=True)
class CutTrack:
    """Recipe that turns the path of a file into its clips and some cells of tracks.csv.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    clip_samples : int
        Samples in one clip.
    decoder : str
        Name and version of the decoding library.
    """

    sample_rate: int
    clip_samples: int
    decoder: str = DECODER

    def __call__(self, path: Path) -> Result:
        """Return int16 rows, shape (clips, clip_samples), or the reason for a rejection."""
        if self.decoder != DECODER:
            raise PipelineError(f"a worker decodes with {DECODER} instead of {self.decoder}")
        try:
            clipped = load_clips(path, self.sample_rate, self.clip_samples)
        except Rejection as rejection:
            return Result({"rejected": str(rejection)}, None)
        sound = clipped.sound
        facts = {
            "seconds": round(sound.seconds, 3),
            "sample_rate": sound.sample_rate,
            "channels": sound.channels,
            "truncated": sound.is_cut_off,
        }
        return Result(facts, clipped.pcm)

    def template(self) -> Pcm:
        """Return an empty array, shape (0, clip_samples), with the dtype of the rows."""
        return np.empty((0, self.clip_samples), np.int16)
