"""The sweeps: each varies one setting of a training and keeps all others fixed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # A worker imports this file before it sets its environment.
    from benchmarks.measuring.results import Results
    from benchmarks.stats import Points
    from jaxae.config import Precision

# A multiple of every batch size, so that no step is padded.
_IMAGES = 16_384


@dataclass(frozen=True)
class Point:
    """One training, in fresh processes.

    Attributes:
      images: number of training images, the first of MNIST's, repeated if there are fewer.
      batch: batch size over all devices.
      hidden: units in each hidden layer.
      devices: number of devices of each process; a CPU is made to look like several.
      processes: number of processes on this machine, joined over the loopback network.
      precision: of the products; parameters and optimizer are always float32.
    """

    images: int = _IMAGES
    batch: int = 128
    hidden: int = 512
    devices: int = 1
    processes: int = 1
    precision: "Precision" = "float32"

    @property
    def epochs(self) -> int:
        """One epoch to warm up, and the timed ones: more of them where they are short."""
        return 1 + min(12, max(3, 3 * _IMAGES // self.images))

    @property
    def steps(self) -> int:
        """Steps per epoch, including a short last one."""
        return -(-self.images // self.batch)


@dataclass(frozen=True)
class Sweep:
    """Points that differ in one setting.

    Attributes:
      name: the setting, a field of `Point`.
      title: the setting in words.
      values: its values.
      quick: the values that `--quick` measures.
      unit: one unit of it, if the cost can be split into a fixed part and one for each unit.
      of_step: whether the cost is the seconds of a step rather than of an epoch.
      base: all other settings.
    """

    name: str
    title: str
    values: tuple[Any, ...]
    quick: tuple[Any, ...]
    unit: str = ""
    of_step: bool = False
    base: Point = Point()

    @property
    def work(self) -> str:
        """What the cost is measured for."""
        return "a step" if self.of_step else "an epoch"

    def point(self, value: Any) -> Point:
        """The training at one value."""
        return replace(self.base, **{self.name: value})

    def measured(self, results: "Results") -> "Points":
        """The processes at each value that was measured."""
        found = {value: results.processes(self.name, str(value)) for value in self.values}
        return {value: processes for value, processes in found.items() if processes}

    def seconds(self, epoch_seconds: float, value: Any) -> float:
        """The cost that follows from an epoch's time."""
        return epoch_seconds / self.point(value).steps if self.of_step else epoch_seconds


# Each of eight devices gets as many images per step as a single device does by default.
_SHARED = Point(batch=1024)
_BATCHES, _QUICK_BATCHES = (8, 32, 128, 512, 2048, 8192), (32, 512, 8192)
_HIDDEN, _QUICK_HIDDEN = (64, 128, 256, 512, 1024, 2048), (128, 512, 1024)
_SIZES = (3_750, 7_500, 15_000, 30_000, 60_000, 120_000, 240_000)
_QUICK_SIZES = (3_750, 15_000, 60_000)
# tf32 is for NVIDIA GPUs; elsewhere jaxae refuses it, and the report says so.
_PRECISIONS = ("float32", "bfloat16", "tf32")

SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep("batch", "batch size", _BATCHES, _QUICK_BATCHES, unit="image", of_step=True),
        Sweep("hidden", "hidden units", _HIDDEN, _QUICK_HIDDEN, unit="unit"),
        Sweep("images", "images", _SIZES, _QUICK_SIZES, unit="image"),
        Sweep("devices", "devices", (1, 2, 4, 8), (1, 2, 4), base=_SHARED),
        Sweep("processes", "processes", (1, 2, 4), (1, 2, 4), base=_SHARED),
        Sweep("precision", "precision", _PRECISIONS, _PRECISIONS, base=Point(images=60_000)),
    )
}
