"""How cost grows with batch size, width and images: a fixed part, and one that grows in proportion.

Where the two are equal, overhead ends and arithmetic begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Process, Results
from benchmarks.reporting.markdown import seconds, table
from benchmarks.stats import Growth, fit, median_seconds
from benchmarks.tasks import EPOCH, HIDDEN, IMAGES, PART, STEPS, SWEPT


@dataclass(frozen=True)
class Sweep:
    """Tasks that differ in one size.

    Attributes:
      title: what the size is.
      unit: one more of it.
      work: what is timed, in words.
      tasks: each size's task.
    """

    title: str
    unit: str
    work: str
    tasks: dict[int, str]


STEP = Sweep("batch size", "image", "one step", {b: f"step-{b}" for b in STEPS})
SWEEPS = (
    STEP,
    Sweep(
        "hidden units",
        "unit",
        f"training on {PART:,} images",
        dict(sorted([(512, "train-batch-128"), *((h, f"hidden-{h}") for h in HIDDEN)])),
    ),
    Sweep("images", "image", "one epoch", {n: f"images-{n}" for n in IMAGES} | {EPOCH: "train"}),
)


def points(results: Results, sweep: Sweep, name: str) -> list[tuple[int, list[Process]]]:
    """The sizes that a framework was measured at, with its processes."""
    found = [(size, results.processes(task, name)) for size, task in sweep.tasks.items()]
    return [(size, processes) for size, processes in found if processes]


def growth_of(results: Results, sweep: Sweep, name: str) -> Growth | None:
    """The growth of a framework's median cost; None below three sizes."""
    measured = points(results, sweep, name)
    if len(measured) < 3:
        return None
    return fit([size for size, _ in measured], [median_seconds(p) for _, p in measured])


def swept(sweep: Sweep) -> list[str]:
    """The frameworks that a sweep is about; others may share one of its sizes."""
    return [name for name in CONTESTANTS if sweep is STEP or name in SWEPT]


def growth_section(results: Results) -> Iterator[str]:
    """Yield a table for each sweep that was measured, and what it says in words."""
    for sweep in SWEEPS:
        found = {
            name: growth
            for name in swept(sweep)
            if (growth := growth_of(results, sweep, name)) is not None
        }
        if not found:
            continue
        yield f"## Growth with {sweep.title}\n"
        yield f"Seconds for {sweep.work}, fitted as fixed + each × {sweep.title}.\n"
        columns = ("fixed", f"each {sweep.unit}", "equal at", "exponent", "largest misfit")
        yield from table(
            ("framework", *columns),
            [
                [
                    name,
                    seconds(growth.fixed),
                    f"{1e6 * growth.each:.3g} µs",
                    f"{growth.crossing:,.0f}",
                    f"{growth.exponent:.2f} ± {growth.exponent_error:.2f}",
                    f"{growth.misfit:.0%}",
                ]
                for name, growth in found.items()
            ],
        )
        if sweep is STEP:
            yield from _overhead(found)


def _overhead(found: dict[str, Growth]) -> Iterator[str]:
    ends = "; ".join(f"{name} {growth.crossing:,.0f}" for name, growth in found.items())
    yield (
        "The fixed part of a step is Python, dispatch, and Adam's update of all parameters, which "
        "no batch size changes; the rest is arithmetic. Overhead ends and arithmetic begins at the "
        f"batch size where they are equal: {ends}.\n"
    )
