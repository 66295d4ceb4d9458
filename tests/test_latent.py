"""Encode and decode: a batch of any length equals its examples, on any number of devices."""

import socket
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

import jaxae
from benchmarks.tasks import reference
from jaxae import Autoencoder, Box, ModelConfig
from jaxae.distributed.mesh import replicate
from jaxae.latent.batching import _apply, _size_for, in_chunks
from jaxae.latent.codec import _DECODE_CHUNKS, _ENCODE_CHUNKS
from tests.conftest import compilations, rounded_products
from tests.kinds import KINDS

SHAPE = (8, 6)
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([1023, 2047, 2048, 2049, 8192, 8193]))


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return jaxae.create_model(ModelConfig(latent_dim=2, hidden_dim=16), SHAPE, 0)


def random_images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def random_points(n: int, latent_dim: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 5, (n, latent_dim)).astype(np.float32)


def weights_of(model: Autoencoder) -> reference.Weights:
    tree = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    weights: reference.Weights = {}
    for name in reference.NAMES:
        part, layer, kind = name.split(".")
        weights[name] = np.array(tree[part][layer][kind], np.float64)
    return weights


@pytest.mark.accelerator
def test_encode_and_decode_equal_the_numpy_reference(model: Autoencoder) -> None:
    images = random_images(50)
    _, z, _, x_hat = reference.forward(weights_of(model), reference.to_unit_interval(images))
    np.testing.assert_allclose(jaxae.encode(model, images), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        jaxae.reconstruct(model, images).reshape(50, -1), x_hat, rtol=1e-4, atol=1e-6
    )


@pytest.mark.accelerator
@settings(deadline=None, max_examples=25)
@given(n=SIZES)
def test_any_number_of_examples_equals_a_loop_over_them(model: Autoencoder, n: int) -> None:
    images, z = random_images(n), random_points(n)
    encoded, decoded = jaxae.encode(model, images), jaxae.decode(model, z)
    assert encoded.shape == (n, 2) and encoded.dtype == np.float32
    assert decoded.shape == (n, *SHAPE) and decoded.dtype == np.float32
    for i in {0, n // 2, n - 1} & set(range(n)):
        one = model.encoder(images[i].astype(np.float32) / 255)
        np.testing.assert_allclose(encoded[i], one, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(decoded[i], model.decoder(z[i]), rtol=1e-5, atol=1e-5)


def test_a_new_length_needs_no_compilation(model: Autoencoder) -> None:
    for n in {*_ENCODE_CHUNKS, *_DECODE_CHUNKS}:
        jaxae.encode(model, random_images(n))
        jaxae.decode(model, random_points(n))
    with compilations() as heard:
        for n in (0, 2, 77, 129, 1000, 9000):
            jaxae.encode(model, random_images(n))
            jaxae.decode(model, random_points(n))
        jaxae.encode(model, jax.device_put(random_images(9001)))
        assert heard == []
        jax.jit(lambda x: x + 43)(1.0)
        assert heard, "the listener hears nothing: this test would pass whatever happens"


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, [1]),
        (2, [256]),
        (300, [512]),
        (512, [512]),
        (700, [512, 256]),
        (1_500, [2048]),
        (4_096, [2048, 2048]),
        (10_000, [8192, 2048]),
        (70_000, [*8 * [8192], 2048, 2048, 512]),
    ],
)
def test_chunks_are_padded_by_at_most_a_third_but_for_the_last_rows(
    n: int, expected: list[int]
) -> None:
    sizes = []
    while n > 0:
        sizes.append(_size_for(n, _ENCODE_CHUNKS))
        n -= sizes[-1]
    assert sizes == expected


def test_pixels_may_be_integers_or_floats(model: Autoencoder) -> None:
    images = random_images(20)
    expected = jaxae.encode(model, images)
    sames: list[npt.ArrayLike] = [images.astype(np.int64), images / 255, np.float32(images / 255)]
    for same in sames:
        np.testing.assert_allclose(jaxae.encode(model, same), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_pixels_and_points_may_be_floats_of_16_bits(model: Autoencoder, dtype: Any) -> None:
    images, z = (random_images(20) / 255).astype(dtype), random_points(20).astype(dtype)
    expected = jaxae.encode(model, images.astype(np.float32))
    np.testing.assert_array_equal(jaxae.encode(model, images), expected)
    np.testing.assert_array_equal(jaxae.encode(model, jnp.asarray(images)), expected)
    np.testing.assert_array_equal(jaxae.decode(model, z), jaxae.decode(model, z.astype(np.float32)))
    images[3, 1, 2] = 2
    with pytest.raises(ValueError, match=r"images\[3\] has values from .* to 2"):
        jaxae.encode(model, images)


def test_a_mask_is_black_and_white_as_booleans(
    model: Autoencoder, caplog: pytest.LogCaptureFixture
) -> None:
    mask = random_images(20) > 127
    white = jaxae.encode(model, mask)
    np.testing.assert_array_equal(white, jaxae.encode(model, mask * np.uint8(255)))
    assert caplog.messages == []
    for dtype in (np.uint8, np.int64):
        black = jaxae.encode(model, mask.astype(dtype))
        np.testing.assert_array_equal(black, jaxae.encode(model, np.float32(mask / 255)))
        (message,) = caplog.messages
        assert (
            f"images of {np.dtype(dtype)} contain only 0 and 1" in message and "\n" not in message
        )
        caplog.clear()
    # Neither of these looks like a mask.
    jaxae.encode(model, np.zeros((2, *SHAPE), np.uint8))
    jaxae.encode(model, np.full((2, *SHAPE), 2))
    assert caplog.messages == []


class Recorded:
    """Rows that support only slicing, and record the slices."""

    def __init__(self, rows: npt.NDArray[Any]):
        self.shape, self.dtype = rows.shape, rows.dtype
        self.slices: list[tuple[int, int]] = []
        self._rows = rows

    def __array__(self, *_: Any, **__: Any) -> npt.NDArray[Any]:
        pytest.fail("all of it was read at once")

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        start, stop, _ = rows.indices(len(self._rows))
        self.slices.append((start, stop))
        return self._rows[rows]


def test_rows_with_slicing_are_read_once_and_slice_by_slice(model: Autoencoder) -> None:
    images, z = Recorded(random_images(20_000) / 255), Recorded(random_points(20_000))
    np.testing.assert_array_equal(jaxae.encode(model, images), jaxae.encode(model, images._rows))
    np.testing.assert_array_equal(jaxae.decode(model, z), jaxae.decode(model, z._rows))
    for rows, largest in ((images, _ENCODE_CHUNKS[-1]), (z, _DECODE_CHUNKS[-1])):
        read = [i for start, stop in rows.slices for i in range(start, stop)]
        assert read == list(range(20_000))
        assert max(stop - start for start, stop in rows.slices) <= largest


def test_the_first_bad_example_is_named(model: Autoencoder) -> None:
    images, z = random_images(20_000) / 255, random_points(20_000)
    images[19_990, 3, 2], z[19_991, 1], z[19_995, 0] = 1.5, np.nan, np.inf
    with pytest.raises(ValueError, match=r"images\[19990\] has values from .* to 1\.5; expected 0"):
        jaxae.encode(model, images)
    with pytest.raises(ValueError, match=r"z\[19991\] has a value that is NaN"):
        jaxae.decode(model, z)


@pytest.mark.parametrize("kind", KINDS)
def test_every_product_has_full_float32_precision(kind: str) -> None:
    model = jaxae.create_model(KINDS[kind], SHAPE, 0)
    for part, example in ((model.encoder, np.zeros(SHAPE)), (model.decoder, np.zeros(2))):
        leaves, structure = jax.tree.flatten(part)
        program = _apply.lower(lambda part, x: part(x), structure, leaves, jnp.float32(example))
        assert rounded_products(program) == []


# Several devices.


def spread(k: int, config: ModelConfig | None = None) -> Autoencoder:
    model = jaxae.create_model(config or ModelConfig(latent_dim=2, hidden_dim=16), SHAPE, 0)
    replicate(model, jax.devices("cpu")[:k])
    return model


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_any_number_of_devices_gives_the_same(model: Autoencoder, k: int) -> None:
    several = spread(k)
    most = 2049 * k + 3
    images = random_images(most)
    _, z, _, x_hat = reference.forward(weights_of(model), reference.to_unit_interval(images))
    points, x_hat = z.astype(np.float32), x_hat.reshape(most, *SHAPE)
    for n in (0, 1, 143, 145, 257, most):
        encoded, decoded = jaxae.encode(several, images[:n]), jaxae.decode(several, points[:n])
        np.testing.assert_allclose(encoded, z[:n], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(decoded, x_hat[:n], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(encoded, jaxae.encode(model, images[:n]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(decoded, jaxae.decode(model, points[:n]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["conv", "deep"])
def test_other_models_run_on_several_devices_too(kind: str) -> None:
    config = KINDS[kind]
    model, several = jaxae.create_model(config, SHAPE, 0), spread(4, config)
    images, z = random_images(1500), random_points(1500)
    expected = jaxae.encode(model, images), jaxae.decode(model, z)
    found = jaxae.encode(several, images), jaxae.decode(several, z)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_new_length_needs_no_compilation_on_several_devices() -> None:
    model = spread(4)
    for n in (1, 144, 256, 4 * 144, 4 * 256, 4 * 512, 4 * 2048, 4 * 8192):
        jaxae.encode(model, random_images(n))
        jaxae.decode(model, random_points(n))
    with compilations() as heard:
        for n in (0, 2, 77, 129, 1000, 9000, 33_000):
            jaxae.encode(model, random_images(n))
            jaxae.decode(model, random_points(n))
        assert heard == []


@pytest.mark.parametrize("k", [2, 8])
def test_examples_are_divided_among_devices_but_few_stay_on_one(k: int) -> None:
    def device_of(decoder: Any, rows: jax.Array) -> jax.Array:
        return rows + lax.axis_index("batch")

    decoder, sizes = spread(k).decoder, (1, 4, 8)
    rows = np.zeros(2 * 8 * k, np.float32)

    def devices(n: int) -> list[float]:
        blocks = in_chunks(device_of, decoder, rows[:n], lambda chunk, start: chunk, sizes)
        return list(np.concatenate(list(blocks)))

    assert devices(8 * k) == list(np.repeat(np.arange(k), 8))
    assert devices(16 * k) == 2 * list(np.repeat(np.arange(k), 8))
    assert devices(4 * k) == list(np.repeat(np.arange(k), 4))
    with pytest.raises(NameError, match="batch"):  # On one device there is no mesh axis.
        devices(4)


def test_no_devices_or_one_named_twice_are_refused() -> None:
    device = jax.devices("cpu")[0]
    for devices in ([], [device, device]):
        with pytest.raises(ValueError, match="expected one or more, without repetition"):
            replicate(spread(1), devices)


def test_a_model_trained_on_several_devices_stays_there(tiny: jaxae.Dataset) -> None:
    model = jaxae.create_model(ModelConfig(latent_dim=2, hidden_dim=16), SHAPE, 0)
    devices = jax.devices("cpu")[2:6]
    config = jaxae.TrainConfig(epochs=1)
    jaxae.fit(model, tiny, config, mesh=jaxae.make_mesh(devices))
    images = random_images(3000)
    _, z, _, _ = reference.forward(weights_of(model), reference.to_unit_interval(images))
    np.testing.assert_allclose(jaxae.encode(model, images), z, rtol=1e-4, atol=1e-5)
    for leaf in jax.tree.leaves(nnx.state(model)):
        assert leaf.sharding.device_set == set(devices)


PROCESS = """
import sys
import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import jaxae

port, process = (int(arg) for arg in sys.argv[1:])
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=process)
model = jaxae.create_model(jaxae.ModelConfig(2, 16), (8, 6), 0)
images = np.random.default_rng(0).integers(0, 256, (5000, 8, 6), dtype=np.uint8)
expected = jaxae.reconstruct(model, images)
params = jax.tree.map(np.asarray, nnx.state(model))
for devices in (jax.devices(), jax.devices()[::2]):  # Two of each process, one of each.
    replicated = NamedSharding(Mesh(devices, "batch"), PartitionSpec())
    spread = lambda leaf: jax.make_array_from_callback(
        leaf.shape, replicated, leaf.__getitem__
    )
    nnx.update(model, jax.tree.map(spread, params))
    assert not jax.tree.leaves(nnx.state(model))[0].is_fully_addressable
    for n in (1, 200, 5000) if process == 0 else ():  # The other process is idle.
        found = jaxae.reconstruct(model, images[:n])
        np.testing.assert_allclose(found, expected[:n], rtol=1e-5, atol=1e-6)
        print(len(devices), n)
"""


@pytest.mark.slow
def test_one_process_of_several_encodes_alone() -> None:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(port), str(process)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    printed = [out.splitlines() for out, _ in outputs]
    assert printed == [[f"{k} {n}" for k in (4, 2) for n in (1, 200, 5000)], []]


def test_interpolation_is_the_straight_line_between_two_codes(model: Autoencoder) -> None:
    a, b = random_images(2)
    z_a, z_b = jaxae.encode(model, np.stack([a, b])).astype(np.float64)
    line = jaxae.interpolate(model, a, b, steps=5)
    for k, image in enumerate(line):
        expected = jaxae.decode(model, ((4 - k) / 4 * z_a + k / 4 * z_b)[None])[0]
        np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-6)


def test_grid_decodes_the_lectures_points_with_both_ends(model: Autoencoder) -> None:
    grid = jaxae.latent_grid(model)
    assert grid.shape == (12, 12, *SHAPE)
    for row, column, point in [(0, 0, (-5, -10)), (11, 11, (10, 5)), (1, 0, (-5, -10 + 15 / 11))]:
        np.testing.assert_allclose(
            grid[row, column], jaxae.decode(model, np.array([point]))[0], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 16])
def test_grid_spans_the_plane_of_any_latent_space(latent_dim: int) -> None:
    model = jaxae.create_model(ModelConfig(latent_dim, 16), SHAPE, 0)
    plane = jaxae.pca_plane(random_points(200, latent_dim))
    grid = jaxae.latent_grid(model, Box(-1, 1, -2, 2), n=3, plane=plane)
    assert grid.shape == ((1 if latent_dim == 1 else 3), 3, *SHAPE)
    corner = plane.origin + [-1, -2][: len(plane.axes)] @ plane.axes
    np.testing.assert_allclose(grid[0, 0], jaxae.decode(model, corner[None])[0], atol=1e-6)


def test_grid_of_more_than_two_dimensions_asks_for_its_plane() -> None:
    model = jaxae.create_model(ModelConfig(3, 16), SHAPE, 0)
    with pytest.raises(ValueError, match="plane=pca_plane"):
        jaxae.latent_grid(model)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((2, 28, 28), np.uint8), r"shape \(2, 28, 28\); expected \(n, 8, 6\)"),
        (np.zeros(SHAPE, np.uint8), r"expected \(n, 8, 6\)"),
        (np.full((1, *SHAPE), np.nan), "nan"),
        (np.full((1, *SHAPE), 1.01), "1.01; expected 0 to 1"),
        (np.full((1, *SHAPE), -0.1), "expected 0 to 1"),
        (np.full((1, *SHAPE), np.inf), "inf"),
        (np.full((1, *SHAPE), 256), "256; expected 0 to 255"),
        (np.full((1, *SHAPE), -1), "expected 0 to 255"),
        (np.full((1, *SHAPE), "a"), "expected integers, floats or booleans"),
        (np.full((1, *SHAPE), 1j), "expected integers, floats or booleans"),
    ],
)
def test_encode_refuses_arrays_that_are_not_images(
    model: Autoencoder, images: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        jaxae.encode(model, images)


@pytest.mark.parametrize(
    ("z", "reason"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\); expected \(n, 2\)"),
        (np.zeros(2), r"expected \(n, 2\)"),
        (np.array([[0, np.nan]]), "NaN or infinite"),
        (np.array([[np.inf, 0]]), "NaN or infinite"),
        (np.array([[1e300, 0]]), "NaN or infinite"),
        (np.array([["a", "b"]]), "expected real numbers"),
    ],
)
def test_decode_refuses_arrays_that_are_not_points(
    model: Autoencoder, z: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        jaxae.decode(model, z)


def test_a_line_or_grid_of_one_point_is_refused(model: Autoencoder) -> None:
    with pytest.raises(ValueError, match="steps is 1"):
        jaxae.interpolate(model, random_images(1)[0], random_images(1)[0], steps=1)
    with pytest.raises(ValueError, match="n is 1"):
        jaxae.latent_grid(model, n=1)
