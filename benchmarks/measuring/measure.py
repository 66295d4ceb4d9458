"""How each kind of work is timed.

An outcome is a dictionary: `values`, seconds of each repetition; `loops`, calls per repetition;
`warmups`, calls before the first repetition, of which the first compiles; and whatever else was
measured.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import library, load
from benchmarks.tasks import Contestant, Pixels, Task, limit
from benchmarks.tasks.parity import initial_weights
from benchmarks.tasks.suite import ALL, EPOCH, PARTS, TARGET_LOSS

Outcome = dict[str, Any]

# Warm-ups, of which the first compiles, and repetitions: enough for a median, few enough for a
# short round. An epoch averages over many steps, so more rounds help more than more repetitions.
_COUNTS, _EPOCH_COUNTS = (1, 2), (1, 1)
_LEAST_SECONDS = 0.05
_MOST_EPOCHS = 40
# How often each part of an epoch is timed; a multiple of the number of parts.
_TURNS = 9


def build(framework: str, task: Task, images: Pixels) -> Contestant:
    """Build a contestant of a task's size, over the task's images, from the initial weights."""
    return load(framework)(initial_weights(*task.sizes), images[: task.n], task.batch)


def repeated(task: Task, contestant: Contestant, images: Pixels, loops: int | None) -> Outcome:
    """Time repetitions of `loops` calls each, calibrated if None."""
    call = _call(task, contestant, images[: task.n])
    return timed(call, loops, _counts(task))


def limits(framework: str, task: Task, loops: int | None) -> Outcome:
    """Time what bounds the work: its matrix products and large output, or a copy in memory."""
    if framework == "limit-copy":
        return timed(limit.copy_rate(), loops)
    products = limit.PRODUCTS[library(framework)]
    work: limit.Work = "train"
    if task.kind in ("encode", "decode"):
        work = task.kind
    rows = task.batch if work == "train" else min(task.n, limit.LATENT_ROWS)
    times = max(1, round(task.n / rows))
    call = products(work, task.sizes, rows, times)
    if work == "decode":
        call = limit.writing(call, task.sizes, rows, times)
    outcome = timed(call, loops, _counts(task))
    # Correct for a number of images that is not a multiple of the rows.
    scale = task.n / (rows * times)
    return outcome | {"values": [value * scale for value in outcome["values"]]}


def parts(contestant: Contestant, task: Task, images: Pixels) -> dict[str, Outcome]:
    """Time the products, the gradients and the whole of an epoch, alternated in one process.

    Whatever slows the process down slows all three, so that their differences are more reliable
    than those of separate processes. Each part goes first equally often.

    Returns:
      An outcome for each of `PARTS`; their values are paired.
    """
    images = images[: task.n]
    works = {
        "products": limit.jax_products("train", task.sizes, task.batch, task.n // task.batch),
        "gradients": limit.gradients(images, order_of(task.n), task.batch),
        "epoch": _call(task, contestant, images),
    }
    for work in works.values():
        work()
    values: dict[str, list[float]] = {part: [] for part in PARTS}
    for turn in range(_TURNS):
        first = turn % len(PARTS)
        for part in PARTS[first:] + PARTS[:first]:
            values[part].append(_seconds(works[part]))
    return {part: {"values": values[part], "loops": 1, "warmups": 1} for part in PARTS}


def timed(
    call: Callable[[], object], loops: int | None, counts: tuple[int, int] = _COUNTS
) -> Outcome:
    """Time a function that returns when its work is done."""
    warmups, repetitions = counts
    for _ in range(warmups):
        call()
    if loops is None:
        loops = 1
        while (each := _seconds(call, loops)) * loops < _LEAST_SECONDS / 2:
            loops = max(2 * loops, round(_LEAST_SECONDS / each))
    values = [_seconds(call, loops) for _ in range(repetitions)]
    return {"values": values, "loops": loops, "warmups": warmups}


def to_loss(contestant: Contestant, images: Pixels, seed: int) -> Outcome:
    """Train until the test loss is at most `TARGET_LOSS`; only the epochs are timed.

    One epoch before them compiles, and the contestant is then reset. The seed, one for each round,
    draws the weights and the orders. Near its end the loss falls so slowly that rounding alone
    changes the number of epochs by one, so a single seed would not be representative.

    Raises:
      ValueError: the loss is not reached within 40 epochs.
    """
    test = images[EPOCH:ALL]
    x = test / np.float32(255)

    def epoch(number: int) -> None:
        contestant.train(order_of(EPOCH, seed, number))
        contestant.synchronise()

    epoch(0)
    contestant.reset(initial_weights(seed=seed))
    seconds: list[float] = []
    loss = np.inf
    while loss > TARGET_LOSS:
        if len(seconds) == _MOST_EPOCHS:
            raise ValueError(f"test loss {loss:.2f} after {_MOST_EPOCHS} epochs, {TARGET_LOSS=}")
        seconds.append(_seconds(lambda: epoch(len(seconds) + 1)))
        x_hat = contestant.decode(contestant.encode(test))
        loss = float(np.mean(np.sum((x_hat - x) ** 2, axis=1)))
    return {
        "values": [sum(seconds)],
        "loops": 1,
        "warmups": 1,
        "epochs": len(seconds),
        "test_loss": loss,
    }


def order_of(n: int, seed: int = 0, epoch: int = 0) -> npt.NDArray[np.int32]:
    """An epoch's order of the images, which is the same for every contestant."""
    return np.random.default_rng((seed, epoch)).permutation(n).astype(np.int32)


def _counts(task: Task) -> tuple[int, int]:
    return _EPOCH_COUNTS if task.kind == "train" and task.n == EPOCH else _COUNTS


def _call(task: Task, contestant: Contestant, images: Pixels) -> Callable[[], object]:
    if task.kind == "encode":
        return lambda: contestant.encode(images)
    if task.kind == "decode":
        z = np.random.default_rng(0).normal(0, 5, (task.n, 2)).astype(np.float32)
        return lambda: contestant.decode(z)
    order = order_of(task.n)

    def train() -> None:
        contestant.train(order)
        contestant.synchronise()

    return train


def _seconds(call: Callable[[], object], loops: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops
