"""What computes, and which arithmetic it trains with: half precision where it has the units."""

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras

from models.gpu import gpu_facts, gpus
from pipeline.fingerprint import version_of

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
    able = gpu_facts()[1] if gpus() else BFLOAT16_FLAGS & _processor_flags()
    return "bfloat16" if able else "float32"


def device_for(fold: int) -> AbstractContextManager[Any]:
    """Where the fold trains: GPUs take turns; without one, where the backend likes."""
    names = gpus()
    return keras.device(names[fold % len(names)]) if names else nullcontext()


def machine_facts(precision: str) -> dict[str, Any]:
    """What a training's last digits depend on besides its seed, for its metrics."""
    backend = keras.backend.backend()
    return {
        "precision": resolve(precision),
        "backend": backend,
        "backend_version": version_of(backend),
        "threads": 1,
        "processor": gpu_facts()[0] if gpus() else processor(),
    }


def processor() -> str:
    """Name of the processor; what Python knows of it where Linux tells nothing."""
    return next(_processor_facts("model name"), platform.processor() or platform.machine())


def _processor_flags() -> set[str]:
    """Instruction sets by Linux' names; none where /proc/cpuinfo does not exist."""
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
