"""Names of audio files, and sound as clips of 16-bit PCM: the section `segment`, and cutting."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.params import WHOLE
from pipeline.base.types import STRICT

# What the names of audio files end with; which of them can be read, their contents say.
EXTENSIONS = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".rf64", ".snd", ".w64", ".wav", ".wave"}
    | {".aac", ".ape", ".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mp4", ".oga", ".ogg", ".opus"}
    | {".spx", ".tta", ".webm", ".wma", ".wv"}
)
FULL_SCALE = 32768.0  # of int16 samples

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, config=STRICT)
class SegmentParams:
    """Sample rate in Hz and clip length in seconds."""

    sample_rate: Annotated[int, Field(ge=4000, le=192000)]
    seconds: Annotated[Literal[1, 2, 3, 5, 10], WHOLE]

    @property
    def clip_samples(self) -> int:
        """Samples in one clip."""
        return self.sample_rate * self.seconds


def clip_count(samples: int, clip_samples: int) -> int:
    """Number of whole clips, plus one if at least half a clip is left."""
    whole, rest = divmod(samples, clip_samples)
    return whole + (2 * rest >= clip_samples)


def cut(pcm: Pcm, clip_samples: int) -> Pcm:
    """Cut samples, shape (n,), into (clips, clip_samples); the last clip is padded with zeros."""
    count = clip_count(len(pcm), clip_samples)
    clips = np.zeros(count * clip_samples, np.int16)
    kept = pcm[: len(clips)]
    clips[: len(kept)] = kept
    return clips.reshape(count, clip_samples)


def to_pcm(samples: npt.NDArray[np.float32]) -> Pcm:
    """Convert samples of full scale 1 to int16, clipped; 16-bit sources are restored exactly."""
    return np.clip(np.rint(samples * FULL_SCALE), -32768, 32767).astype(np.int16)


def from_pcm(pcm: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Convert int16 samples to float32 of full scale 1, same shape."""
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)
