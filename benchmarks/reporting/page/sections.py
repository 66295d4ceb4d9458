"""The folded tables of the page: environment, parity, growth, memory, what was not measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results
from benchmarks.reporting.conditions import environment, missing
from benchmarks.reporting.growth import SWEEPS, fits
from benchmarks.reporting.markdown import seconds
from benchmarks.reporting.rows import measured, median_of
from benchmarks.tasks.receipt import TOLERANCES


@dataclass(frozen=True)
class Section:
    """A table with a title, a remark and cells of text."""

    title: str
    remark: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def sections(results: Results) -> list[Section]:
    """Every section that has rows."""
    found = [_environment(results), _parity(results), *_growth(results), _memory(results)]
    found.append(Section("Not measured", "", ("what", "why"), missing(results)))
    return [section for section in found if section.rows]


def _environment(results: Results) -> Section:
    rows = environment(results)
    for machine in filter(None, results.machines().values()):
        rows.append(("machine", machine.name))
        facts = {**machine.described, **machine.speeds}
        rows += [(key.replace("_", " "), _text(of)) for key, of in facts.items() if of is not None]
    return Section("Environment", "", ("what", "value"), rows)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(of)}" for key, of in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parity(results: Results) -> Section:
    rows = []
    for name in CONTESTANTS:
        if (receipt := results.receipt(name)) is not None:
            found = (receipt.get(column) for column in TOLERANCES)
            rows.append([name, *("—" if value is None else f"{value:.1e}" for value in found)])
    if rows:
        rows.append(["allowed", *(f"{value:.0e}" for value in TOLERANCES.values())])
    remark = "Relative differences from a NumPy reference in float64, over 50 steps."
    return Section("Parity", remark, ("framework", *TOLERANCES), rows)


def _growth(results: Results) -> Iterator[Section]:
    for sweep in SWEEPS.values():
        rows = [
            [
                name,
                seconds(growth.fixed),
                f"{1e6 * growth.each:.3g} µs",
                f"{growth.exponent:.2f} ± {growth.exponent_error:.2f}",
                f"{growth.misfit:.0%}",
            ]
            for name, growth in fits(results, sweep).items()
        ]
        columns = ("framework", "fixed", f"each {sweep.unit}", "exponent", "largest misfit")
        remark = f"Time for {sweep.work}, fitted as fixed + each × {sweep.title}."
        yield Section(f"Time against {sweep.title}", remark, columns, rows)


def _memory(results: Results) -> Section:
    rows = []
    for name, processes in measured(results, "train").items():
        peaks = (median_of(processes, key) for key in ("mem_max_rss", "device_peak_bytes"))
        rows.append(
            [name, *("—" if peak is None else f"{peak / 2**20:,.0f} MiB" for peak in peaks)]
        )
    remark = "Peaks of the processes that train: resident memory, and the device's own."
    return Section("Memory", remark, ("framework", "resident", "device"), rows)
