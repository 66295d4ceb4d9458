"""The tasks: each is one kind of work at one size."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.tasks import flops
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
      sparse: whether to measure in every third round only.
      warm_cache: whether a cold start may use the compilation cache of an earlier process.
    """

    name: str
    kind: Kind
    group: str
    n: int = EPOCH
    batch: int = 128
    hidden: int = 512
    sparse: bool = False
    warm_cache: bool = False

    @property
    def sizes(self) -> Sizes:
        """The model's sizes."""
        return Sizes(hidden=self.hidden)

    @property
    def work(self) -> dict[str, int]:
        """`flops` and `bytes` of what is timed, see `flops`; empty if no formula gives them."""
        if self.kind == "encode":
            each, moved = flops.encode(self.sizes), flops.encode_bytes(self.sizes, self.n)
        elif self.kind == "decode":
            each, moved = flops.decode(self.sizes), flops.decode_bytes(self.sizes, self.n)
        elif self.kind in ("train", "step"):
            steps = -(-self.n // self.batch)
            # An incomplete last batch is padded, but the padding is not work that is asked for.
            fixed, image = flops.train_bytes(self.sizes, 0), flops.train_bytes(self.sizes, 1)
            each, moved = flops.train(self.sizes), steps * fixed + self.n * (image - fixed)
        else:
            return {}
        return {"flops": self.n * each, "bytes": moved}


BATCHES = (32, 128, 512, 2048)
STEPS = (1, 8, 32, 128, 512, 2048, 8192)
# `train-batch-128` has the default width and `train` has all images.
HIDDEN = (64, 256, 2048)
IMAGES = (1_000, 4_000, 16_000)
PARTS = ("products", "gradients", "epoch")

# What `--quick` measures.
QUICK_TASKS = ("train-batch-128", "encode", "decode", "grid")

TASKS = {
    task.name: task
    for task in (
        Task("train", "train", "main"),
        *(Task(f"train-batch-{b}", "train", "main", PART, b) for b in BATCHES),
        *(Task(f"step-{b}", "step", "main", b, b, sparse=True) for b in STEPS),
        Task("encode", "encode", "main", ALL),
        Task("decode", "decode", "main", ALL),
        Task("encode-one", "encode", "main", 1),
        Task("decode-one", "decode", "main", 1),
        Task("grid", "decode", "main", 144),
        Task("time-to-loss", "time-to-loss", "time-to-loss"),
        Task("cold", "cold", "cold", sparse=True),
        Task("cold-cached", "cold", "cold-cached", sparse=True, warm_cache=True),
        Task("ladder", "train", "ladder", 24 * 128, sparse=True),
        *(Task(f"hidden-{h}", "train", "hidden", PART, hidden=h, sparse=True) for h in HIDDEN),
        *(Task(f"images-{n}", "train", "images", n, sparse=True) for n in IMAGES),
        *(
            Task(f"{part}-{b}", "parts", f"parts-{b}", PART, b, sparse=True)
            for b in BATCHES
            for part in PARTS
        ),
    )
}

# Sparse tasks, and the limits, run in every third round.
EVERY_SPARSE = 3

# Tasks by topic, as patterns of names, from which a contestant chooses those it takes part in.
TRAINING = ("train", "train-batch-*")
LATENT = ("encode*", "decode*", "grid")
STEP = ("step-*",)
STANDARD = (*TRAINING, *LATENT, "cold")
GROWTH = ("hidden-*", "images-*")
