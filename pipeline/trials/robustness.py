"""Test the models of runs on deformed sound: ways to deform it, and what each costs."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr

from pipeline.audio.clips import from_pcm
from pipeline.augmentation.kind import generator
from pipeline.augmentation.sounds import Gain, Noise, PitchShift, TimeStretch
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, TRAINED
from pipeline.base.parallel import map_tracks
from pipeline.base.params import one_of
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, by_level, outcomes, voted_tracks
from pipeline.evaluation.scores import accuracy_interval
from pipeline.evaluation.summary import Row
from pipeline.features.shared.feature import Feature, described_feature
from pipeline.prediction.ensemble import Models, load_models, predict_clips
from pipeline.runs.comparison import differences
from pipeline.runs.revisions import Revision, read_clips, read_output, require_comparable
from pipeline.store.build import Job, jobs_of
from pipeline.store.store import Store

CLEAN = "clean"
PAIRED = ("difference", "low", "high", "p_value", "p_holm")  # of a `Difference`
CLOSE = 1e-3  # probabilities are recorded with four decimals, and other processors differ a little
ORDER = 8  # of a filter, which goes over the sound forwards and backwards
OCTAVES = 62.5 * 2.0 ** np.arange(8)  # the equaliser's bands, in Hz
# For each codec what soundfile needs to know of its files, and the bit rates in kbit/s at which
# libsndfile's scale of compression begins and ends.
CODECS: dict[str, tuple[dict[str, Any], float, float]] = {
    "mp3": ({"format": "MP3", "bitrate_mode": "CONSTANT", "samplerate": 22_050}, 160, 8),
    "opus": ({"format": "OGG", "subtype": "OPUS", "samplerate": 24_000}, 256, 6),
}
MP3_DELAY = 576 + 529  # samples, of LAME and of a decoder, as LAME's technical FAQ has them

Way = tuple[str, Any]  # a deformation's name, and one of its strengths


def noise(sound: Array, snr_db: float, _: int, rng: np.random.Generator) -> Array:
    """White noise at this ratio to the clip's power."""
    return Noise.apply(sound, {"snr_db": snr_db, "seed": int(rng.integers(2**63))})


def clipping(sound: Array, db: float, *_: object) -> Array:
    """Cut the peaks as if they were driven `db` beyond full scale; the level stays as it was."""
    limit = np.abs(sound).max() * np.float32(10 ** (-db / 20))
    return np.clip(sound, -limit, limit)


def band(sound: Array, edges: tuple[float, float], sample_rate: int, *_: object) -> Array:
    """Keep what lies between two frequencies in kHz, by Butterworth filters without delay.

    An edge at 0, or at half the sample rate and above, takes nothing away.
    """
    from scipy.signal import butter, sosfiltfilt  # slow to import

    for edge, kind in zip(edges, ("highpass", "lowpass"), strict=True):
        if 0 < edge < sample_rate / 2000:
            filtered = butter(ORDER, 1000 * edge, kind, fs=sample_rate, output="sos")
            sound = sosfiltfilt(filtered, sound)
    return sound


def equaliser(sound: Array, db: float, sample_rate: int, rng: np.random.Generator) -> Array:
    """A gain of up to `db` either way for each of `OCTAVES`, with lines between them."""
    gains = rng.uniform(-db, db, len(OCTAVES))
    frequencies = np.fft.rfftfreq(len(sound), 1 / sample_rate)
    octaves = np.log2(np.maximum(frequencies, OCTAVES[0]))
    curve = np.interp(octaves, np.log2(OCTAVES), gains)
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (curve / 20), len(sound))


def encode(codec: str, sound: Array, kbit_per_s: float) -> bytes:
    """Encode sound at the codec's own sample rate."""
    (kind, first, last), file = CODECS[codec], io.BytesIO()
    soundfile.write(file, sound, compression_level=(first - kbit_per_s) / (first - last), **kind)
    return file.getvalue()


def coded(codec: str, sound: Array, kbit_per_s: float, sample_rate: int, *_: object) -> Array:
    """Encode and decode sound; it is as long as before, and in time."""
    rate = CODECS[codec][0]["samplerate"]
    there = soxr.resample(sound, sample_rate, rate)
    back, _rate = soundfile.read(io.BytesIO(encode(codec, there, kbit_per_s)), dtype="float32")
    if len(back) > len(there):  # frames of few bits have no room for the note of LAME's delay
        back = back[MP3_DELAY:]
    back = soxr.resample(back, rate, sample_rate)[: len(sound)]
    return np.pad(back, (0, len(sound) - len(back)))


class Deformation(NamedTuple):
    """The unit and the values of its strengths, and what deforms samples by one of them.

    `apply` also takes the sample rate in Hz and a generator; where `whole`, the samples of a track,
    otherwise those of a clip.
    """

    unit: str
    strengths: tuple[Any, ...]
    apply: Callable[[Array, Any, int, np.random.Generator], Array]
    whole: bool = False


DEFORMATIONS = {
    "noise": Deformation("dB SNR", (30, 20, 10, 0), noise),
    "gain": Deformation("dB", (-20, -10, 10), lambda x, db, *_: Gain.apply(x, {"db": db})),
    "clipping": Deformation("dB", (6, 12, 20), clipping),
    "low_pass": Deformation("kHz", ((0, 8), (0, 4), (0, 2)), band),
    "band_pass": Deformation("kHz", ((0.05, 7), (0.1, 5), (0.3, 3.4)), band),
    "equaliser": Deformation("dB", (3, 6, 12), equaliser),
    "mp3": Deformation("kbit/s", (64, 32, 16), partial(coded, "mp3"), whole=True),
    "opus": Deformation("kbit/s", (64, 32, 16), partial(coded, "opus"), whole=True),
    "pitch_shift": Deformation(
        "semitones", (-4, -2, 2, 4), lambda x, by, *_: PitchShift.apply(x, {"semitones": by})
    ),
    "time_stretch": Deformation(
        "x tempo", (0.8, 0.9, 1.1, 1.25), lambda x, rate, *_: TimeStretch.apply(x, {"rate": rate})
    ),
    "start": Deformation(  # clips end in the next one, and the last one in the track's beginning
        "s later", (0.1, 0.25, 0.5), lambda x, s, rate, _: np.roll(x, -round(s * rate)), whole=True
    ),
}


def label(strength: Any) -> str:
    """A strength as text: 10, or 0.3-3.4."""
    return "-".join(f"{each:g}" for each in np.atleast_1d(strength))


def deform(clips: Array, way: Way, sample_rate: int, seed: int, track_id: str) -> Array:
    """Deform the clips of a track: float32, shape (clips, samples), and so is the result.

    What is drawn follows from the seed, the track, the clip and the way alone.
    """
    name, strength = way
    kind = DEFORMATIONS[name]
    deformed = [
        kind.apply(
            sound, strength, sample_rate, generator(seed, track_id, str(number), *map(str, way))
        )
        for number, sound in enumerate(clips.reshape(1, -1) if kind.whole else clips)
    ]
    return np.reshape(deformed, clips.shape).astype(np.float32)


def ways_of(names: Sequence[str]) -> list[Way]:
    """Every strength of the deformations with these names.

    Raises
    ------
    PipelineError
        There is no such deformation.
    """
    for name in names:
        if name not in DEFORMATIONS:
            raise PipelineError(f"--only {name}: should be {one_of(DEFORMATIONS)}")
    kinds = DEFORMATIONS.items()
    return [(name, each) for name, kind in kinds if name in names for each in kind.strengths]


@dataclass(frozen=True)
class DeformTrack:
    """Computes features of the clips of a track, as they are and deformed in each of `ways`."""

    ways: Sequence[Way]
    features: Mapping[str, Feature]
    sample_rate: int
    seed: int

    def __call__(self, job: Job) -> dict[str, Array]:
        """Return the rows of each feature, shape (1 + ways, clips, ...), the clean ones first."""
        clips, rate = from_pcm(job.load()), self.sample_rate
        deformed = (deform(clips, way, rate, self.seed, job.track_id) for way in self.ways)
        rows: dict[str, list[Array]] = {name: [] for name in self.features}
        for sounds in chain([clips], deformed):  # one by one: all would fill the memory
            for name, row_of in self.features.items():
                rows[name].append(
                    np.concatenate([row_of(each[np.newaxis], rate) for each in sounds])
                )
        return {name: np.stack(parts) for name, parts in rows.items()}


def judge_deformed(
    revisions: Sequence[Revision], ways: Sequence[Way], count: int | None, seed: int
) -> list[Row]:
    """Have each clip judged, clean and deformed, by the models of the folds that tested it.

    Parameters
    ----------
    revisions : sequence of Revision
    ways : sequence of Way
    count : int or None
        How many tracks to draw, of each genre the same share; None for all.
    seed : int
        Of that draw, and of the deformations.

    Returns
    -------
    list of dict
        One for the clean clips of each revision, then one for each way and revision: the accuracy
        of the tracks with its 95 % interval, and what `PAIRED` has of it minus that of the clean.

    Raises
    ------
    PipelineError
        The revisions are not comparable, something of them is not at hand, a feature is the user's
        own, or the models do not predict of the clean clips what the revision recorded.
    """
    require_comparable(revisions)
    with Store(CLIPS) as store:
        sound = store.description
    tables = read_clips(revisions)
    track_ids = draw_tracks(tables[0], count, seed)
    runs = [
        _load(revision, table.take(np.isin(table.track_ids, track_ids)), sound)
        for revision, table in zip(revisions, tables, strict=True)
    ]
    features = {repr(run.feature): run.feature for run in runs}  # of several runs, computed once
    known = {job.track_id: job for job in jobs_of(CLIPS)}
    jobs = [known[track_id] for track_id in track_ids if track_id in known]
    if len(jobs) < len(track_ids):
        raise PipelineError(f"{CLIPS} lacks tracks of {revisions[0].name}; run `dvc repro`")
    recipe = DeformTrack(ways, features, sound["sample_rate"], seed)
    with closing(map_tracks(recipe, jobs, total=len(jobs), label="deform")) as computed:
        for rows, *parts in zip(computed, *(run.recorded.by_track() for run in runs), strict=True):
            for run, (track_id, recorded) in zip(runs, parts, strict=True):
                run.predict(track_id, recorded, rows[repr(run.feature)])
    return [row for side in zip(*(run.results(ways) for run in runs), strict=True) for row in side]


def draw_tracks(clips: Predictions, count: int | None, seed: int) -> list[str]:
    """Draw tracks from a table of clips, of each genre the same share; sorted."""
    names, first = np.unique(clips.track_ids, return_index=True)
    drawn = np.lexsort((generator(seed, "tracks").random(len(names)), clips.actual[first]))
    count = min(count or len(names), len(names))
    return sorted(names[drawn[np.arange(count) * len(names) // count]].tolist())


@dataclass(frozen=True)
class _Run:
    """A revision, its table of the chosen clips, its models by fold, and what these predict.

    Each of `chances` is of a track: shape (1 + ways, clips of all folds, genres).
    """

    revision: Revision
    recorded: Predictions
    models: dict[int, Models]
    feature: Feature
    chances: list[Array] = field(default_factory=list)

    def predict(self, track_id: str, recorded: Predictions, rows: Array) -> None:
        """Predict the rows of a track, as `DeformTrack` makes them."""
        flat = rows.reshape(-1, *rows.shape[2:])
        folds = [predict_clips(self.models[fold], flat) for fold in np.unique(recorded.folds)]
        chances = np.concatenate([each.reshape(*rows.shape[:2], -1) for each in folds], axis=1)
        clean, expected = chances[0], recorded.probabilities
        if clean.shape != expected.shape or np.abs(clean - expected).max() > CLOSE:
            raise PipelineError(
                f"the clean clips of {track_id} do not give what {self.revision.name} recorded: "
                f"{CLIPS} or its models are of another run; run `dvc repro`"
            )
        self.chances.append(chances)

    def results(self, ways: Sequence[Way]) -> Iterator[Row]:
        """Yield this run's rows of `judge_deformed`."""
        judged = []
        for chances in np.concatenate(self.chances, axis=1):
            clips = replace(self.recorded, probabilities=chances, predicted=chances.argmax(axis=1))
            voted = voted_tracks(by_level(clips), self.revision.parameters["evaluate.vote"])
            judged.append(outcomes(voted))
        losses, named = [None, *differences(judged[0], judged[1:])], [(CLEAN, ""), *ways]
        for (name, strength), tracks, loss in zip(named, judged, losses, strict=True):
            low, high = accuracy_interval(tracks.correct, tracks.groups)
            yield {
                "revision": self.revision.name,
                "deformation": name,
                "strength": label(strength) if loss else "",
                "unit": DEFORMATIONS[name].unit if loss else "",
                "tracks": len(tracks.track_ids),
                "accuracy": float(tracks.correct.mean()),
                "low": low,
                "high": high,
                "loss": loss and {each: getattr(loss, each) for each in PAIRED},
            }


def _load(revision: Revision, recorded: Predictions, sound: Mapping[str, Any]) -> _Run:
    """Read the models of a revision; `sound` describes the clips in the workspace."""
    models = _read_models(revision)
    described = models[0][1]
    feature = described_feature(described.store)
    if feature is None:
        raise PipelineError(
            f"{revision.name}: {described.feature!r} is a feature of your own, which cannot be "
            "computed from deformed sound"
        )
    by_fold: dict[int, Models] = {each.fold: [(model, each)] for model, each in models}
    same = all(described.store.get(key) == sound[key] for key in ("sample_rate", "seconds"))
    if not same or by_fold.keys() != set(range(revision.split["folds"])):
        raise PipelineError(
            f"{revision.name}: its models were trained on other folds, or on other clips than "
            f"those in {CLIPS}; run `dvc repro`"
        )
    return _Run(revision, recorded, by_fold, feature)


def _read_models(revision: Revision) -> Models:
    if not revision.commit:
        return load_models(TRAINED)
    with TemporaryDirectory() as folder:
        for fold in range(revision.split["folds"]):
            name = f"fold-{fold}.keras"
            Path(folder, name).write_bytes(read_output(revision, TRAINED / name))
        return load_models(Path(folder))
