"""Is jaxae as fast as it claims? `python -m benchmarks.targets` measures its speed targets.

Each pair that is compared runs in one process in alternation, so that a machine whose speed drifts
slows both; what is quoted is the median of the ratios, round by round, with their quartiles.
The matrix products are the limit: the large ones (784×512) that the work cannot do without.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from flax import nnx

import jaxae
from benchmarks.measuring.machine import processors
from benchmarks.tasks import Sizes, limit
from jaxae.distributed import put_replicated
from jaxae.training import StreamedEpochs, copy_state
from jaxae.training import resident as epochs

BATCH, HIDDEN = 128, 512
SIZES = Sizes(hidden=HIDDEN)
Work = Callable[[], object]


def jaxae_epoch(dataset: jaxae.Dataset) -> Work:
    """One epoch as `jaxae.fit` runs it."""
    model = jaxae.create_model(jaxae.ModelConfig(hidden_dim=HIDDEN), dataset.image_shape, 0)
    graphdef, params = nnx.split(model, nnx.Param)
    optimizer = jaxae.make_optimizer(jaxae.TrainConfig(), len(dataset.train))
    epoch = jaxae.make_train_epoch(graphdef, optimizer, BATCH)
    images = jax.device_put(dataset.train.images)
    start = jaxae.init_state(params, optimizer, 0)

    def run() -> None:
        # A copy, because the epoch consumes its state.
        jax.block_until_ready(epoch(copy_state(start), images))

    return run


def torch_epoch(dataset: jaxae.Dataset) -> Work:
    """The same model, loss and batches in an eager PyTorch loop over tensors in memory."""
    import torch
    from torch import nn

    torch.set_num_threads(processors())
    images = torch.from_numpy(np.array(dataset.train.images)).flatten(1).float() / 255
    pixels = images.shape[1]
    model = nn.Sequential(
        *(nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2)),
        *(nn.Linear(2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, pixels), nn.Sigmoid()),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run() -> None:
        for rows in torch.randperm(len(images)).split(BATCH):
            x = images[rows]
            optimizer.zero_grad(set_to_none=True)
            ((model(x) - x) ** 2).sum().backward()
            optimizer.step()

    return run


def streamed_epochs(dataset: jaxae.Dataset, folder: Path) -> tuple[Work, Work]:
    """An epoch at batch 512 over images that stay in a file, and one over images in memory."""
    for split, images in (("train", dataset.train.images), ("test", dataset.test.images)):
        np.save(folder / f"{split}_images.npy", np.asarray(images))
        np.save(folder / f"{split}_labels.npy", getattr(dataset, split).labels)
    config, mesh = jaxae.TrainConfig(batch_size=512), jaxae.make_mesh(jaxae.find_devices(count=1))
    model = jaxae.create_model(jaxae.ModelConfig(hidden_dim=HIDDEN), dataset.image_shape, 0)
    graphdef, params = nnx.split(model, nnx.Param)
    optimizer = jaxae.make_optimizer(config, len(dataset.train))
    start = put_replicated(jaxae.init_state(params, optimizer, 0), mesh)
    on_disk = jaxae.load_dataset(folder)

    def epoch_of(of: epochs.ResidentEpochs | StreamedEpochs) -> Work:
        return lambda: of.train(copy_state(start))

    streamed = StreamedEpochs(
        epochs.TrainingSetup(graphdef, optimizer, on_disk, config, mesh), start
    )
    resident = epochs.ResidentEpochs(
        epochs.TrainingSetup(graphdef, optimizer, dataset, config, mesh), start
    )
    return epoch_of(streamed), epoch_of(resident)


def latent_products(n: int) -> Work:
    """The large product of encoding n images, then that of decoding them."""
    rows = limit.LATENT_ROWS
    encode = limit.jax_products("encode", SIZES, rows, round(n / rows))
    decode = limit.jax_products("decode", SIZES, rows, round(n / rows))
    return lambda: (encode(), decode())


def encode_and_decode(dataset: jaxae.Dataset) -> Work:
    """All 70,000 images to latent space and back, from and to the host's memory."""
    model = jaxae.create_model(jaxae.ModelConfig(hidden_dim=HIDDEN), dataset.image_shape, 0)
    images = np.concatenate([dataset.train.images, dataset.test.images])
    return lambda: jaxae.decode(model, jaxae.encode(model, images))


def compare(title: str, ours: Work, other: Work, target: float | None, rounds: int) -> None:
    """Print the ratio ours / other, measured in alternation after one warm-up of each."""
    ratios = []
    for number in range(rounds + 1):
        seconds = []
        for work in (ours, other):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        if number > 0:
            ratios.append((seconds[0], seconds[0] / seconds[1]))
    times, quotients = np.array(ratios).T
    low, median, high = np.percentile(quotients, [25, 50, 75])
    verdict = ""
    if target is not None:
        verdict = f", target {target:.2f} {'met' if median <= target else 'NOT met'}"
    print(
        f"{title:<42} {np.median(times):7.3f} s   ratio {median:.2f} "
        f"(quartiles {low:.2f} to {high:.2f}){verdict}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs to measure (default: 15)")
    rounds = parser.parse_args().rounds
    dataset = jaxae.load_dataset("mnist")
    n = len(dataset.train)
    print(f"{jax.devices()[0].device_kind}, {processors()} processors, {rounds} rounds")
    epoch = jaxae_epoch(dataset)
    compare("epoch / PyTorch eager epoch", epoch, torch_epoch(dataset), 0.60, rounds)
    products = limit.jax_products("train", SIZES, BATCH, -(-n // BATCH))
    compare("epoch / its large products", epoch, products, 1.20, rounds)
    order = np.random.default_rng(0).permutation(n).astype(np.int32)
    without_adam = limit.gradients(np.asarray(dataset.train.images).reshape(n, -1), order, BATCH)
    compare("epoch without Adam / its large products", without_adam, products, None, rounds)
    with tempfile.TemporaryDirectory() as folder:
        streamed, resident = streamed_epochs(dataset, Path(folder))
        compare("epoch from a file / in memory, batch 512", streamed, resident, 1 / 0.9, rounds)
    total = n + len(dataset.test)
    compare(
        "encode and decode / their large products",
        encode_and_decode(dataset),
        latent_products(total),
        1.10,
        rounds,
    )


if __name__ == "__main__":
    main()
