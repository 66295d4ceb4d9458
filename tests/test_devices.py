"""Two, four and eight devices train as one, even where batches do not divide evenly."""

import contextlib
import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx
from jax.sharding import Mesh

import jaxae
from jaxae import Dataset, ModelConfig, TrainConfig
from jaxae.cli.app import main
from jaxae.config import Precision
from jaxae.distributed.mesh import check_precision, find_devices, make_mesh, put_rows_replicated
from jaxae.training.seeds import fit_seeds
from tests.kinds import KINDS

pytestmark = pytest.mark.slow
# 300 images in batches of 37: no batch divides evenly among the devices.
UNEVEN = TrainConfig(epochs=2, batch_size=37)


def mesh_of(count: int) -> Mesh:
    return make_mesh(jax.devices("cpu")[:count])


def train(
    dataset: Dataset,
    mesh: Mesh,
    config: TrainConfig,
    kind: str = "ae",
    stream: bool = False,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Return the losses of each epoch, and the parameters."""
    own = dataclasses.replace(KINDS[kind], hidden_dim=32)
    model = jaxae.create_model(own, dataset.image_shape, 0)
    config = dataclasses.replace(config, stream=stream)
    rows = jaxae.fit(model, dataset, config, mesh=mesh)
    losses = [(row.train_loss, row.test_loss) for row in rows]
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    return np.array(losses), np.concatenate([np.ravel(leaf) for leaf in leaves])


@pytest.fixture(scope="module")
def alone(tiny: Dataset) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """The losses and parameters from one device."""
    return train(tiny, mesh_of(1), UNEVEN)


@pytest.mark.parametrize(("count", "stream"), [(2, False), (8, False), (1, True), (8, True)])
def test_devices_train_as_one(
    tiny: Dataset,
    alone: tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]],
    count: int,
    stream: bool,
) -> None:
    losses, parameters = train(tiny, mesh_of(count), UNEVEN, stream=stream)
    np.testing.assert_allclose(losses, alone[0], rtol=1e-5)
    np.testing.assert_allclose(parameters, alone[1], rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(epochs=2, batch_size=37, input_noise=0.2, likelihood="normal"),
        TrainConfig(epochs=2, batch_size=37, likelihood="bernoulli", binarize=True),
        TrainConfig(epochs=2, batch_size=37, input_noise=0.2, flatten=0.5),
    ],
)
def test_draws_and_variances_are_the_same_on_any_number(config: TrainConfig, tiny: Dataset) -> None:
    """An example's draws depend on its index in the batch, not on its device."""
    expected, _ = train(tiny, mesh_of(1), config, "vae")
    for stream in (False, True):
        losses, _ = train(tiny, mesh_of(8), config, "vae", stream)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.accelerator
@pytest.mark.skipif(
    jax.default_backend() == "cpu" or jax.device_count() == 1,
    reason="needs several GPUs or TPU chips",
)
def test_all_chips_train_as_one(tiny: Dataset) -> None:
    chips = jax.devices()
    expected, _ = train(tiny, make_mesh(chips[:1]), UNEVEN)
    for stream in (False, True):
        losses, _ = train(tiny, make_mesh(chips), UNEVEN, stream=stream)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_a_batch_smaller_than_the_devices_trains_as_one(tiny: Dataset) -> None:
    config = TrainConfig(epochs=1, batch_size=3)
    losses, _ = train(tiny, mesh_of(8), config)
    np.testing.assert_allclose(losses, train(tiny, mesh_of(1), config)[0], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("n", [1, 7, 8, 30])
def test_rows_are_handed_round_whole(count: int, n: int) -> None:
    rows = np.random.default_rng(n).integers(0, 256, (n, 3, 2), np.uint8)
    spread = put_rows_replicated(rows, mesh_of(count))
    assert len(spread.addressable_shards) == count
    for shard in spread.addressable_shards:
        np.testing.assert_array_equal(shard.data, rows)


@pytest.mark.parametrize(("seeds", "devices"), [(1, 8), (5, 4), (7, 2)])
def test_seeds_are_spread_over_devices(tiny: Dataset, seeds: int, devices: int) -> None:
    config = TrainConfig(epochs=2, batch_size=64)
    model_config = ModelConfig(hidden_dim=16)
    states = fit_seeds(tiny, model_config, config, range(seeds), mesh=mesh_of(devices))
    assert len(states) == seeds
    used = {shard.device for leaf in jax.tree.leaves(states) for shard in leaf.addressable_shards}
    assert len(used) == -(-seeds // -(-seeds // devices))  # No more than needed.
    for seed in (0, seeds - 1):
        model = jaxae.create_model(model_config, tiny.image_shape, seed)
        jaxae.fit(model, tiny, TrainConfig(epochs=2, batch_size=64, seed=seed))
        expected = nnx.state(model, nnx.Param)
        for a, b in zip(
            jax.tree.leaves(states[seed].params), jax.tree.leaves(expected), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_devices_keep_the_order_they_are_given_in() -> None:
    """JAX might reorder them, but a process reads the columns of devices adjacent in the mesh."""
    given = [jax.devices("cpu")[i] for i in (3, 0, 6, 1)]
    assert list(make_mesh(given).devices) == given


def test_a_study_that_would_have_to_stream_or_to_round_is_refused(
    tiny: Dataset, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for bad, expected in (({"stream": True}, "one by one"), ({"precision": "tf32"}, "Ampere")):
        with pytest.raises(ValueError, match=expected):
            fit_seeds(tiny, ModelConfig(), TrainConfig(**bad), [0])
    run = tmp_path / "study"
    args = ["study", f"--data-dir={blobs}", f"--run-dir={run}", "--device=cpu"]
    for option in ("--stream", "--precision=tf32"):
        assert main([*args, option]) == 2
        assert capsys.readouterr().err.count("\n") == 1 and not run.exists()


def test_devices_that_are_not_there_are_refused() -> None:
    assert find_devices("cpu") == jax.devices("cpu")
    assert find_devices("cpu", 3) == jax.devices("cpu")[:3]
    for count in (0, 9):
        with pytest.raises(ValueError, match=f"devices is {count}; expected 1 to 8"):
            find_devices("cpu", count)
    with pytest.raises(ValueError, match="there is no device 'tpu'; JAX finds cpu"):
        find_devices("tpu")


class Fake(NamedTuple):
    """A device that may belong to another process."""

    process_index: int
    id: int
    platform: str = "cpu"


def test_the_devices_of_all_processes_lie_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Fake(1, 2), Fake(0, 9), Fake(0, 7), Fake(2, 4), Fake(0, 8), Fake(2, 3), Fake(1, 1)]
    monkeypatch.setattr(jax, "devices", lambda *_: there)
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    for count in (1, 2):  # Per process.
        found = find_devices("cpu", count)
        assert [device.process_index for device in found] == sorted([0, 1, 2] * count)
        assert [device.id for device in found] == ([7, 1, 3] if count == 1 else [7, 8, 1, 2, 3, 4])
    assert [device.id for device in find_devices("auto")] == [7, 8, 9, 1, 2, 3, 4]
    # The process with the fewest has two, although another one has three.
    with pytest.raises(ValueError, match="devices is 3; expected 1 to 2"):
        find_devices("cpu", 3)


def test_the_device_that_was_chosen_is_for_a_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fourth = jax.devices("cpu")[3]
    with jax.default_device(fourth):
        assert find_devices() == [fourth]
        assert find_devices("auto", 2) == find_devices("cpu", 2) == jax.devices("cpu")[:2]
        monkeypatch.setattr(jax, "process_count", lambda: 2)
        assert find_devices() == jax.devices("cpu")


def test_a_model_is_copied_to_each_device_once(tiny: Dataset) -> None:
    model = jaxae.create_model(ModelConfig(hidden_dim=4), tiny.image_shape, 0)
    devices = jax.devices("cpu")[1:4]
    jaxae.replicate(model, devices)
    for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)):
        assert [shard.device for shard in leaf.addressable_shards] == devices
        assert leaf.is_fully_replicated
    for wrong in ([], [devices[0], devices[0]]):
        with pytest.raises(ValueError, match="expected one or more, without repetition"):
            jaxae.replicate(model, wrong)


@pytest.mark.parametrize(
    ("capability", "fits"), [("8.0", True), ("10.0", True), ("9.0a", True), ("7.5", False)]
)
def test_tf32_is_for_gpus_from_ampere_on(capability: str, fits: bool) -> None:
    device: Any = SimpleNamespace(compute_capability=capability, device_kind="GPU")
    check_precision("bfloat16", device)
    with contextlib.nullcontext() if fits else pytest.raises(ValueError, match="the device is GPU"):
        check_precision("tf32", device)


@pytest.mark.usefixtures("no_figures")
def test_the_command_trains_on_so_many_devices(
    blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [f"--data-dir={blobs}", "--epochs=2", "--hidden-dim=16"]
    for count in (1, 4):
        run = f"--run-dir={tmp_path / str(count)}"
        assert main(["train", *args, run, f"--devices={count}"]) == 0
    assert "4 devices, cpu" in capsys.readouterr().out
    one, four = (
        [row.train_loss for row in jaxae.Run.open(tmp_path / name).history()] for name in "14"
    )
    np.testing.assert_allclose(four, one, rtol=1e-5)
    study = f"--run-dir={tmp_path / 'study'}"
    assert main(["study", *args, study, "--seeds=2", "--devices=2"]) == 0
    studied = [row.train_loss for row in jaxae.Run.open(tmp_path / "study" / "seed-0").history()]
    np.testing.assert_allclose(studied, one, rtol=1e-5)


# Precision: matrix products are rounded, parameters and Adam are not.


@pytest.mark.accelerator
@pytest.mark.parametrize(("precision", "bits"), [("bfloat16", 8), ("tf32", 11)])
def test_only_the_products_are_rounded(tiny: Dataset, precision: Precision, bits: int) -> None:
    """Gradients are float32, with the error that rounding causes, not more or less."""
    if precision == "tf32" and not hasattr(jax.devices()[0], "compute_capability"):
        pytest.skip("needs an NVIDIA GPU")
    model = jaxae.create_model(ModelConfig(hidden_dim=32), tiny.image_shape, 0)
    graphdef, params = nnx.split(model, nnx.Param)
    batch = jaxae.Batch(tiny.train.images[:64], np.ones(64, np.float32))

    def gradients(precision: Precision) -> npt.NDArray[np.float32]:
        def loss(params: jaxae.models.Params) -> jax.Array:
            objective = jaxae.Objective(precision=precision)
            return jaxae.batch_loss(nnx.merge(graphdef, params), batch, None, objective)

        found = jax.grad(loss)(params)
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype("float32")}
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(found)])

    exact, rounded = gradients("float32"), gradients(precision)
    error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    # Each value has a relative error of up to half a unit in its last bit.
    assert 2.0 ** -(bits + 4) < error < 2.0 ** -(bits - 3)


@pytest.mark.parametrize("kind", ["ae", "vae", "conv"])
def test_bfloat16_trains_float32_parameters(tiny: Dataset, kind: str) -> None:
    config = TrainConfig(epochs=2, batch_size=32, precision="bfloat16")
    losses, parameters = train(tiny, mesh_of(1), config, kind)
    exact, _ = train(tiny, mesh_of(1), TrainConfig(epochs=2, batch_size=32), kind)
    assert parameters.dtype == np.float32
    assert not np.array_equal(losses, exact)
    np.testing.assert_allclose(losses, exact, rtol=0.02)


def test_tf32_is_refused_where_it_means_nothing(
    tiny: Dataset, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"precision is tf32.*float32 or bfloat16"):
        train(tiny, mesh_of(1), TrainConfig(precision="tf32"))
    run = tmp_path / "run"
    args = ["train", f"--data-dir={blobs}", f"--run-dir={run}", "--device=cpu"]
    assert main([*args, "--precision=tf32"]) == 2
    assert "precision is tf32" in capsys.readouterr().err
    assert not run.exists()
    check_precision("float32", jax.devices("cpu")[0])
