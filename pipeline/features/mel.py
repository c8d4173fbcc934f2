"""The feature `mel`: a mel spectrogram in dB."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.params import WHOLE
from pipeline.base.types import STRICT, Array
from pipeline.features.shared.feature import ColourMap, Decibels, SpectralFeature
from pipeline.features.shared.spectra import decibels, draw, mel_power


@dataclass(frozen=True, config=STRICT)
class Mel(SpectralFeature):
    """Mel spectrogram in dB against a fixed reference of 1, lowest band in the first row.

    As `librosa.feature.melspectrogram` and `librosa.power_to_db(ref=1.0, top_db=top_db)`. With one
    channel it is float16, which differs from them by at most 0.04 dB; with three it is coloured
    as `Colour` is.
    """

    n_mels: Annotated[int, Field(ge=1, le=512)]
    fmin: Annotated[float, Field(ge=0)]
    fmax: Annotated[float, Field(gt=0)]
    top_db: Annotated[Decibels, Field(gt=0)]
    channels: Annotated[Literal[1, 3], WHOLE]
    colour_map: ColourMap

    @property
    def unit(self) -> str:
        """Unit of the rows' values."""
        return "dB re 1" if self.channels == 1 else "RGB"

    @property
    def steps_per_db(self) -> float | None:
        """By how much a row's values rise per dB; None for colours."""
        return 1.0 if self.channels == 1 else None

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float16, (n, n_mels, frames, 1), or uint8 RGB, (n, n_mels, frames, 3)."""
        filters = (self.n_fft, self.hop_length, self.n_mels, self.fmin, self.fmax)
        power = np.stack([mel_power(clip, sample_rate, *filters) for clip in clips])
        db = decibels(power, -100.0)  # power_to_db's amin=1e-10
        db = np.maximum(db, db.max(axis=(1, 2), keepdims=True) - self.top_db)
        if self.channels == 3:
            return draw(db, self.colour_map)
        return db.astype(np.float16)[..., np.newaxis]

    def template(self, clip_samples: int, sample_rate: int) -> Array:  # noqa: ARG002
        """The shape follows from the parameters: librosa is not loaded."""
        dtype = np.float16 if self.channels == 1 else np.uint8
        frames = self.frame_count(clip_samples)
        return np.empty((0, self.n_mels, frames, self.channels), dtype)

    def changes_for(self, least: int, clip_samples: int) -> dict[str, str]:
        """Return whether there have to be more bands, and more frames."""
        changes = {}
        if self.n_mels < least:
            changes["n_mels"] = f"at least {least}"
        if self.frame_count(clip_samples) < least:
            longest = (clip_samples - self.n_fft % 2) // (least - 1)
            changes["hop_length"] = f"at most {longest}"
        return changes

    def check(self, key: str, clip_samples: int, sample_rate: int) -> None:
        """Require, besides what every spectrum needs, bands below half the sample rate."""
        super().check(key, clip_samples, sample_rate)
        if not self.fmin < self.fmax <= sample_rate / 2:
            raise ParamsError(
                f"{key}.fmax = {self.fmax}: should be above fmin ({self.fmin}) and at most half "
                f"of segment.sample_rate ({sample_rate / 2:g})"
            )
