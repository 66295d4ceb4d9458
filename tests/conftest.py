"""What the tests share: strict JAX, and a data set small enough to train on in a blink."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Dataset, Split

# A test that broadcasts by accident, or makes NaN silently, should fail.
jax.config.update("jax_numpy_rank_promotion", "raise")
# Eight devices on any machine, for the tests that share a batch out; the others take one.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_default_device", jax.devices("cpu")[0])


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


@pytest.fixture(scope="session")
def blobs(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data set as a folder of IDX files."""
    folder = tmp_path_factory.mktemp("data") / "blobs"
    folder.mkdir()
    for prefix, split in (("train", tiny.train), ("t10k", tiny.test)):
        labels = split.labels.astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(np.asarray(split.images)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """An array as an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


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


def rounded_products(lowered: Any) -> list[str]:
    """The products of a lowered program whose factors a GPU or TPU may round below float32."""
    products = [
        line
        for line in lowered.as_text().splitlines()
        if "stablehlo.dot_general" in line or "stablehlo.convolution" in line
    ]
    assert products, "a program without a product: this test would pass whatever happens"
    return [line for line in products if "HIGHEST, HIGHEST" not in line]
