"""GPUs, as Keras' backend sees them: their names, what they are, and whether they have bfloat16."""

from importlib import import_module

import keras

AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs that compute in bfloat16


def gpus() -> list[str]:
    """Names of the GPUs, for `keras.device`."""
    if keras.backend.backend() == "torch":  # of which Keras lists no devices
        count = import_module("torch").cuda.device_count()
        return [f"cuda:{number}" for number in range(count)]
    devices = map(str.lower, keras.distribution.list_devices())
    return [device for device in devices if device.startswith(("gpu", "cuda"))]


def gpu_facts(number: int) -> tuple[str, bool]:
    """What a GPU is called, and whether it computes in bfloat16.

    Where the backend does not tell its compute capability, it counts as one that does not.
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
