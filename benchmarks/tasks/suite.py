"""What is measured: each task is one kind of work at one size."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.tasks.flops import Sizes

Kind = Literal["train", "step", "encode", "decode", "time-to-loss", "cold", "parts"]

EPOCH = 60_000
ALL = 70_000
TARGET_LOSS = 32.5
# Enough where only the rate is asked, and a multiple of each batch size of the sweep: a short last
# batch, which compiled programs pad, is an eighth of so few steps, and a thirtieth of an epoch's.
PART = 8_192


@dataclass(frozen=True)
class Task:
    """One kind of work at one size.

    Attributes:
      name: what results are filed under.
      kind: what is timed. `train`: an epoch over n images; `step`: one call on n = batch images;
        `encode`, `decode`: n of them from and to the host; `time-to-loss`: epochs until the test
        loss is at most 32.5; `cold`: a process from its start to the end of its first epoch;
        `parts`: an epoch, and what it consists of, in turn in one process.
      group: tasks of one group are measured by one process, one after the other.
      n: images.
      batch: images a step.
      hidden: units of the hidden layers.
      only: the frameworks that it is for; empty for all.
      sparse: whether every third round is enough, since it draws a curve or takes very long.
      warm_cache: for cold, whether what an earlier process compiled may be used.
    """

    name: str
    kind: Kind
    group: str
    n: int = EPOCH
    batch: int = 128
    hidden: int = 512
    only: tuple[str, ...] = ()
    sparse: bool = False
    warm_cache: bool = False

    @property
    def sizes(self) -> Sizes:
        """The model's sizes."""
        return Sizes(hidden=self.hidden)


# Where jaxae's speed comes from, and PyTorch's, a rung at a time.
LADDERS = (
    ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "flax"),
    ("torch-loader", "torch-tensors", "torch-eager", "torch-compile"),
)
SWEPT = ("flax", "torch-eager")
# Only these keep what they compiled for the next process.
_CACHING = ("flax", "equinox", "torch-compile", "keras-jax")
# These encode and decode by the code of another contestant.
LATENT_OF_ANOTHER = {
    "flax-loop": "flax",
    "torch-loader": "torch-eager",
    "torch-compile": "torch-eager",
}
# Rungs that are on no other table.
_RUNGS = ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "torch-tensors")

BATCHES = (32, 128, 512, 2048)
STEPS = (1, 8, 32, 128, 512, 2048, 8192)
# Beside the default width, which `train-batch-128` has, and all images, which `train` has.
HIDDEN = (64, 256, 2048)
IMAGES = (1_000, 4_000, 16_000)
PARTS = ("products", "gradients", "epoch")

# What `--quick` measures: each framework in its fastest form on two cores.
QUICK_TASKS = ("train-batch-128", "encode", "decode", "grid")
QUICK_FRAMEWORKS = ("flax", "equinox", "torch-eager", "keras-jax")
_AT_BATCH = {128: QUICK_FRAMEWORKS}

TASKS = {
    task.name: task
    for task in (
        Task("train", "train", "train"),
        Task("time-to-loss", "time-to-loss", "train", sparse=True),
        # At batch 128 the others have `train`; this one is for `--quick` and for the width's sweep.
        *(
            Task(f"train-batch-{b}", "train", "batches", PART, b, only=_AT_BATCH.get(b, ()))
            for b in BATCHES
        ),
        *(Task(f"step-{b}", "step", "batches", b, b, sparse=True) for b in STEPS),
        Task("encode", "encode", "latent", ALL),
        Task("decode", "decode", "latent", ALL),
        Task("encode-one", "encode", "latent", 1),
        Task("decode-one", "decode", "latent", 1),
        Task("grid", "decode", "latent", 144),
        Task("cold", "cold", "cold", sparse=True),
        Task("cold-cached", "cold", "cold-cached", only=_CACHING, sparse=True, warm_cache=True),
        Task("ladder", "train", "ladder", 24 * 128, only=LADDERS[0] + LADDERS[1], sparse=True),
        *(
            Task(f"hidden-{h}", "train", "hidden", PART, hidden=h, only=SWEPT, sparse=True)
            for h in HIDDEN
        ),
        *(Task(f"images-{n}", "train", "images", n, only=SWEPT, sparse=True) for n in IMAGES),
        *(
            Task(f"{part}-{b}", "parts", f"parts-{b}", PART, b, only=("flax",), sparse=True)
            for b in BATCHES
            for part in PARTS
        ),
    )
}
# Curves and long tasks are measured in every third round; the longest, the time to a loss and the
# starts of frameworks that no claim is about, in every sixth.
EVERY_SPARSE, EVERY_SLOW = 3, 6
RACING = ("flax", "flax-onecycle", "equinox", "torch-eager", "torch-loader")


def applies(task: Task, framework: str) -> bool:
    """Whether a framework takes part in a task; some are there for one table only."""
    if framework in ("limit-jax", "limit-torch"):
        return task.kind in ("train", "step", "encode", "decode")
    if framework == "limit-copy":
        return task.name == "encode"
    if task.only:
        return framework in task.only
    if framework == "flax-onecycle":
        return task.kind == "time-to-loss"
    if framework == "flax-again":
        return task.group in ("train", "latent") and not task.sparse
    if framework in LATENT_OF_ANOTHER and task.group == "latent":
        return False
    # The rung between no compilation and a scan tells nothing new of starts.
    return framework not in _RUNGS and (framework != "flax-loop" or task.kind != "cold")


def due(task: Task, framework: str, number: int) -> bool:
    """Whether a framework is to be measured in the round of this number, counted from 0."""
    every = EVERY_SPARSE if task.sparse else 1
    if task.kind in ("time-to-loss", "cold") and framework not in RACING:
        every = EVERY_SLOW
    return number % every == 0 and applies(task, framework)
