"""Keras is set up by the project, not by the user's own file, and knows the hardware.

No GPU is needed, as stand-ins replace the backends.
"""

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from project import ROOT, Shell

from pipeline.base import backend as machine
from pipeline.base.backend import keras


def stand_in(monkeypatch: pytest.MonkeyPatch, backend: str, **parts: Any) -> None:
    """Replace the backend by `backend`, a module that has nothing but `parts`."""
    module = ModuleType(backend)
    vars(module).update(parts)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(machine, "import_module", {backend: module}.__getitem__)


def tensorflow(**details: Any) -> dict[str, Any]:
    experimental = SimpleNamespace(get_device_details=lambda device: details if device else None)
    return {
        "config": SimpleNamespace(
            experimental=experimental, list_physical_devices=lambda kind: [kind]
        )
    }


def jax(name: str, capability: str | None) -> dict[str, Any]:
    known = {} if capability is None else {"compute_capability": capability}
    return {"devices": lambda: [SimpleNamespace(device_kind=name, **known)]}


def torch(name: str, capability: tuple[int, int], count: int = 1) -> dict[str, Any]:
    cuda = SimpleNamespace(
        get_device_name=lambda _: name,
        get_device_capability=lambda _: capability,
        device_count=lambda: count,
    )
    return {"cuda": cuda}


@pytest.mark.parametrize(
    ("backend", "parts", "expected"),
    [
        ("tensorflow", tensorflow(device_name="H", compute_capability=(9, 0)), ("H", True)),
        ("tensorflow", tensorflow(), ("GPU", False)),
        ("jax", jax("A100", "8.0"), ("A100", True)),
        ("jax", jax("other", None), ("other", False)),
        ("torch", torch("B200", (10, 0)), ("B200", True)),
        ("torch", torch("P100", (6, 0)), ("P100", False)),
    ],
)
def test_name_and_bfloat16_of_a_gpu(
    backend: str, parts: dict[str, Any], expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, backend, **parts)
    assert machine.gpu_facts(0) == expected


def test_gpus_are_listed_by_keras_or_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = ["CPU:0", "GPU:0", "GPU:1"]
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    assert machine.gpus() == ["gpu:0", "gpu:1"]
    stand_in(monkeypatch, "torch", **torch("H200", (9, 0), 3))
    assert machine.gpus() == ["cuda:0", "cuda:1", "cuda:2"]


def test_folds_take_turns_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(keras, "device", asked.append)
    monkeypatch.setattr(machine, "gpus", lambda: ["gpu:0", "gpu:1"])
    for fold in range(3):
        machine.device_for(fold)
    assert asked == ["gpu:0", "gpu:1", "gpu:0"]
    monkeypatch.setattr(machine, "gpus", list)
    with machine.device_for(3):
        assert len(asked) == 3


def test_gpu_that_computed_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(machine, "gpu_facts", [("H200", True), ("T4", False)].__getitem__)
    facts = [machine.machine_facts("auto", fold) for fold in range(3)]
    found = [(each["processor"], each["precision"]) for each in facts]
    assert found == [("H200", "bfloat16"), ("T4", "float32"), ("H200", "bfloat16")]


@pytest.mark.parametrize(
    ("gpu", "flags", "expected"),
    [
        (None, {"avx2"}, "float32"),
        (None, {"avx2", "amx_bf16"}, "bfloat16"),
        (None, {"avx512_bf16"}, "bfloat16"),
        (("H200", True), set(), "bfloat16"),
        (("T4", False), {"avx512_bf16"}, "float32"),
    ],
)
def test_automatic_precision_follows_the_hardware(
    gpu: tuple[str, bool] | None, flags: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: ["gpu:0"] if gpu else [])
    monkeypatch.setattr(machine, "gpu_facts", lambda _: gpu)
    monkeypatch.setattr(machine, "_processor_flags", lambda: flags)
    assert machine.resolve("auto") == expected
    assert machine.resolve("float16") == "float16"


SHOW = """
from pipeline.base.backend import keras
config = keras.config
print(config.backend(), config.floatx(), config.epsilon(), config.image_data_format())
"""


def test_the_users_file_of_keras_has_no_part_in_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"backend": "torch", "floatx": "float64", "epsilon": 0.1}
    settings["image_data_format"] = "channels_first"
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    shown = Shell(ROOT, KERAS_HOME=str(tmp_path)).run("python", "-c", SHOW).splitlines()[-1]
    assert shown.split() == ["tensorflow", "float32", "1e-07", "channels_last"]
