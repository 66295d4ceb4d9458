"""Every compiled function of jaxae lowers for CUDA and for TPUs, on a machine that has neither.

Lowering translates a function into StableHLO, operation by operation. It fails where an operation
does not exist on a platform, and for calls that are not portable. What XLA then makes of the
result is only seen on the device.
"""

import ast
import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import export
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

import jaxae
from jaxae import Batch, Dataset, Objective, Split, TrainConfig
from jaxae.analysis import classifier, evidence, image_distance
from jaxae.config import Precision
from jaxae.distributed import mesh
from jaxae.geometry import curves, decoders, density_weighted, ensemble
from jaxae.geometry.spline import KNOTS
from jaxae.interchange import programs, stablehlo
from jaxae.latent import batching, codec
from jaxae.models import abstract_model, autoencoder
from jaxae.training import evaluation, resident, seeds, step, streaming
from tests.kinds import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.accelerator]
# The package exports functions of these names.
geodesic, metric = (
    importlib.import_module(f"jaxae.geometry.{name}") for name in ("geodesic", "metric")
)
# Eight devices that exist nowhere, and a batch that they cannot share evenly.
MESH: Any = AbstractMesh((8,), ("batch",), axis_types=(AxisType.Auto,))
SHAPE, N, BATCH = (28, 28), 300, 37
WHOLE, ROWS = NamedSharding(MESH, PartitionSpec()), NamedSharding(MESH, PartitionSpec("batch"))
COLUMNS = NamedSharding(MESH, PartitionSpec(None, "batch"))


def lowered(function: Any, *args: Any) -> export.Exported:
    return export.export(function, platforms=["cuda", "tpu"])(*args)


def array(*shape: int, dtype: Any = np.float32, sharding: Any = None) -> Any:
    """An array without values."""
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def placed(tree: Any, sharding: NamedSharding, *leading: int) -> Any:
    """Place arrays on the devices, without values, and with more axes in front."""
    return jax.tree.map(lambda x: array(*leading, *x.shape, dtype=x.dtype, sharding=sharding), tree)


IMAGES, START = array(N, *SHAPE, dtype=np.uint8), array(dtype=np.int32)
# Four batches.
CHUNK: Any = Batch(array(4, 40, *SHAPE, dtype=np.uint8), array(4, 40))
KEY = jax.eval_shape(lambda: jax.random.key(0))
# What marks a matrix product in each precision.
PRODUCTS: dict[Precision, str] = {
    "float32": "precision = [HIGHEST, HIGHEST]",
    "tf32": "precision = [HIGH, HIGH]",
    "bfloat16": "xbf16>, tensor<",
}


def training(kind: str, config: TrainConfig) -> tuple[resident.TrainingSetup, Any]:
    """Return what is trained on the eight devices, and its first state."""
    graphdef, params = abstract_model(KINDS[kind], SHAPE)
    split = Split(np.zeros((N, *SHAPE), np.uint8), np.zeros(N, int))
    data = Dataset("black", split, split, ("black",))
    optimizer = jaxae.make_optimizer(config, N)
    state = jax.eval_shape(lambda params: jaxae.init_state(params, optimizer, 0), params)
    return resident.TrainingSetup(graphdef, optimizer, data, None, config, MESH), state


def resident_epoch(kind: str, config: TrainConfig, sharding: Any = ROWS) -> export.Exported:
    """Lower an epoch as `jaxae.fit` compiles it."""
    setup, state = training(kind, config)
    own = setup.graphdef, setup.optimizer, setup.objective, BATCH, sharding, None
    args = (state, array(N, dtype=np.int32)), IMAGES, START
    return lowered(resident._make_call(*own, steps=9), *(placed(args, WHOLE) if sharding else args))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", PRODUCTS)
def test_epochs_lower_in_their_precision(kind: str, precision: Precision) -> None:
    config = TrainConfig(batch_size=BATCH, precision=precision)
    setup, state = training(kind, config)
    chunks = placed(state, WHOLE), placed(CHUNK, COLUMNS)
    streamed = lowered(streaming._make_train_chunk(setup), *chunks)
    found = re.findall(r"stablehlo\.(?:dot_general|convolution)\b.*", streamed.mlir_module())
    assert len(found) > 6
    assert all(PRODUCTS[precision] in line for line in found)
    # The penalty is always computed in float32.
    flat = resident_epoch(kind, dataclasses.replace(config, flatten=0.1))
    for exported in (streamed, flat):
        assert exported.platforms == ("cuda", "tpu") and exported.nr_devices == 8


def test_epochs_of_one_device_lower() -> None:
    assert resident_epoch("vae", TrainConfig(batch_size=BATCH), None).nr_devices == 1
    alone: Any = AbstractMesh((1,), ("batch",), axis_types=(AxisType.Auto,))
    setup, state = training("vae", TrainConfig(batch_size=BATCH))
    program = streaming._make_train_chunk(setup._replace(mesh=alone))
    assert lowered(program, state, CHUNK).nr_devices == 1


@pytest.mark.parametrize("likelihood", ["normal", "bernoulli"])
def test_epochs_of_other_likelihoods_lower(likelihood: Any) -> None:
    config = TrainConfig(
        batch_size=BATCH, likelihood=likelihood, kl_warmup=2, input_noise=0.1, schedule="onecycle"
    )
    assert resident_epoch("vae", config).nr_devices == 8


def test_epochs_of_a_study_lower() -> None:
    setup, state = training("vae", TrainConfig(batch_size=BATCH))
    over = seeds._vmap_over(MESH)
    stacked = placed((state, array(N, dtype=np.int32)), ROWS, 8)
    images, start = placed((IMAGES, START), WHOLE)
    own = setup.graphdef, setup.optimizer, setup.objective, BATCH, None, over
    assert lowered(resident._make_call(*own, steps=9), stacked, images, start).nr_devices == 8
    for program in (
        resident._make_order(None, over),
        resident._make_test(setup.graphdef, setup.objective, None, over),
    ):
        assert lowered(program, stacked[0], images).nr_devices == 8


def test_what_comes_before_and_after_an_epoch_lowers() -> None:
    setup, state = training("vae", TrainConfig(batch_size=BATCH))
    state, images = placed((state, IMAGES), WHOLE)
    own = setup.graphdef, setup.optimizer, BATCH, ROWS
    for function, *args in (
        (mesh._all_gather, array(304, *SHAPE, dtype=np.uint8, sharding=ROWS), N, WHOLE),
        (step.copy_state, state),
        (step.make_train_epoch(*own), state, images),
        (resident._make_order(ROWS, None), state, images),
        (streaming._next_epoch, state),
    ):
        assert lowered(function, *args).nr_devices == 8
    lowered(resident._mean, array(9), N)
    lowered(streaming._epoch_order, KEY, START, N)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_and_evaluating_a_model_lower(kind: str) -> None:
    lowered(autoencoder._draw, KINDS[kind], SHAPE, KEY)
    _, state = training(kind, TrainConfig())
    graphdef, objective = abstract_model(KINDS[kind], SHAPE)[0], Objective()
    state, images, key = placed((state, IMAGES, KEY), WHOLE)
    chunk = placed(CHUNK, COLUMNS)
    for function, *args in (
        (evaluation.evaluate_terms, graphdef, state.params, images, objective, ROWS),
        (streaming._test_chunk, graphdef, state.params, key, chunk, objective),
    ):
        assert lowered(function, *args).nr_devices == 8


@pytest.mark.parametrize("kind", KINDS)
def test_encode_and_decode_lower(kind: str) -> None:
    model = jaxae.create_model(KINDS[kind], SHAPE, 0)
    for function, part, rows in (
        (codec._encode_chunk, model.encoder, array(8192, *SHAPE, dtype=np.uint8)),
        (codec._decode_chunk, model.decoder, array(4096, 2)),
    ):
        leaves, structure = jax.tree.flatten(part)
        lowered(batching._apply, function, structure, leaves, rows)
        args = placed(leaves, WHOLE), placed(rows, ROWS)
        exported = lowered(batching._apply_sharded, function, structure, MESH, *args)
        assert exported.nr_devices == 8
    # Those that `jaxae export` writes, in `stablehlo.write`.
    assert {"cuda", "tpu"} < {*stablehlo.PLATFORMS}
    for program in programs.programs(model):
        lowered(jax.jit(program.function), program.abstract_batch())


def decoders_of() -> dict[str, Any]:
    """Decoders: of one model, and joined and weighted."""
    models = [jaxae.create_model(KINDS["ae"], SHAPE, seed).decoder for seed in range(2)]
    cloud = np.random.default_rng(0).normal(size=(20, 2))
    return {
        "convolutions": jaxae.create_model(KINDS["conv"], SHAPE, 0).decoder,
        "weighted ensemble": density_weighted(ensemble(models), cloud),
    }


@pytest.mark.parametrize("name", ["convolutions", "weighted ensemble"])
def test_geometry_lowers(name: str) -> None:
    own = decoders_of()[name]
    for function, items in (
        (metric.metric_at, array(40, 2)),
        (metric._log_magnification, array(40, 2)),
        (metric._condition_number, array(40, 2)),
        (decoders._scaled_image, array(40, 2)),
        (curves.length_of, array(3, 64, 2)),
        (curves.energy_of, array(3, 64, 2)),
    ):
        lowered(decoders._for_each, function, own, items)
    facets = array(64, 2), array(64)
    lowered(geodesic._best, own, *facets, array(2, 2), array(1, KNOTS, 2), 64)


def test_reports_lower() -> None:
    black, labels, x = array(N, *SHAPE, dtype=np.uint8), array(N, dtype=np.int32), array(N, 784)
    vae = nnx.split(jaxae.create_model(KINDS["vae"], SHAPE, 0), nnx.Param)
    network = nnx.split(classifier.Network(784, 10, rngs=nnx.Rngs(0)), nnx.Param)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), N))
    for function, *args in (
        (evidence._bounds, *vae, black, keys, 100, 0.5),
        (evidence._bounds, *vae, black, keys, 100, None),
        (evidence._squared_errors, *vae, black, keys),
        (evidence._divergences, *vae, black),
        (classifier._fitted, *network, black, labels, KEY),
        (classifier._probabilities, *network, array(N, *SHAPE)),
        (image_distance._smallest_square, x, array(N, 784, dtype=np.uint8)),
        (image_distance._smallest_squares, x, x, 5),
        (image_distance._ranks, x, labels, array(N, 5, dtype=np.int32)),
    ):
        lowered(function, *args)


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x: jax.pure_callback(np.sin, x, x), "callback"),
        (lambda x: jax.ffi.ffi_call("of_a_cpu", x)(x), "of_a_cpu"),
        (lambda x: jax.scipy.linalg.schur(x)[0], "schur"),
        (lambda x: jnp.linalg.eig(x)[0], "eig"),
    ],
)
def test_what_only_a_cpu_can_run_does_not_lower(function: Any, named: str) -> None:
    with pytest.raises((NotImplementedError, ValueError), match=named):
        lowered(jax.jit(function), array(4, 4))


def test_no_compiled_function_is_left_out() -> None:
    here, found = Path(__file__).read_text(), set()
    for path in Path(jaxae.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if any(
                isinstance(part, ast.Attribute) and part.attr == "jit" for part in ast.walk(node)
            ):
                name = node.targets[0] if isinstance(node, ast.Assign) else node
                found.add(f"{path.stem}.{getattr(name, 'name', None) or ast.unparse(name)}")
    assert len(found) > 20
    assert [name for name in sorted(found) if name not in here] == []
