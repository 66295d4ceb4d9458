"""What is measured: each task is one kind of work at one size."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.flops import Sizes

Kind = Literal["train", "step", "encode", "decode", "time-to-loss", "cold"]

EPOCH = 60_000
ALL = 70_000
TARGET_LOSS = 32.5
# About a quarter of an epoch, with a short last batch: enough where only the rate is asked.
_PART = 15_040


@dataclass(frozen=True)
class Task:
    """One kind of work at one size.

    Attributes:
      name: what results are filed under.
      kind: what is timed. `train`: an epoch over n images; `step`: one call on n = batch images;
        `encode`, `decode`: n of them from and to the host; `time-to-loss`: epochs until the test
        loss is at most 32.5; `cold`: a process from its start to the end of its first epoch.
      n: images.
      batch: images a step.
      hidden: units of the hidden layers.
      only: the frameworks that it is for; empty for all.
      warm_cache: for cold, whether what an earlier process compiled may be used.
    """

    name: str
    kind: Kind
    n: int = EPOCH
    batch: int = 128
    hidden: int = 512
    only: tuple[str, ...] = ()
    warm_cache: bool = False

    @property
    def sizes(self) -> Sizes:
        """The model's sizes."""
        return Sizes(hidden=self.hidden)


_LADDER = ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "flax")
_SWEPT = ("flax", "torch-eager")

TASKS = {
    task.name: task
    for task in (
        Task("train", "train"),
        *(Task(f"train-batch-{b}", "train", _PART, b) for b in (32, 512, 2048)),
        *(Task(f"step-{b}", "step", b, b) for b in (1, 8, 32, 128, 512, 2048, 8192)),
        Task("encode", "encode", ALL),
        Task("decode", "decode", ALL),
        Task("encode-one", "encode", 1),
        Task("decode-one", "decode", 1),
        Task("grid", "decode", 144),
        Task("time-to-loss", "time-to-loss"),
        Task("cold", "cold"),
        Task("cold-cached", "cold", warm_cache=True),
        Task("ladder", "train", 3_072 + 96, only=_LADDER),
        *(Task(f"hidden-{h}", "train", _PART, hidden=h, only=_SWEPT) for h in (64, 256, 2048)),
        *(Task(f"images-{n}", "train", n, only=_SWEPT) for n in (1_000, 4_000, 16_000)),
    )
}
QUICK = ("train", "encode", "decode", "grid", "step-128")


def applies(task: Task, framework: str) -> bool:
    """Whether a framework takes part in a task; some are there for one table only."""
    if task.only:
        return framework in task.only or framework.startswith("limit")
    if framework == "flax-onecycle":
        return task.kind == "time-to-loss"
    if framework in ("limit-jax", "limit-torch"):
        return task.kind in ("train", "step", "encode", "decode") and task.n > 1
    if framework == "limit-copy":
        return task.name == "encode"
    return framework not in _LADDER or framework == "flax"
