"""`Classifier`: what saved models predict for a file or for samples; and their mean as one file.

Such a file holds the weights as constants: TensorFlow's converters read no others rightly.
"""

import math
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import FULL_SCALE, SegmentParams, from_pcm
from pipeline.audio.decode import open_clips
from pipeline.base.backend import keras, quiet_stderr
from pipeline.base.errors import PipelineError
from pipeline.base.files import TRAINED
from pipeline.base.params import choice, parse
from pipeline.base.types import Array
from pipeline.evaluation.predictions import mean
from pipeline.features.mel import Mel
from pipeline.features.shared.feature import ExtractFeature, described_feature, strongest_tags
from pipeline.features.shared.spectra import hann, mel_bands
from pipeline.prediction.ensemble import Models, load_models, predict_clips
from pipeline.store.addresses import ROOT
from pipeline.training.trained import PREDICT_ROWS, Description

MOST_VALUES = 1 << 22  # of a row, so that a batch of them takes 1 GiB
ONNX, TFLITE = ".onnx", ".tflite"
MOST_DIFFERENCE = 1e-4  # of a probability, between an exported file and the models
FEATURES, SAMPLES, PROBABILITIES = "features", "samples", "probabilities"  # of such a file


@dataclass(frozen=True)
class Prediction:
    """The genres of a sound, as a whole and along the time.

    Attributes
    ----------
    genres : list of str
    clips : float array, shape (clips, genres)
        Probability of each genre in each clip.
    clip_seconds : float
        Length of a clip.
    seconds : float
        Length of the sound. Its last clip is padded, or leaves less than half a clip out.
    tags : list of str
        The strongest ones, where the models' feature has tags.
    """

    genres: list[str]
    clips: Array
    clip_seconds: float
    seconds: float
    tags: Sequence[str] = ()

    @property
    def chances(self) -> Array:
        """Probability of each genre for the whole sound; float array, shape (genres,)."""
        return mean(self.clips)

    @property
    def genre(self) -> str:
        """The likeliest genre."""
        return self.genres[int(self.chances.argmax())]

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of each genre, by its name."""
        return dict(zip(self.genres, self.chances.tolist(), strict=True))

    @property
    def starts(self) -> Array:
        """Where each clip begins, in seconds; float array, shape (clips,)."""
        return np.arange(len(self.clips)) * float(self.clip_seconds)


class Classifier:
    """The mean of saved models, which predicts the genres of sounds.

    Parameters
    ----------
    models : sequence of (keras.Model, Description)
        As `load` reads them.

    Attributes
    ----------
    description : Description
        What the models were trained on: feature, genres, sample rate and clip length.

    Examples
    --------
    >>> classifier = Classifier.load("data/models")
    >>> song = classifier.predict("song.mp3")
    >>> song.genre, song.probabilities["jazz"]
    >>> list(zip(song.starts, song.clips))  # along the time
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self.description: Description = models[0][1]

    @classmethod
    def load(cls, path: str | os.PathLike[str] = ROOT / TRAINED) -> "Classifier":
        """Read the models of all folds in a folder, or a single model.

        Parameters
        ----------
        path : path-like
            A folder of fold-*.keras, or a .keras file; by default the folder of the repository that
            this code is in, whatever the working directory is.

        Raises
        ------
        PipelineError
            There is none, or one is damaged or cannot be used, or they were not trained on the same
            features.
        """
        return cls(load_models(Path(path), require_use))

    @property
    def genres(self) -> list[str]:
        """Genres in the order of the models' outputs."""
        return self.description.genres

    def predict(
        self, sound: str | os.PathLike[str] | Array, sample_rate: int | None = None
    ) -> Prediction:
        """Predict the genres of an audio file, or of samples.

        However long a file is, the samples and features of a few clips are in memory.

        Parameters
        ----------
        sound : path-like, or float array, shape (n,) or (n, channels)
            Full scale of samples is 1. They are mixed and resampled as those of a file are.
        sample_rate : int, optional
            Of samples, in Hz.

        Raises
        ------
        Rejection, OSError
            The sound cannot be used, such as a silent one.
        PipelineError
            The array is not one of samples, or the models were trained on a feature that cannot be
            computed here.
        """
        if not isinstance(sound, str | os.PathLike):
            return self._predict_samples(np.asarray(sound), sample_rate)
        recipe, clip_samples = recipe_of(self.description)
        clips, tags = [], []
        opened = open_clips(Path(sound), recipe.sample_rate, clip_samples, PREDICT_ROWS)
        with opened as (decoded, batches):
            for pcm in batches:
                with threadpool_limits(1):  # as `extract` computes it, to the last bit
                    rows = np.asarray(recipe(pcm).rows)
                clips.append(predict_clips(self.models, rows))
                tags.append(recipe.feature.tags(rows))
        return Prediction(
            genres=self.genres,
            clips=np.concatenate(clips),
            clip_seconds=self.description.store["seconds"],
            seconds=decoded.seconds,
            tags=strongest_tags(recipe.feature.tag_names, np.concatenate(tags)),
        )

    def _predict_samples(self, samples: Array, sample_rate: int | None) -> Prediction:
        if sample_rate is None:
            raise PipelineError("samples need their rate in Hz: predict(samples, sample_rate)")
        if (
            samples.dtype.kind != "f"
            or samples.ndim not in (1, 2)
            or samples[:1].size > len(samples)
        ):
            raise PipelineError(
                f"an array of {samples.dtype}, shape {samples.shape}: should be samples as floats "
                "of full scale 1, shape (n,) or (n, channels)"
            )
        with tempfile.TemporaryDirectory() as folder:  # so that they go the way of a file
            path = Path(folder, "samples.wav")
            soundfile.write(path, samples, sample_rate, subtype="FLOAT")
            return self.predict(path)

    def export(self, path: Path, inputs: Array, *, sound: bool = False) -> float:
        """Write the mean of the models, with its normalisation, for other programs to run.

        Parameters
        ----------
        path : Path
            Ends in .onnx or .tflite; otherwise it is the folder of a SavedModel.
        inputs : array, shape (n, ...)
            What the file is tried on before it takes its place: rows of the feature, or int16 clips
            if it takes `sound`.
        sound : bool
            Whether the file takes clips, float32 of full scale 1, shape (n, samples), instead of
            rows of the feature; for `mel` in dB alone.

        Returns
        -------
        float
            The largest difference of a probability from that of the models.

        Raises
        ------
        PipelineError
            The difference is above MOST_DIFFERENCE, or the file cannot be made here.
        """
        require_format(path)
        graph, rows, given = _graph(self.models, path, sound=sound), inputs, inputs
        if sound:
            rows, given = np.asarray(recipe_of(self.description)[0](inputs).rows), from_pcm(inputs)
        expected = predict_clips(self.models, rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
            partial = Path(folder, path.name)
            with quiet_stderr():
                run = _write(graph, partial)
                parts = np.array_split(given, -(-len(given) // PREDICT_ROWS))
                found = np.concatenate([run(part.astype(np.float32)) for part in parts])
            difference = float(np.abs(found - expected).max())
            if not difference <= MOST_DIFFERENCE:
                raise PipelineError(
                    f"{path} would differ from the models by up to {difference:.1e} in a "
                    f"probability; {MOST_DIFFERENCE:g} is the most, so it is not written"
                )
            os.replace(partial, path)
        return difference


def require_format(path: Path) -> None:
    """Check that `Classifier.export` can write `path`, as far as that is known before.

    Raises
    ------
    PipelineError
        It cannot.
    """
    if path.suffix not in (ONNX, TFLITE, ""):
        raise PipelineError(f"{path}: should end in .onnx or .tflite, or be a new folder")
    if path.is_dir() and (path.suffix or any(path.iterdir())):
        raise PipelineError(f"{path} is a folder that has something in it; name a new one")
    if keras.backend.backend() != "tensorflow":
        raise PipelineError("export needs Keras on TensorFlow; unset KERAS_BACKEND")
    missing = [name for name in ("onnxruntime", "tf2onnx") if not find_spec(name)]
    if path.suffix == ONNX and missing:
        raise PipelineError(
            f"{path} needs {missing[0]}: pip install -c requirements.lock -e '.[export]'"
        )


def _graph(models: Models, path: Path, *, sound: bool) -> Any:
    """The mean of models as a function of TensorFlow, of features or else of clips."""
    import tensorflow as tf

    shape = models[0][0].input_shape[1:]
    weights = [[(each, np.asarray(each)) for each in model.variables] for model, _ in models]
    for layer in (layer for model, _ in models for layer in model.layers):
        if isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)

    def mean_of_models(rows: Any) -> dict[str, Any]:
        outputs = []
        for (model, _), values in zip(models, weights, strict=True):
            with keras.StatelessScope([(each, tf.constant(value)) for each, value in values]):
                outputs.append(model(rows, training=False))
        return {PROBABILITIES: tf.add_n(outputs) / len(outputs)}

    if not sound:
        spec = tf.TensorSpec((None, *shape), tf.float32, FEATURES)
        return tf.function(mean_of_models, [spec], autograph=False)
    recipe, clip_samples = recipe_of(models[0][1])
    mel, rate = recipe.feature, recipe.sample_rate
    if not isinstance(mel, Mel) or mel.channels != 1:
        raise PipelineError(f"{path} can take sound for the feature mel in dB alone")
    if path.suffix == TFLITE and mel.n_fft.bit_count() > 1:
        raise PipelineError(f"{path} can take sound where n_fft is a power of two alone")

    def of_clips(samples: Any) -> dict[str, Any]:
        return mean_of_models(_mel_rows(samples, mel, rate, shape))

    spec = tf.TensorSpec((None, clip_samples), tf.float32, SAMPLES)
    return tf.function(of_clips, [spec], autograph=False)


def _mel_rows(samples: Any, mel: Mel, sample_rate: int, shape: tuple[int, ...]) -> Any:
    """The rows that `Mel` computes of clips, rounded as clips and rows are stored."""
    import tensorflow as tf

    pcm = tf.clip_by_value(tf.round(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    edge = mel.n_fft // 2
    padded = tf.pad(pcm / FULL_SCALE, [[0, 0], [edge, edge]])
    frames = tf.signal.frame(padded, mel.n_fft, mel.hop_length) * hann(mel.n_fft)
    frames = tf.reshape(frames, (-1, mel.n_fft))  # tf2onnx knows the transform of a matrix alone
    power = tf.square(tf.abs(tf.signal.rfft(frames)))
    filters = mel_bands(sample_rate, mel.n_fft, mel.n_mels, mel.fmin, mel.fmax).toarray()
    bands = tf.reshape(tf.matmul(power, filters.T), (-1, shape[1], shape[0]))
    db = tf.math.log(tf.maximum(bands, 1e-10)) * (10 / math.log(10))
    db = tf.maximum(db, tf.reduce_max(db, (1, 2), keepdims=True) - mel.top_db)
    # To the 11 bits of float16, after Veltkamp: a converter leaves out two casts in a row.
    scaled = db * (2**13 + 1)
    rounded = scaled - (scaled - db)
    return tf.reshape(tf.transpose(rounded, (0, 2, 1)), (-1, *shape))


def _write(graph: Any, path: Path) -> Callable[[Array], Array]:
    """Write a function of TensorFlow; return what runs the file."""
    import tensorflow as tf

    [spec] = graph.input_signature
    module = tf.Module()
    module.predict = graph
    if path.suffix == ONNX:
        import onnxruntime
        import tf2onnx

        tf2onnx.convert.from_function(graph, [spec], output_path=str(path))
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda given: session.run([PROBABILITIES], {spec.name: given})[0]
    if path.suffix == TFLITE:
        concrete = graph.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        path.write_bytes(converter.convert())
        with warnings.catch_warnings(action="ignore"):  # it is to move to a package of its own
            runner = tf.lite.Interpreter(str(path)).get_signature_runner()
        return lambda given: runner(**{spec.name: given})[PROBABILITIES]
    tf.saved_model.save(module, str(path), signatures=graph)
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]
    return lambda given: signature(**{spec.name: tf.constant(given)})[PROBABILITIES].numpy()


def require_use(model: Any, description: Description) -> None:
    """Check that a model takes the features that can be computed here of a file.

    Raises
    ------
    PipelineError
        It does not, or its description does not hold what has to be known.
    """
    recipe, clip_samples = recipe_of(description)
    recipe.feature.check("store.params", clip_samples, recipe.sample_rate)
    shape = recipe.feature.template(clip_samples, recipe.sample_rate).shape[1:]
    if model.input_shape != (None, *shape):
        raise PipelineError(
            f"the network takes rows of the shape {model.input_shape[1:]}, but those of the "
            f"feature {description.feature!r} have the shape {shape}"
        )
    if math.prod(shape) > MOST_VALUES:
        raise PipelineError(f"rows of {math.prod(shape)} values; {MOST_VALUES} are the most")


def recipe_of(description: Description) -> tuple[ExtractFeature, int]:
    """The recipe of the features that a model was trained on, and the length of a clip in samples.

    Raises
    ------
    PipelineError
        The feature is not one of those that can be computed here, or a parameter is wrong.
    """
    store = description.store
    feature = described_feature(store)
    if feature is None:
        raise PipelineError(
            f"the models were trained on a feature of your own, {description.feature!r}, which "
            "cannot be computed here; put the tracks into the dataset's folder unlabelled, and "
            "their rows into the feature's store"
        )
    choice(store["name"], "store.name", [description.feature])
    cut = {name: store[name] for name in ("sample_rate", "seconds") if name in store}
    sound = parse(SegmentParams, cut, "store")
    return ExtractFeature(feature, sound.sample_rate), sound.clip_samples
