"""What the suite knows about a contestant before it imports it."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from benchmarks.tasks import TASKS, Task
from benchmarks.tasks.suite import STANDARD

# How the work is done: compiled epochs, compiled steps called from Python, nothing compiled, a
# library's own training loop, or a model exported from another library.
Group = Literal["epoch", "step", "eager", "fit", "exported"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One contestant.

    Attributes:
      module: its file in `benchmarks.contestants`.
      cls: its class in that module.
      packages: what must be importable.
      library: the module that computes. Its device and memory are reported, and its matrix products
        bound the speed if `limit.PRODUCTS` has them.
      group: how it works; a table of like with like compares the contestants of one group.
      what: a description in one line.
      tasks: the tasks it takes part in, as patterns of names.
      after: for an ablation, the contestant that it differs from in one thing.
      quick: whether `run --quick` measures it.
      one_cycle_of: the contestant that it is, but for jaxae's one-cycle recipe; the parity check
        then covers the model but not the updates.
      environment: variables that are set before its module is imported.

    Raises:
      ValueError: a pattern matches no task.
    """

    module: str
    cls: str
    packages: tuple[str, ...]
    library: str
    group: Group
    what: str
    tasks: tuple[str, ...] = STANDARD
    after: str = ""
    quick: bool = False
    one_cycle_of: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the patterns."""
        for pattern in self.tasks:
            if not any(fnmatchcase(name, pattern) for name in TASKS):
                raise ValueError(
                    f"no task matches {pattern!r}; expected patterns of {', '.join(TASKS)}"
                )

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]

    @property
    def trains(self) -> bool:
        """Whether it takes part in more than encode and decode."""
        kinds = {task.kind for task in TASKS.values() if self.takes_part_in(task)}
        return not kinds <= {"encode", "decode"}

    def takes_part_in(self, task: Task) -> bool:
        """Whether one of its patterns matches the task's name."""
        return any(fnmatchcase(task.name, pattern) for pattern in self.tasks)
