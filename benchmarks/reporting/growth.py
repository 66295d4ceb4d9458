"""Time against batch size, width and number of images."""

from dataclasses import dataclass

from benchmarks.contestants import CONTESTANTS, applies
from benchmarks.measuring.results import Results
from benchmarks.stats import Growth, Points, growth_of
from benchmarks.tasks import TASKS
from benchmarks.tasks.suite import EPOCH, HIDDEN, IMAGES, PART, STEPS


@dataclass(frozen=True)
class Sweep:
    """Tasks that differ in one size.

    Attributes:
      title: the size in words.
      unit: one unit of it.
      work: what is timed.
      tasks: the task at each size.
    """

    title: str
    unit: str
    work: str
    tasks: dict[int, str]

    @property
    def frameworks(self) -> list[str]:
        """Those that take part in every one of its tasks."""
        tasks = [TASKS[task] for task in self.tasks.values()]
        return [name for name in CONTESTANTS if all(applies(task, name) for task in tasks)]


_HIDDEN = {512: "train-batch-128", **{h: f"hidden-{h}" for h in HIDDEN}}
_IMAGES = {**{n: f"images-{n}" for n in IMAGES}, EPOCH: "train"}
STEP = Sweep("batch size", "image", "one step", {b: f"step-{b}" for b in STEPS})
SWEEPS = {
    "batch": STEP,
    "hidden": Sweep(
        "hidden units", "unit", f"training on {PART:,} images", dict(sorted(_HIDDEN.items()))
    ),
    "images": Sweep("images", "image", "one epoch", _IMAGES),
}


def points(results: Results, sweep: Sweep, name: str) -> Points:
    """The processes of a framework at each size."""
    found = {size: results.processes(task, name) for size, task in sweep.tasks.items()}
    return {size: processes for size, processes in found.items() if processes}


def fits(results: Results, sweep: Sweep) -> dict[str, Growth]:
    """The fit of each framework that was measured at three sizes or more."""
    found = {name: growth_of(points(results, sweep, name)) for name in sweep.frameworks}
    return {name: growth for name, growth in found.items() if growth is not None}
