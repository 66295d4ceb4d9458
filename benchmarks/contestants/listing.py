"""The text of `python -m benchmarks list`, which needs no optional package."""

import textwrap
from collections.abc import Iterator

from benchmarks.contestants.lookup import INSTALL, applies
from benchmarks.contestants.registry import CONTESTANTS
from benchmarks.tasks import TASKS, Task
from benchmarks.tasks.suite import TARGET_LOSS

_WIDTH, _NAME = 92, 22
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
    """Yield the frameworks with their tasks, then the tasks with their numbers of frameworks."""
    yield "frameworks and their tasks"
    for name, entry in CONTESTANTS.items():
        state = f"; not installed: {INSTALL}" if entry.missing else ""
        yield f"  {name:<{_NAME}} {entry.what}{state}"
        yield from _wrapped([task.name for task in TASKS.values() if applies(task, name)])
    yield "tasks"
    for task in TASKS.values():
        count = sum(applies(task, name) for name in CONTESTANTS)
        frameworks = f"{count} framework{'s' if count > 1 else ''}"
        yield f"  {task.name:<{_NAME}} {describe(task)}; {frameworks}"


def describe(task: Task) -> str:
    """What a task does, at which sizes."""
    cache = ", with a warm compilation cache" if task.warm_cache else ""
    return _KINDS[task.kind].format(**vars(task)) + cache


def _wrapped(names: list[str]) -> list[str]:
    """Lines of names; those that differ only in a number are joined, as in step-1|8|32."""
    sizes: dict[str, list[str]] = {}
    for name in names:
        stem, _, size = name.rpartition("-")
        sizes.setdefault(stem if size.isdigit() else name, []).append(size)
    text = ", ".join(
        f"{stem}-{'|'.join(of)}" if of[0].isdigit() else stem for stem, of in sizes.items()
    )
    indent = " " * (_NAME + 5)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
