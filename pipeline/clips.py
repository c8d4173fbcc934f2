"""Cut a recording into fixed-length clips of 16-bit PCM."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.audio import AudioError, Recording, decode, resample

FULL_SCALE = 32768.0

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True)
class ClippedTrack:
    """A recording and its clips: `pcm` is int16, shape (clips, clip_samples)."""

    recording: Recording
    pcm: Pcm


def load_clips(path: Path, sample_rate: int, clip_samples: int) -> ClippedTrack:
    """Decode a file, resample it to `sample_rate` Hz, and cut it.

    Raises
    ------
    AudioError
        The file cannot be used, or gives no clip.
    """
    recording = decode(path)
    pcm = cut(to_pcm(resample(recording, sample_rate)), clip_samples)
    if not len(pcm):
        raise AudioError(f"shorter than half a clip ({recording.seconds:.2f} s)")
    if not pcm.any():
        raise AudioError("silent")
    return ClippedTrack(recording, pcm)


def clip_count(samples: int, clip_samples: int) -> int:
    """Number of whole clips, and one more when at least half a clip is left."""
    whole, rest = divmod(samples, clip_samples)
    return whole + (2 * rest >= clip_samples)


def cut(pcm: Pcm, clip_samples: int) -> Pcm:
    """Cut (n,) samples into (clips, clip_samples), the last clip padded with zeros."""
    count = clip_count(len(pcm), clip_samples)
    clips = np.zeros(count * clip_samples, np.int16)
    kept = pcm[: len(clips)]
    clips[: len(kept)] = kept
    return clips.reshape(count, clip_samples)


def to_pcm(samples: npt.NDArray[np.float32]) -> Pcm:
    """Samples of full scale 1 as int16, clipped at full scale; 16-bit sources come back exact."""
    return np.clip(np.rint(samples * FULL_SCALE), -32768, 32767).astype(np.int16)


def from_pcm(pcm: Pcm) -> npt.NDArray[np.float32]:
    """int16 as float32 of full scale 1, same shape."""
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)
