"""Cut an audio file into clips, and find out what tracks.csv reports about it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.decode import DECODER, Recording, Rejection, decode, resample
from pipeline.audio.pcm import Pcm, cut, to_pcm
from pipeline.base.errors import PipelineError
from pipeline.store.results import Result


@dataclass(frozen=True)
class ClippedTrack:
    """A decoded file and its clips: `pcm` is int16, shape (clips, clip_samples)."""

    recording: Recording
    pcm: Pcm


def load_clips(path: Path, sample_rate: int, clip_samples: int) -> ClippedTrack:
    """Decode a file, resample it to `sample_rate` Hz, and cut it.

    Raises
    ------
    Rejection
        The file cannot be used, or gives no clip.
    """
    recording = decode(path)
    pcm = cut(to_pcm(resample(recording, sample_rate)), clip_samples)
    if not len(pcm):
        raise Rejection(f"shorter than half a clip ({recording.seconds:.2f} s)")
    if not pcm.any():
        raise Rejection("silent")
    return ClippedTrack(recording, pcm)


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
        except Rejection as error:
            return Result({"rejected": str(error)}, None)
        recording = clipped.recording
        facts = {
            "seconds": round(recording.seconds, 3),
            "sample_rate": recording.sample_rate,
            "channels": recording.channels,
            "truncated": recording.truncated,
        }
        return Result(facts, clipped.pcm)

    def template(self) -> Pcm:
        """Return an empty array, shape (0, clip_samples), with the dtype of the rows."""
        return np.empty((0, self.clip_samples), np.int16)
