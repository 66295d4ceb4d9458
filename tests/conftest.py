"""What the tests share: strict JAX, and a data set small enough to train on in a blink."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np
import pytest

from jaxae import Dataset, Split

# A test that broadcasts by accident, or makes NaN silently, should fail.
jax.config.update("jax_numpy_rank_promotion", "raise")
# Two devices on any machine, for the tests that shard a batch.
jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Blurry blobs: 300 training and 60 test images of 8×6 pixels in 3 classes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:8, :6]

    def split(n: int) -> Split:
        labels = rng.integers(0, 3, n)
        centre = labels * 2.0 + rng.normal(0, 0.4, n)
        images = 255 * np.exp(
            -((y[None] - centre[:, None, None] - 1) ** 2) / 2 - (x[None] - 2.5) ** 2 / 3
        )
        return Split(images.astype(np.uint8), labels)

    return Dataset("blobs", split(300), split(60), ("low", "middle", "high"))


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Collect an entry for each program that XLA compiles inside the block."""
    heard: list[str] = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            heard.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield heard
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
