"""What the parity checks found, over all frameworks."""

from collections import defaultdict
from typing import Any

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.results import Results
from benchmarks.reporting.markdown import table
from benchmarks.tasks.receipt import TOLERANCES


def parity_table(results: Results) -> str:
    """The largest difference of any framework in each quantity, with the framework."""
    found = _receipts(results)
    largest = {
        key: max((of[key], name) for name, of in found.items() if of.get(key) is not None)
        for key in TOLERANCES
        if any(of.get(key) is not None for of in found.values())
    }
    rows = [
        ["allowed", *(f"{TOLERANCES[key]:.0e}" for key in largest)],
        ["largest", *(f"{value:.1e}" for value, _ in largest.values())],
        ["of", *(name for _, name in largest.values())],
    ]
    return table(("difference", *largest), rows) if largest else ""


def parameters(results: Results) -> dict[str, list[str]]:
    """The frameworks by the difference of their parameters after 50 steps, to one digit."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    receipts = {name: of.get("parameters") for name, of in _receipts(results).items()}
    for name, value in receipts.items():
        if value is not None:
            found[f"{value:.0e}"].append(name)
    return dict(sorted(found.items(), key=lambda item: float(item[0])))


def remarks(results: Results) -> dict[str, list[str]]:
    """What readers should know of how some frameworks work, with the names of these."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for task, name in results.names():
        remark = results.processes(task, name)[0].metadata.get("remark")
        if remark and name not in found[str(remark)]:
            found[str(remark)].append(name)
    return {remark: sorted(names) for remark, names in found.items()}


def _receipts(results: Results) -> dict[str, dict[str, Any]]:
    receipts = {name: results.receipt(name) for name in CONTESTANTS}
    return {name: receipt for name, receipt in receipts.items() if receipt is not None}
