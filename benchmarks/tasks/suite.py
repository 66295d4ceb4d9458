"""The tasks: each is one kind of work at one size."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.tasks.flops import Sizes

Kind = Literal["train", "step", "encode", "decode", "time-to-loss", "cold", "parts"]

EPOCH = 60_000
ALL = 70_000
TARGET_LOSS = 32.5
# Enough images to measure a rate, and a multiple of every batch size of the sweep: compiled
# programs pad a short last batch, which would be an eighth of so few steps.
PART = 8_192


@dataclass(frozen=True)
class Task:
    """One kind of work at one size.

    Attributes:
      name: the name that results are stored under.
      kind: what is timed. `train`: an epoch over n images. `step`: one call on n = batch images.
        `encode`, `decode`: n images from and to host memory. `time-to-loss`: epochs until the test
        loss is at most 32.5. `cold`: a process from its start to the end of its first epoch.
        `parts`: an epoch and its parts, alternated in one process.
      group: the tasks of a group are measured one after the other in the same process.
      n: number of images.
      batch: batch size.
      hidden: units in each hidden layer.
      only: the frameworks that take part; all if empty.
      sparse: whether to measure in every third round only.
      warm_cache: whether a cold start may use the compilation cache of an earlier process.
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


# Ablations of the speed of jaxae and of PyTorch; each entry changes one thing.
LADDERS = (
    ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "flax"),
    ("torch-loader", "torch-tensors", "torch-eager", "torch-compile"),
)
SWEPT = ("flax", "torch-eager")
# The frameworks with a persistent compilation cache.
_CACHING = ("flax", "equinox", "torch-compile", "keras-jax")
# These encode and decode with the code of another contestant.
LATENT_OF_ANOTHER = {
    "flax-loop": "flax",
    "torch-loader": "torch-eager",
    "torch-compile": "torch-eager",
}
# Entries of an ablation that appear in no other table.
_RUNGS = ("flax-nojit", "flax-jit", "flax-donate", "flax-device", "torch-tensors")

BATCHES = (32, 128, 512, 2048)
STEPS = (1, 8, 32, 128, 512, 2048, 8192)
# `train-batch-128` has the default width and `train` has all images.
HIDDEN = (64, 256, 2048)
IMAGES = (1_000, 4_000, 16_000)
PARTS = ("products", "gradients", "epoch")

# What `--quick` measures: each framework in its fastest form on two cores.
QUICK_TASKS = ("train-batch-128", "encode", "decode", "grid")
QUICK_FRAMEWORKS = ("flax", "equinox", "torch-eager", "keras-jax")
# At batch 128 the other frameworks have `train`.
_AT_BATCH = {128: QUICK_FRAMEWORKS}

TASKS = {
    task.name: task
    for task in (
        Task("train", "train", "train"),
        Task("time-to-loss", "time-to-loss", "train", sparse=True),
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
# Sparse tasks run in every third round; time-to-loss and cold starts of frameworks outside RACING,
# the slowest measurements, in every sixth.
EVERY_SPARSE, EVERY_SLOW = 3, 6
RACING = ("flax", "flax-onecycle", "equinox", "torch-eager", "torch-loader")


def applies(task: Task, framework: str) -> bool:
    """Whether a framework, or a limit, takes part in a task."""
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
    # A cold start of flax-loop would add nothing to that of flax.
    return framework not in _RUNGS and (framework != "flax-loop" or task.kind != "cold")


def due(task: Task, framework: str, number: int) -> bool:
    """Whether to measure a framework in round `number`, which counts from 0."""
    every = EVERY_SPARSE if task.sparse else 1
    if task.kind in ("time-to-loss", "cold") and framework not in RACING:
        every = EVERY_SLOW
    return number % every == 0 and applies(task, framework)
