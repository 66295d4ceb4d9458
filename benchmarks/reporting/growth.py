"""Time against batch size, width and number of images."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import CONTESTANTS, applies
from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.stats import Points, growth_of
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


def growth_section(results: Results) -> Iterator[str]:
    """Yield a table of fits for each sweep."""
    for sweep in SWEEPS.values():
        fits = {name: growth_of(points(results, sweep, name)) for name in sweep.frameworks}
        found = {name: growth for name, growth in fits.items() if growth is not None}
        if not found:
            continue
        yield f"## Time against {sweep.title}\n"
        yield f"Seconds for {sweep.work}, fitted as fixed + each × {sweep.title}.\n"
        columns = ("fixed", f"each {sweep.unit}", "equal at", "exponent", "largest misfit")
        rows = [
            [
                name,
                seconds(growth.fixed),
                f"{1e6 * growth.each:.3g} µs",
                f"{growth.crossing:,.0f}",
                f"{growth.exponent:.2f} ± {growth.exponent_error:.2f}",
                f"{growth.misfit:.0%}",
            ]
            for name, growth in found.items()
        ]
        yield from table(("framework", *columns), rows)
        if sweep is STEP:
            yield (
                "The fixed part of a step is Python, dispatch, and Adam's update of all "
                "parameters, none of which depends on the batch size; the rest is arithmetic. "
                "*Equal at* is the batch size at which both parts take as long.\n"
            )
