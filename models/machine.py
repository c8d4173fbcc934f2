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


def resolve(precision: str, fold: int = 0) -> str:
    """`auto` as bfloat16 where the fold's hardware computes in it, else as float32; else itself."""
    if precision != "auto":
        return precision
    names = gpus()
    able = gpu_facts(fold % len(names))[1] if names else BFLOAT16_FLAGS & _processor_flags()
    return "bfloat16" if able else "float32"


def device_for(fold: int) -> AbstractContextManager[Any]:
    """Where the fold trains: on one GPU after the other; without any, where the backend likes."""
    names = gpus()
    return keras.device(names[fold % len(names)]) if names else nullcontext()


def machine_facts(precision: str, fold: int = 0) -> dict[str, Any]:
    """What a training's last digits depend on besides its seed, for its metrics."""
    backend, names = keras.backend.backend(), gpus()
    return {
        "precision": resolve(precision, fold),
        "backend": backend,
        "backend_version": version_of(backend),
        "threads": 1,
        "processor": gpu_facts(fold % len(names))[0] if names else processor(),
    }


def processor() -> str:
    """Name of the processor, with its family and model, as several generations may share a name.

    What Python knows of it where Linux tells nothing.
    """
    name = next(_processor_facts("model name"), platform.processor() or platform.machine())
    family, model = (next(_processor_facts(key), "") for key in ("cpu family", "model"))
    return f"{name} (family {family} model {model})" if family and model else name


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
