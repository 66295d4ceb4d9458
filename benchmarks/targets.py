"""Measure jaxae's speed targets: `python -m benchmarks.targets`.

The two sides of a comparison alternate in one process, so that a machine whose speed drifts slows
both down. What is printed is the median of their ratios with its quartiles.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import jaxae
from benchmarks.measuring import measure
from benchmarks.measuring.machine import processors
from benchmarks.tasks import TASKS, Pixels, Task, limit
from benchmarks.tasks.suite import ALL

# Runs once and returns seconds.
Run = Callable[[], float]


def timed(work: Callable[[], object]) -> Run:
    """Time a function that returns when its work is done."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def epoch_of(framework: str, task: Task, images: Pixels) -> Run:
    """One epoch of a contestant."""
    contestant, order = measure.build(framework, task, images), measure.order_of(task.n)

    def work() -> None:
        contestant.train(order)
        contestant.synchronise()

    return timed(work)


def fitted(dataset: jaxae.Dataset, stream: bool) -> Run:
    """The second of two epochs of `jaxae.fit` at batch 512; the first one compiles."""
    config = jaxae.TrainConfig(epochs=2, batch_size=512, stream=stream)

    def run() -> float:
        model = jaxae.create_model(jaxae.ModelConfig(), dataset.image_shape, 0)
        return jaxae.fit(model, dataset, config)[-1].seconds

    return run


def on_disk(dataset: jaxae.Dataset, folder: Path) -> jaxae.Dataset:
    """The data set in .npy files, whose images are read as needed."""
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        np.save(folder / f"{name}_images.npy", np.asarray(split.images))
        np.save(folder / f"{name}_labels.npy", split.labels)
    return jaxae.load_dataset(folder)


def compare(title: str, ours: Run, other: Run, target: float | None, rounds: int) -> None:
    """Print the ratio ours / other over alternating runs, after a warm-up of each."""
    seconds = np.array([(ours(), other()) for _ in range(rounds + 1)])[1:]
    low, median, high = np.percentile(seconds[:, 0] / seconds[:, 1], [25, 50, 75])
    verdict = ""
    if target is not None:
        verdict = f", target {target:.2f} {'met' if median <= target else 'NOT met'}"
    print(
        f"{title:<42} {np.median(seconds[:, 0]):7.3f} s   ratio {median:.2f} "
        f"(quartiles {low:.2f} to {high:.2f}){verdict}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs to measure (default: 15)")
    rounds = parser.parse_args().rounds
    dataset, task = jaxae.load_dataset("mnist"), TASKS["train"]
    images = np.concatenate([dataset.train.images, dataset.test.images])
    flat = images.reshape(ALL, -1)
    print(f"{jax.devices()[0].device_kind}, {processors()} processors, {rounds} rounds")

    epoch = epoch_of("flax", task, flat)
    compare("epoch / PyTorch eager epoch", epoch, epoch_of("torch-eager", task, flat), 0.6, rounds)
    products = timed(limit.jax_products("train", task.sizes, task.batch, -(-task.n // task.batch)))
    compare("epoch / its large products", epoch, products, 1.2, rounds)
    without = timed(limit.gradients(flat[: task.n], measure.order_of(task.n), task.batch))
    compare("epoch without Adam / its large products", without, products, None, rounds)
    with tempfile.TemporaryDirectory() as folder:
        streamed = fitted(on_disk(dataset, Path(folder)), stream=True)
        title = "epoch from a file / in memory, batch 512"
        compare(title, streamed, fitted(dataset, stream=False), 1 / 0.9, rounds)
    model = jaxae.create_model(jaxae.ModelConfig(), dataset.image_shape, 0)
    latent = timed(lambda: jaxae.decode(model, jaxae.encode(model, images)))
    rows = limit.LATENT_ROWS
    times = round(ALL / rows)
    encode = limit.jax_products("encode", task.sizes, rows, times)
    decode = limit.jax_products("decode", task.sizes, rows, times)
    both = timed(lambda: (encode(), decode()))
    compare("encode and decode / their large products", latent, both, 1.1, rounds)


if __name__ == "__main__":
    main()
