"""The contestants by name; a new one is a file and an entry here."""

import importlib
import os
from typing import Any

from benchmarks.contestants.entry import Entry
from benchmarks.tasks import Contestant, Task
from benchmarks.tasks.suite import (
    EVERY_SLOW,
    EVERY_SPARSE,
    GROWTH,
    LATENT,
    PARTS,
    STANDARD,
    TRAINING,
)

INSTALL = "pip install -e '.[bench]'"

# A persistent compilation cache makes a second start faster.
_CACHED = (*STANDARD, "cold-cached")
_RUNG = ("ladder",)
_WHOLE = (*_CACHED, *GROWTH, "ladder")


def _flax(cls: str, module: str = "flax_scan", **traits: Any) -> Entry:
    return Entry(module=module, cls=cls, packages=("flax",), library="jax", **traits)


def _torch(cls: str, module: str = "torch_eager", **traits: Any) -> Entry:
    return Entry(module=module, cls=cls, packages=("torch",), library="torch", **traits)


def _keras(cls: str, backend: str, what: str, **traits: Any) -> Entry:
    return Entry(
        module={"KerasFit": "keras_fit", "KerasTuned": "keras_tuned"}[cls],
        cls=cls,
        packages=("keras", backend),
        library=backend,
        group="fit",
        what=what,
        environment={"KERAS_BACKEND": backend},
        **traits,
    )


CONTESTANTS = {
    "flax": _flax(
        "FlaxScan",
        group="epoch",
        what="jaxae's own path: a compiled epoch",
        tasks=(*_WHOLE, *(f"{part}-*" for part in PARTS)),
        after="flax-device",
        quick=True,
        often=True,
    ),
    "flax-again": _flax(
        "FlaxScan",
        group="epoch",
        what="flax under a second name, to show the noise",
        tasks=("train", *LATENT),
    ),
    "flax-loop": _flax(
        "FlaxLoop",
        "flax_loop",
        group="step",
        what="jaxae's compiled step, called from Python; encodes as flax does",
        tasks=TRAINING,
    ),
    "flax-onecycle": _flax(
        "FlaxOneCycle",
        group="epoch",
        what="jaxae's fast recipe, for time-to-loss",
        tasks=("time-to-loss",),
        own_recipe=True,
        often=True,
    ),
    "flax-nojit": _flax(
        "FlaxNoJit",
        "flax_ladder",
        group="eager",
        what="ablation: nothing is compiled",
        tasks=_RUNG,
    ),
    "flax-jit": _flax(
        "FlaxJit",
        "flax_ladder",
        group="step",
        what="ablation: each step is compiled",
        tasks=_RUNG,
        after="flax-nojit",
    ),
    "flax-donate": _flax(
        "FlaxLoop",
        "flax_loop",
        group="step",
        what="ablation: flax-jit with a donated state",
        tasks=_RUNG,
        after="flax-jit",
    ),
    "flax-device": _flax(
        "FlaxDevice",
        "flax_ladder",
        group="step",
        what="ablation: flax-donate with the images on the device",
        tasks=_RUNG,
        after="flax-donate",
    ),
    "equinox": Entry(
        module="equinox_scan",
        cls="EquinoxScan",
        packages=("equinox",),
        library="jax",
        group="epoch",
        what="Equinox: a compiled epoch",
        tasks=_CACHED,
        quick=True,
        often=True,
    ),
    "torch-eager": _torch(
        "TorchEager",
        group="eager",
        what="PyTorch, eager, as fast as it goes",
        tasks=(*STANDARD, *GROWTH, "ladder"),
        after="torch-tensors",
        quick=True,
        often=True,
    ),
    "torch-tensors": _torch(
        "TorchTensors",
        "torch_loader",
        group="eager",
        what="ablation: Adam is not fused",
        tasks=_RUNG,
        after="torch-loader",
    ),
    "torch-loader": _torch(
        "TorchLoader",
        "torch_loader",
        group="eager",
        what="PyTorch with a DataLoader, as in the lecture; encodes as torch-eager does",
        tasks=(*TRAINING, "cold", "ladder"),
        often=True,
    ),
    "torch-compile": _torch(
        "TorchCompile",
        "torch_compile",
        group="step",
        what="PyTorch with compiled loss and gradient",
        tasks=(*TRAINING, "cold", "cold-cached", "ladder"),
        after="torch-eager",
    ),
    "keras-jax": _keras("KerasFit", "jax", "Keras's fit on JAX", tasks=_CACHED, quick=True),
    "keras-torch": _keras("KerasFit", "torch", "Keras's fit on PyTorch, eager"),
    "keras-tensorflow": _keras("KerasFit", "tensorflow", "Keras's fit on TensorFlow"),
    "plain-jax": Entry(
        module="plain_jax",
        cls="PlainJax",
        packages=("jax",),
        library="jax",
        group="epoch",
        what="plain JAX: what Flax's NNX costs",
        tasks=_CACHED,
    ),
    "linen": Entry(
        module="linen_scan",
        cls="LinenScan",
        packages=("flax",),
        library="jax",
        group="epoch",
        what="flax.linen: a compiled epoch",
        tasks=_CACHED,
    ),
    "tensorflow": Entry(
        module="tensorflow_epoch",
        cls="TensorFlowEpoch",
        packages=("tensorflow",),
        library="tensorflow",
        group="epoch",
        what="TensorFlow: a compiled epoch",
    ),
    "numpy": Entry(
        module="numpy_only",
        cls="NumpyOnly",
        packages=("numpy",),
        library="numpy",
        group="eager",
        what="NumPy in float32",
    ),
    "torch-onecycle": _torch(
        "TorchOneCycle",
        group="eager",
        what="torch-eager with jaxae's fast recipe, for time-to-loss",
        tasks=("time-to-loss",),
        own_recipe=True,
        often=True,
    ),
    "keras-jax-tuned": _keras("KerasTuned", "jax", "x"),
    "keras-torch-tuned": _keras("KerasTuned", "torch", "x"),
    "keras-tensorflow-tuned": _keras("KerasTuned", "tensorflow", "x"),
}


def _chain(name: str) -> tuple[str, ...]:
    before = CONTESTANTS[name].after
    return (*_chain(before), name) if before else (name,)


# Ablations, from the slowest contestant to the fastest; each entry changes one thing.
LADDERS = tuple(
    _chain(name)
    for name, entry in CONTESTANTS.items()
    if entry.after and all(other.after != name for other in CONTESTANTS.values())
)
QUICK_FRAMEWORKS = tuple(name for name, entry in CONTESTANTS.items() if entry.quick)


def applies(task: Task, name: str) -> bool:
    """Whether a contestant, or a limit, takes part in a task."""
    if name == "limit-copy":
        return task.name == "encode"
    if name.startswith("limit-"):
        return task.kind in ("train", "step", "encode", "decode")
    return CONTESTANTS[name].takes_part_in(task)


def due(task: Task, name: str, number: int) -> bool:
    """Whether to measure a contestant in round `number`, which counts from 0."""
    if not applies(task, name):
        return False
    every = EVERY_SPARSE if task.sparse else 1
    if task.kind in ("time-to-loss", "cold") and not CONTESTANTS[name].often:
        every = EVERY_SLOW
    return number % every == 0


def library(name: str) -> str:
    """The module that a contestant, or a limit, computes with."""
    if name == "limit-copy":
        return "numpy"
    return CONTESTANTS[name].library if name in CONTESTANTS else name.removeprefix("limit-")


def load(name: str) -> type[Contestant]:
    """Import a contestant's class, after setting the environment that it needs.

    Raises:
      ValueError: the name is unknown, or a package is not installed.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"unknown framework {name!r}; expected one of {', '.join(CONTESTANTS)}")
    entry = CONTESTANTS[name]
    if entry.missing:
        raise ValueError(f"{name} needs {', '.join(entry.missing)}: {INSTALL}")
    os.environ |= entry.environment
    inside = "" if "." in entry.module else "benchmarks.contestants."
    cls: type[Contestant] = getattr(importlib.import_module(inside + entry.module), entry.cls)
    return cls
