"""What each framework and each task is, and who takes part in what; needs nothing installed."""

import textwrap
from collections.abc import Iterator

from benchmarks.contestants.registry import CONTESTANTS
from benchmarks.tasks import TARGET_LOSS, TASKS, Task, applies

_WIDTH, _NAME = 92, 20
_KINDS = {
    "train": "an epoch over {n:,} images, batch {batch}, {hidden} hidden units",
    "step": "one training step at batch {batch}",
    "encode": "images to latent points, {n:,} in a call",
    "decode": "latent points to images, {n:,} in a call",
    "time-to-loss": f"epochs until the test loss is at most {TARGET_LOSS}",
    "cold": "a process from its start to the end of its first epoch",
    "parts": "a part of an epoch over {n:,} images, batch {batch}",
}


def listing() -> Iterator[str]:
    """Yield frameworks with their tasks, then tasks with the number of their frameworks."""
    yield "frameworks, and the tasks that each takes part in"
    for name, entry in CONTESTANTS.items():
        state = f"; absent: {entry.install}" if entry.missing else ""
        yield from _entry(name, entry.what + state)
        yield from _wrapped([task.name for task in TASKS.values() if applies(task, name)])
    yield "tasks"
    for task in TASKS.values():
        count = sum(applies(task, name) for name in CONTESTANTS)
        frameworks = f"{count} framework{'s' if count > 1 else ''}"
        yield from _entry(task.name, f"{_describe(task)}; {frameworks}")


def _describe(task: Task) -> str:
    cache = ", with a warm compilation cache" if task.warm_cache else ""
    return _KINDS[task.kind].format(**vars(task)) + cache


def _entry(name: str, what: str) -> Iterator[str]:
    yield f"  {name:<{_NAME}} {what}"


def _wrapped(names: list[str]) -> list[str]:
    indent = " " * (_NAME + 5)
    sizes: dict[str, list[str]] = {}
    for name in names:  # Those that differ in a number stand together.
        stem, _, size = name.rpartition("-")
        sizes.setdefault(stem if size.isdigit() else name, []).append(size)
    text = ", ".join(
        f"{stem}-{'|'.join(of)}" if of[0].isdigit() else stem for stem, of in sizes.items()
    )
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
