"""Under which conditions the results were measured, and what was not measured, as pairs of text."""

from typing import Any

from benchmarks.measuring.results import Results

Pairs = list[tuple[str, str]]

_KEYS = (
    *("cpu_model_name", "cpu_count", "threads", "device", "tf32", "platform"),
    *("python_version", "commit"),
)


def environment(results: Results) -> Pairs:
    """The processor, the versions and the dates of all processes, as (what, value)."""
    found = {key: key.replace("_", " ") for key in _KEYS}
    for key in sorted(results.keys()):
        if key.startswith("version_"):
            found[key] = key.removeprefix("version_").replace("_", " ")
        elif key.startswith("env_"):
            found[key] = key.removeprefix("env_")
    pairs = []
    for key, what in found.items():
        # More than one, if results of another version were added.
        values = [str(value) for value in results.distinct(key) if value is not None]
        if values:
            pairs.append((what, ", ".join(values)))
    dates = sorted(str(date)[:16] for date in results.distinct("date") if date is not None)
    if dates:
        pairs.append(("date", f"{dates[0]} to {dates[-1]}"))
    for busy in filter(None, results.distinct("busy")):
        pairs.append(("busy machine when a run started", f"{busy}; times may be too long"))
    return pairs


def missing(results: Results) -> Pairs:
    """What failed or is not installed, and has not been measured since, as (what, why)."""
    pairs = []
    for note in results.notes:
        if note["kind"] in ("absent", "failed") and not _made_good(results, note):
            where = f"{note['framework']} {note.get('task', '')}".strip()
            pairs.append((where, f"{note['kind']}, {note['why']}"))
        elif note["kind"] == "parity" and note == results.receipt(note["framework"]):
            if note["failures"]:
                pairs.append((f"{note['framework']} is not timed", "; ".join(note["failures"])))
    return list(dict.fromkeys(pairs))


def _made_good(results: Results, note: dict[str, Any]) -> bool:
    """Whether what a note says is missing has been measured since."""
    name = note["framework"]
    if note["kind"] == "absent":
        return any(framework == name for _, framework in results.names())
    if note.get("task") == "parity":
        return results.receipt(name) is not None
    tasks = note.get("tasks", [])
    return bool(tasks) and all(results.has(task, name, note["round"]) for task in tasks)
