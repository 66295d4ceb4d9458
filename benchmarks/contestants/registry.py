"""The contestants by name, and the packages that each of them needs."""

import importlib
import importlib.util
import os
from dataclasses import dataclass

from benchmarks.tasks import Contestant

INSTALL = "pip install -e '.[bench]'"


@dataclass(frozen=True)
class Entry:
    """One contestant.

    Attributes:
      module: its file in benchmarks.contestants.
      cls: its class in that file.
      packages: what must be importable.
      keras_backend: the value of KERAS_BACKEND in its process, for Keras.
      own_recipe: whether it trains with its own schedule; the parity check then covers the model
        but not the updates.
      what: a description in one line.
    """

    module: str
    cls: str
    packages: tuple[str, ...] = ()
    keras_backend: str | None = None
    own_recipe: bool = False
    what: str = ""

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


def _flax(module: str, cls: str, what: str, own_recipe: bool = False) -> Entry:
    return Entry(module, cls, ("flax",), own_recipe=own_recipe, what=what)


def _torch(module: str, cls: str, what: str) -> Entry:
    return Entry(module, cls, ("torch",), what=what)


def _keras(backend: str, what: str) -> Entry:
    return Entry("keras_fit", "KerasFit", ("keras", backend), keras_backend=backend, what=what)


CONTESTANTS = {
    "flax": _flax("flax_scan", "FlaxScan", "jaxae's own path: a compiled epoch"),
    "flax-again": _flax("flax_scan", "FlaxScan", "flax under a second name, to show the noise"),
    "flax-loop": _flax("flax_loop", "FlaxLoop", "jaxae's compiled step, called from Python"),
    "flax-onecycle": _flax(
        "flax_scan", "FlaxOneCycle", "jaxae's fast recipe, for time-to-loss", own_recipe=True
    ),
    "flax-nojit": _flax("flax_loop", "FlaxNoJit", "ablation: nothing is compiled"),
    "flax-jit": _flax("flax_loop", "FlaxJit", "ablation: each step is compiled"),
    "flax-donate": _flax("flax_loop", "FlaxLoop", "ablation: flax-jit with a donated state"),
    "flax-device": _flax(
        "flax_loop", "FlaxDevice", "ablation: flax-donate with the images on the device"
    ),
    "equinox": Entry("equinox_scan", "EquinoxScan", ("equinox",), what="Equinox: a compiled epoch"),
    "torch-eager": _torch("torch_eager", "TorchEager", "PyTorch, eager, as fast as it goes"),
    "torch-tensors": _torch("torch_loader", "TorchTensors", "ablation: Adam is not fused"),
    "torch-loader": _torch(
        "torch_loader", "TorchLoader", "PyTorch with a DataLoader, as in the lecture"
    ),
    "torch-compile": _torch(
        "torch_compile", "TorchCompile", "PyTorch with compiled loss and gradient"
    ),
    "keras-jax": _keras("jax", "Keras's fit on JAX"),
    "keras-torch": _keras("torch", "Keras's fit on PyTorch, eager"),
    "keras-tensorflow": _keras("tensorflow", "Keras's fit on TensorFlow"),
}


def library(name: str) -> str:
    """The library that a framework, or a limit, computes with: jax, torch or tensorflow.

    It follows from the name, not from what is imported: Keras imports JAX on any backend.
    """
    backend = CONTESTANTS[name].keras_backend if name in CONTESTANTS else None
    return backend or ("torch" if "torch" in name else "jax")


def load(name: str) -> type[Contestant]:
    """Import a contestant's class; for Keras, also select the backend of this process.

    Raises:
      ValueError: the name is unknown, or a package is not installed.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"unknown framework {name!r}; expected one of {', '.join(CONTESTANTS)}")
    entry = CONTESTANTS[name]
    if entry.missing:
        raise ValueError(f"{name} needs {', '.join(entry.missing)}: {INSTALL}")
    if entry.keras_backend:
        os.environ["KERAS_BACKEND"] = entry.keras_backend
    module = importlib.import_module(f"benchmarks.contestants.{entry.module}")
    cls: type[Contestant] = getattr(module, entry.cls)
    return cls
