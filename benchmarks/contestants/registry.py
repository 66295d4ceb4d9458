"""Which contestants there are, and what each needs to be installed."""

import importlib
import importlib.util
import os
from dataclasses import dataclass

from benchmarks.contestants.base import Contestant


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
    """

    module: str
    cls: str
    packages: tuple[str, ...]
    install: str = "pip install -e '.[bench]'"
    keras_backend: str | None = None
    own_recipe: bool = False

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


CONTESTANTS = {
    "flax": Entry("flax_scan", "FlaxScan", ("flax",)),
    # The same again, under another name: rows that differ by chance alone.
    "flax-again": Entry("flax_scan", "FlaxScan", ("flax",)),
    "flax-loop": Entry("flax_loop", "FlaxLoop", ("flax",)),
    "flax-onecycle": Entry("flax_scan", "FlaxOneCycle", ("flax",), own_recipe=True),
    "flax-nojit": Entry("flax_ladder", "FlaxNoJit", ("flax",)),
    "flax-jit": Entry("flax_ladder", "FlaxJit", ("flax",)),
    "flax-donate": Entry("flax_ladder", "FlaxDonate", ("flax",)),
    "flax-device": Entry("flax_ladder", "FlaxDevice", ("flax",)),
    "equinox": Entry("equinox_scan", "EquinoxScan", ("equinox",)),
    "torch-eager": Entry("torch_eager", "TorchEager", ("torch",)),
    "torch-tensors": Entry("torch_loader", "TorchTensors", ("torch",)),
    "torch-loader": Entry("torch_loader", "TorchLoader", ("torch",)),
    "torch-compile": Entry("torch_compile", "TorchCompile", ("torch",)),
    "keras-jax": Entry("keras_fit", "KerasFit", ("keras",), keras_backend="jax"),
    "keras-torch": Entry("keras_fit", "KerasFit", ("keras", "torch"), keras_backend="torch"),
    "keras-tensorflow": Entry(
        "keras_fit", "KerasFit", ("keras", "tensorflow"), keras_backend="tensorflow"
    ),
}


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
