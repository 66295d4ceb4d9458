"""A small classifier, trained on the images of a data set to evaluate decoded images.

Matrix products have full float32 precision on every device.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax import lax

from jaxae.analysis.entropy import entropy_bits
from jaxae.data import Dataset
from jaxae.models import Params
from jaxae.training import to_unit_interval

_HIDDEN, _EPOCHS, _BATCH, _PEAK_RATE = 512, 5, 128, 3e-3
_CHUNK = 2000
# Folded into the key, so that the hidden layer does not start equal to that of an autoencoder.
_STREAM = 2**32 - 3


class Network(nnx.Module):
    """A perceptron with one hidden layer: flatten → 512, ReLU → classes."""

    def __init__(self, pixels: int, classes: int, *, rngs: nnx.Rngs):
        """Draw the initial parameters."""
        self.hidden = nnx.Linear(pixels, _HIDDEN, rngs=rngs)
        self.logits = nnx.Linear(_HIDDEN, classes, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map an image of any shape, values 0 to 1, to logits of shape (classes,)."""
        return self.logits(nnx.relu(self.hidden(x.reshape(-1))))


class Prediction(NamedTuple):
    """A classifier's predictions for n images.

    Attributes:
      label: the most probable class, shape (n,).
      confidence: its probability, 1 / classes to 1, shape (n,).
      entropy: entropy of the class probabilities, in bits, 0 to log₂(classes), shape (n,).
    """

    label: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    entropy: npt.NDArray[np.float64]


class Classifier(NamedTuple):
    """A trained network.

    Attributes:
      network: maps one image to logits.
      test_accuracy: fraction of the test images classified correctly, 0 to 1.
    """

    network: Network
    test_accuracy: float

    def predict(self, images: npt.NDArray[np.floating]) -> Prediction:
        """Classify images of shape (n, *image_shape), values 0 to 1."""
        graphdef, params = nnx.split(self.network, nnx.Param)
        chunks = [
            np.asarray(_probabilities(graphdef, params, images[start : start + _CHUNK]))
            for start in range(0, len(images), _CHUNK)
        ]
        p = np.concatenate([np.empty((0, self.network.logits.out_features)), *chunks])
        return Prediction(p.argmax(axis=1), p.max(axis=1, initial=0), entropy_bits(p, axis=1))


def fit_classifier(dataset: Dataset, seed: int = 0) -> Classifier:
    """Train a classifier: cross-entropy, Adam, one-cycle learning rate, five epochs.

    Args:
      dataset: the data set; two classes or more.
      seed: seed of the initial parameters and of the order of the images.

    Raises:
      ValueError: there is only one class.
    """
    train, test = dataset.train, dataset.test
    classes = len(dataset.class_names)
    if classes < 2:
        raise ValueError(f"{dataset.name} has one class; a classifier needs two or more")
    key, orders = jax.random.split(jax.random.fold_in(jax.random.key(seed), _STREAM))
    network = Network(int(np.prod(dataset.image_shape)), classes, rngs=nnx.Rngs(key))
    graphdef, params = nnx.split(network, nnx.Param)
    params = _fitted(graphdef, params, jnp.asarray(train.images), jnp.asarray(train.labels), orders)
    nnx.update(network, params)
    untested = Classifier(network, 0.0)
    hits = untested.predict(np.asarray(test.images) / np.float32(255)).label == test.labels
    return untested._replace(test_accuracy=float(np.mean(hits)))


@functools.partial(jax.jit, static_argnums=0)
def _fitted(
    graphdef: nnx.GraphDef[Network],
    params: Params,
    images: jax.Array,
    labels: jax.Array,
    key: jax.Array,
) -> Params:
    steps = max(1, len(images) // _BATCH)
    batch = min(_BATCH, len(images))
    optimizer = optax.adam(
        optax.cosine_onecycle_schedule(steps * _EPOCHS, _PEAK_RATE, pct_start=0.2)
    )

    def loss(params: Params, rows: jax.Array) -> jax.Array:
        logits = jax.vmap(nnx.merge(graphdef, params))(to_unit_interval(images[rows]))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows])
        return jnp.mean(losses)

    def step(carry: Any, rows: jax.Array) -> tuple[Any, None]:
        params, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(loss)(params, rows), opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    # Each epoch leaves out a different remainder of the images.
    orders = jax.vmap(lambda key: jax.random.permutation(key, len(images))[: steps * batch])
    rows = orders(jax.random.split(key, _EPOCHS)).reshape(-1, batch)
    with jax.default_matmul_precision("float32"):
        (params, _), _ = lax.scan(step, (params, optimizer.init(params)), rows)
    return params


@functools.partial(jax.jit, static_argnums=0)
def _probabilities(graphdef: nnx.GraphDef[Network], params: Params, images: jax.Array) -> jax.Array:
    with jax.default_matmul_precision("float32"):
        return jax.nn.softmax(jax.vmap(nnx.merge(graphdef, params))(images))
