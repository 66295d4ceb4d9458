"""Which contestants there are, and what each needs to be installed."""

import importlib
import importlib.util
import os
from dataclasses import dataclass

from benchmarks.tasks import Contestant


@dataclass(frozen=True)
class Entry:
    """Where a contestant lives and what it needs.

    Attributes:
      module: its file, below benchmarks.contestants.
      cls: its class in there.
      packages: what must be importable.
      install: the command that installs it.
      own_recipe: whether it trains under a schedule of its own; then its model must agree with the
        reference, its updates need not.
      keras_backend: what KERAS_BACKEND must say in its process, if it is one of Keras's.
      what: what it is, in a line.
    """

    module: str
    cls: str
    packages: tuple[str, ...]
    install: str = "pip install -e '.[bench]'"
    keras_backend: str | None = None
    own_recipe: bool = False
    what: str = ""

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


CONTESTANTS = {
    "flax": Entry("flax_scan", "FlaxScan", ("flax",), what="jaxae's own path, an epoch compiled"),
    "flax-again": Entry(
        "flax_scan", "FlaxScan", ("flax",), what="the same under another name, to show the noise"
    ),
    "flax-loop": Entry(
        "flax_loop", "FlaxLoop", ("flax",), what="jaxae's compiled step, called from Python"
    ),
    "flax-onecycle": Entry(
        "flax_scan",
        "FlaxOneCycle",
        ("flax",),
        own_recipe=True,
        what="jaxae's fast recipe, for the time to a loss",
    ),
    "flax-nojit": Entry("flax_ladder", "FlaxNoJit", ("flax",), what="a rung: nothing compiled"),
    "flax-jit": Entry("flax_ladder", "FlaxJit", ("flax",), what="a rung: each step compiled"),
    "flax-donate": Entry(
        "flax_ladder", "FlaxDonate", ("flax",), what="a rung: flax-jit with its state donated"
    ),
    "flax-device": Entry(
        "flax_ladder", "FlaxDevice", ("flax",), what="a rung: flax-donate with images on the device"
    ),
    "equinox": Entry("equinox_scan", "EquinoxScan", ("equinox",), what="Equinox, epoch compiled"),
    "torch-eager": Entry(
        "torch_eager", "TorchEager", ("torch",), what="PyTorch, eager, at its best"
    ),
    "torch-tensors": Entry(
        "torch_loader", "TorchTensors", ("torch",), what="a rung: without a fused Adam"
    ),
    "torch-loader": Entry(
        "torch_loader", "TorchLoader", ("torch",), what="PyTorch with a DataLoader, the lecture's"
    ),
    "torch-compile": Entry(
        "torch_compile", "TorchCompile", ("torch",), what="PyTorch, loss and gradient compiled"
    ),
    "keras-jax": Entry(
        "keras_fit", "KerasFit", ("keras",), keras_backend="jax", what="Keras's fit on JAX"
    ),
    "keras-torch": Entry(
        "keras_fit",
        "KerasFit",
        ("keras", "torch"),
        keras_backend="torch",
        what="Keras's fit on PyTorch, eager",
    ),
    "keras-tensorflow": Entry(
        "keras_fit",
        "KerasFit",
        ("keras", "tensorflow"),
        keras_backend="tensorflow",
        what="Keras's fit on TensorFlow",
    ),
}


def library(name: str) -> str:
    """The library that a framework, or a limit, computes by: jax, torch or tensorflow.

    By name, not by what is imported: Keras imports JAX whatever its backend.
    """
    backend = CONTESTANTS[name].keras_backend if name in CONTESTANTS else None
    return backend or ("torch" if "torch" in name else "jax")


def load(name: str) -> type[Contestant]:
    """Import a contestant's class; a Keras one settles this process's backend.

    Raises:
      ValueError: there is none of that name, or a package of its is missing.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"unknown framework {name!r}; expected of {', '.join(CONTESTANTS)}")
    entry = CONTESTANTS[name]
    if entry.missing:
        raise ValueError(f"{name} needs {', '.join(entry.missing)}: {entry.install}")
    if entry.keras_backend:
        os.environ["KERAS_BACKEND"] = entry.keras_backend
    module = importlib.import_module(f"benchmarks.contestants.{entry.module}")
    cls: type[Contestant] = getattr(module, entry.cls)
    return cls
