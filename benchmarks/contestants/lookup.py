"""What the entries of the registry say: who takes part in what, and each contestant's class."""

import importlib
import os
from collections.abc import Iterable

from benchmarks.contestants.registry import CONTESTANTS
from benchmarks.tasks import Contestant, Task
from benchmarks.tasks.limit import PRODUCTS
from benchmarks.tasks.suite import EVERY_SPARSE

COPY = "limit-copy"
INSTALL = "pip install -e '.[bench]'"


def _chain(name: str) -> tuple[str, ...]:
    before = CONTESTANTS[name].after
    return (*_chain(before), name) if before else (name,)


# Ablations, from the slowest contestant to the fastest; each entry changes one thing.
LADDERS = tuple(
    _chain(name)
    for name, entry in CONTESTANTS.items()
    if entry.after and all(other.after != name for other in CONTESTANTS.values())
)
QUICK_FRAMEWORKS = tuple(name for name, entry in CONTESTANTS.items() if entry.quick)


def limits(names: Iterable[str]) -> list[str]:
    """The limits of the contestants' libraries, and of memory."""
    libraries = dict.fromkeys(map(library, names))
    return [*(f"limit-{of}" for of in libraries if of in PRODUCTS), COPY]


def is_limit(name: str) -> bool:
    """Whether a name of the results is that of a limit, not of a contestant."""
    return name.startswith("limit-") and name not in CONTESTANTS


def applies(task: Task, name: str) -> bool:
    """Whether a contestant, or a limit, takes part in a task.

    A library's products are measured for the tasks of its contestants.
    """
    if name in CONTESTANTS:
        return CONTESTANTS[name].takes_part_in(task)
    if name == COPY:
        return task.name == "encode"
    if task.kind not in ("train", "step", "encode", "decode"):
        return False
    of = library(name)
    return any(x.library == of and x.takes_part_in(task) for x in CONTESTANTS.values())


def due(task: Task, name: str, number: int) -> bool:
    """Whether to measure a contestant in round `number`, which counts from 0."""
    is_sparse = task.sparse or is_limit(name)
    return applies(task, name) and (not is_sparse or number % EVERY_SPARSE == 0)


def library(name: str) -> str:
    """The module that a contestant, or a limit, computes with."""
    if name in CONTESTANTS:
        return CONTESTANTS[name].library
    return "numpy" if name == COPY else name.removeprefix("limit-")


def load(name: str) -> type[Contestant]:
    """Import a contestant's class, after setting the environment that it needs.

    Raises:
      ValueError: the name is unknown, or a package is not installed.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"unknown framework {name!r}; expected one of {', '.join(CONTESTANTS)}")
    entry = CONTESTANTS[name]
    if entry.missing:
        raise ValueError(f"{name} needs {', '.join(entry.missing)}: {INSTALL}")
    os.environ |= entry.environment
    module = importlib.import_module(f"benchmarks.contestants.{entry.module}")
    cls: type[Contestant] = getattr(module, entry.cls)
    return cls
