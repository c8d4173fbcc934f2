"""Which arithmetic to train with: float32, or half precision where the processor computes it."""

from pathlib import Path

import keras

POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def resolve(precision: str) -> str:
    """`auto` as bfloat16 where the hardware computes in it, float32 elsewhere; else itself."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_gpu() or BFLOAT16_FLAGS & _processor_flags() else "float32"


def has_gpu() -> bool:
    """Whether Keras' backend computes on a GPU."""
    devices = keras.distribution.list_devices()
    return any(device.lower().startswith(("gpu", "cuda")) for device in devices)


def _processor_flags() -> set[str]:
    """Instruction sets by Linux' names; none where /proc/cpuinfo does not exist."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {
        flag for line in lines if line.startswith("flags") for flag in line.split(":")[1].split()
    }
