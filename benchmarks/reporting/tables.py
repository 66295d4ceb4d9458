"""The tables of the report, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import full, library, seconds, share, short, table
from benchmarks.reporting.rows import (
    BASELINE,
    Row,
    baseline_of,
    epochs_of,
    median_of,
    products_of,
)
from benchmarks.stats import UNSTABLE, median_seconds, paired_ratio, spread
from benchmarks.tasks import TASKS

LECTURE, ONE_CYCLE = "lecture", "one-cycle"
# How a contestant of each group works.
WAYS = {
    "epoch": "compiled epoch",
    "step": "compiled step",
    "eager": "eager",
    "fit": "library's loop",
    "exported": "exported model",
}

Tables = Mapping[str, Sequence[Row]]


def task_table(results: Results, task: str, rows: Sequence[Row]) -> str:
    """Every framework at a task, then the products alone."""
    base = baseline_of(results, task)
    cells = [
        [
            row.label + (" !" if spread(row.processes) > UNSTABLE else ""),
            WAYS[CONTESTANTS[row.framework].group],
            seconds(row.seconds),
            f"{row.images_per_second:,.0f}",
            _ratio(row, base),
            share(row.own_products),
            share(row.of_peak),
            row.parity,
            _rounds(row),
        ]
        for row in rows
    ]
    for name, processes in products_of(results, task).items():
        time = seconds(median_seconds(processes))
        cells.append([f"*{library(name)}'s products*", "", time, *[""] * 5, f"{len(processes)}"])
    columns = ("framework", "how", "time", "images/s", f"time / {base}", "own products")
    return table((*columns, "of peak", "parity", "rounds"), cells)


def like_with_like(rows: Sequence[Row]) -> str:
    """For each way to work, the ratios to the group's first contestant in the registry."""
    groups: dict[str, list[Row]] = {}
    found = by_label(rows)
    for name, entry in CONTESTANTS.items():
        if name in found:
            groups.setdefault(entry.group, []).append(found[name])
    groups = {group: members for group, members in groups.items() if len(members) > 1}
    comparisons = sum(len(members) - 1 for members in groups.values())
    cells = []
    for group, (first, *others) in groups.items():
        ratios = (paired_ratio(row.processes, first.processes, comparisons) for row in others)
        of = ", ".join(
            f"{row.framework} {short(ratio)}" for row, ratio in zip(others, ratios, strict=True)
        )
        cells.append([WAYS[group], f"{first.framework} {seconds(first.seconds)}", of])
    return table(("how", "first", "time / the first's"), cells)


def grid(tables: Tables) -> str:
    """The ratios of several tasks; rows without a ratio, as the baseline's, have their times."""
    found = {task: by_label(rows) for task, rows in tables.items()}
    every = {label: row for rows in found.values() for label, row in rows.items()}
    names = sorted(every, key=lambda label: list(CONTESTANTS).index(every[label].framework))
    cells = [
        [name, *(_short(found[task][name]) if name in found[task] else "—" for task in tables)]
        for name in names
    ]
    ours = [found[task].get(BASELINE) for task in tables]
    bounds = {
        "own products": [row.own_products if row else None for row in ours],
        "of peak": [row.of_peak if row else None for row in ours],
    }
    cells += [[f"*{BASELINE}: {name}*", *map(share, of)] for name, of in bounds.items() if any(of)]
    cells.append(["*FLOP/byte*", *map(intensity, tables)])
    return table(("framework", *tables), cells)


def intensity(task: str) -> str:
    """FLOPs per byte that a task moves."""
    work = TASKS[task].work
    return f"{work['flops'] / work['bytes']:.3g}" if work else "—"


def by_recipe(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """The rows of each framework by the recipe that it trains with, fastest framework first."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        model = CONTESTANTS[row.framework].one_cycle_of
        name = row.label.replace(row.framework, model or row.framework)
        found.setdefault(name, {})[ONE_CYCLE if model else LECTURE] = row
    return found


def races(rows: Sequence[Row]) -> str:
    """Seconds and epochs to the target loss, by framework and recipe."""
    cells = [
        [name, *(cell for recipe in (LECTURE, ONE_CYCLE) for cell in _race(by.get(recipe)))]
        for name, by in by_recipe(rows).items()
    ]
    each = ("time", "epochs", "own products", "rounds")
    columns = [f"{recipe}: {column}" for recipe in (LECTURE, ONE_CYCLE) for column in each]
    return table(("framework", *columns), cells)


def _race(row: Row | None) -> list[str]:
    if row is None:
        return ["—"] * 4
    epochs = epochs_of(row.processes)
    low, high = min(epochs), max(epochs)
    span = f"{low}" if low == high else f"{low} to {high}"
    return [seconds(row.seconds), span, share(row.own_products), _rounds(row)]


def start_table(tables: Tables) -> str:
    """The first epoch of a process and what compiling adds, with an empty and a filled cache."""
    cold, warm, train = (
        by_label(tables.get(task, ())) for task in ("cold", "cold-cached", "train")
    )
    cells = []
    for name in dict.fromkeys((*cold, *warm)):
        both = [cold.get(name), warm.get(name)]
        either = [row for row in both if row]
        values = [median_of(either[0].processes, "import_seconds")]
        for row in both:
            compiling = median_of(row.processes, "compile_seconds") if row else None
            values += [compiling, row.seconds if row else None]
        # Without epochs of train, the second epoch of the same process serves.
        later = train[name].seconds if name in train else None
        later = later or median_of(either[0].processes, "run_seconds") or 0.0
        values += [row.seconds + 19 * later if row else None for row in both]
        cells.append([name, *map(seconds, values), "/".join(map(_rounds, either))])
    columns = [f"{cache}: {what}" for cache in ("cold", "warm") for what in ("compile", "epoch 1")]
    columns += ["cold: 20 epochs", "warm: 20 epochs", "rounds"]
    return table(("framework", "import", *columns), cells)


def by_label(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows by their labels, fastest first."""
    return {row.label: row for row in rows}


def _ratio(row: Row, base: str) -> str:
    return "1" if row.framework == base and not row.conditions else full(row.ratio)


def _short(row: Row) -> str:
    return seconds(row.seconds) if row.ratio is None else short(row.ratio)


def _rounds(row: Row) -> str:
    return f"{len(row.processes)}" + (f" + {len(row.slow)} slow" if row.slow else "")
