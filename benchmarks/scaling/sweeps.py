"""What is swept: one setting of a training at a time, all others held."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxae.config import Precision

# A multiple of every batch size, so that no step is padded.
_IMAGES = 16_384


@dataclass(frozen=True)
class Point:
    """One training, in fresh processes.

    Attributes:
      images: of MNIST's training images, the first so many, or all of them over and over.
      batch: images a step, over all devices.
      hidden: units of the hidden layers.
      devices: of each process; a CPU is made to look like so many.
      processes: on this machine, joined over the loopback network.
      precision: of the products; parameters and optimizer are float32 in any case.
    """

    images: int = _IMAGES
    batch: int = 128
    hidden: int = 512
    devices: int = 1
    processes: int = 1
    precision: "Precision" = "float32"

    @property
    def epochs(self) -> int:
        """The first one warms up; the others are timed, more of them where they are short."""
        return 1 + min(12, max(3, 3 * _IMAGES // self.images))

    @property
    def steps(self) -> int:
        """Steps an epoch, a short last one included."""
        return -(-self.images // self.batch)


@dataclass(frozen=True)
class Sweep:
    """Points that differ in one setting.

    Attributes:
      name: of the setting, as `Point` has it.
      title: what the setting is, in words.
      values: that it takes.
      quick: those that `--quick` measures.
      unit: one more of it, where the cost can be split into a fixed part and so much for each.
      of_step: whether the cost is a step's seconds, not an epoch's.
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
        """What the cost is of, in words."""
        return "a step" if self.of_step else "an epoch"

    def point(self, value: Any) -> Point:
        """The training at one value."""
        return replace(self.base, **{self.name: value})

    def seconds(self, epoch_seconds: float, value: Any) -> float:
        """What an epoch's time says of the cost."""
        return epoch_seconds / self.point(value).steps if self.of_step else epoch_seconds


# So large that each of eight devices still has as many images a step as one has by default.
_SHARED = Point(batch=1024)

SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "batch",
            "batch size",
            (8, 32, 128, 512, 2048, 8192),
            (32, 512, 8192),
            unit="image",
            of_step=True,
        ),
        Sweep(
            "hidden", "hidden units", (64, 128, 256, 512, 1024, 2048), (128, 512, 1024), unit="unit"
        ),
        Sweep(
            "images",
            "images",
            (3_750, 7_500, 15_000, 30_000, 60_000, 120_000, 240_000),
            (3_750, 15_000, 60_000),
            unit="image",
        ),
        Sweep("devices", "devices", (1, 2, 4, 8), (1, 2, 4), base=_SHARED),
        Sweep("processes", "processes", (1, 2, 4), (1, 2, 4), base=_SHARED),
        # tf32 is for NVIDIA GPUs; elsewhere jaxae refuses it, and the report says so.
        Sweep(
            "precision",
            "precision",
            ("float32", "bfloat16", "tf32"),
            ("float32", "bfloat16", "tf32"),
            base=Point(images=60_000),
        ),
    )
}
