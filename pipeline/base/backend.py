"""Keras without the start-up messages of its backend, and the hardware that it computes on.

The environment variable KERAS_BACKEND chooses the backend. A user's own `keras.json` is ignored, as
the address of a result would not know of it.
"""

import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.base.files import version_of

DEFAULTS = {  # of environment variables
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Several processes may share one GPU: take its memory only as it is needed.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "KERAS_BACKEND": "tensorflow",
}
# By default TensorFlow computes with oneDNN only on processors with the newest instructions. On
# others, a training step takes up to twice as long without. It is no choice of the user's, as the
# last bits of a result follow from it.
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs that compute in bfloat16
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # of processors that do
LIBRARIES = ("keras", "librosa", "numpy", "soundfile")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to stderr; TensorFlow offers no switch for it."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.update(DEFAULTS | os.environ | ONEDNN)
with quiet_stderr():
    try:
        import keras
    except (ImportError, ValueError) as error:
        backend = os.environ["KERAS_BACKEND"]
        sys.exit(f"error: Keras does not start with the backend {backend!r}: {error}")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of tracing each fold anew

__all__ = ["keras"]


def resolve(precision: str, fold: int = 0, *, needs_float32: bool = False) -> str:
    """Return the precision of a fold; `auto` is bfloat16 if its hardware computes in it.

    Otherwise, and on a processor if the network `needs_float32`, it is float32.
    """
    if precision != "auto":
        return precision
    names = gpus()
    if names:
        able = gpu_facts(fold % len(names))[1]
    else:
        able = not needs_float32 and bool(BFLOAT16_FLAGS & _processor_flags())
    return "bfloat16" if able else "float32"


def device_for(fold: int) -> AbstractContextManager[Any]:
    """Use the device that trains a fold: GPUs in turn, or the backend's default without any."""
    names = gpus()
    return keras.device(names[fold % len(names)]) if names else nullcontext()


def machine_facts(precision: str, fold: int = 0, *, needs_float32: bool = False) -> dict[str, Any]:
    """Everything besides the seed that can change the last digits of a training."""
    backend, names = keras.backend.backend(), gpus()
    return {
        "precision": resolve(precision, fold, needs_float32=needs_float32),
        "backend": backend,
        "backend_version": version_of(backend),
        "threads": 1,
        "processor": gpu_facts(fold % len(names))[0] if names else processor(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that sound, features and networks come from."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}


def processor() -> str:
    """Name of the processor, with its family and model, as several generations may share a name.

    On other systems than Linux, it is the name that Python knows.
    """
    name = next(_processor_facts("model name"), platform.processor() or platform.machine())
    family, model = (next(_processor_facts(key), "") for key in ("cpu family", "model"))
    return f"{name} (family {family} model {model})" if family and model else name


def _processor_flags() -> set[str]:
    """Instruction sets, as Linux names them; none where /proc/cpuinfo does not exist."""
    return {flag for flags in _processor_facts("flags") for flag in flags.split()}


def _processor_facts(name: str) -> Iterator[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            yield value.strip()


def gpus() -> list[str]:
    """Names of the GPUs, for `keras.device`."""
    if keras.backend.backend() == "torch":  # Keras does not list its devices
        count = import_module("torch").cuda.device_count()
        return [f"cuda:{number}" for number in range(count)]
    devices = map(str.lower, keras.distribution.list_devices())
    return [device for device in devices if device.startswith(("gpu", "cuda"))]


def gpu_facts(number: int) -> tuple[str, bool]:
    """Name of a GPU, and whether it computes in bfloat16.

    It counts as one that does not if the backend does not know its compute capability.
    """
    name, capability = _FACTS[keras.backend.backend()](number)
    return name, capability >= AMPERE


def _tensorflow(number: int) -> tuple[str, tuple[int, ...]]:
    config = import_module("tensorflow").config
    details = config.experimental.get_device_details(config.list_physical_devices("GPU")[number])
    return details.get("device_name", "GPU"), tuple(details.get("compute_capability", ()))


def _jax(number: int) -> tuple[str, tuple[int, ...]]:
    device = import_module("jax").devices()[number]
    capability = getattr(device, "compute_capability", "")
    return device.device_kind, tuple(int(part) for part in capability.split(".") if part)


def _torch(number: int) -> tuple[str, tuple[int, ...]]:
    cuda = import_module("torch").cuda
    return cuda.get_device_name(number), tuple(cuda.get_device_capability(number))


_FACTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
