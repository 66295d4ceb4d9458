"""A model with a handmade, asymmetric cloud, so that a test notices swapped quantities."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

import jaxae
from jaxae import Dataset, ModelConfig, Split
from jaxae.analysis import Classifier
from jaxae.analysis.classifier import Network
from jaxae.analysis.embedding import Embedding
from jaxae.config import Model

# Names differ from labels; no test image is of the last class.
NAMES = ("0", "1", "7", "8", "9", "x")
SHAPE = (4, 3)
# For each class: centre, direction, length and width of its strip.
_STRIPS = (
    ((8.0, 3.0), 0.3, 2.0, 0.5),
    ((-6.0, -4.0), 1.8, 1.5, 0.7),
    ((3.0, -11.0), 0.0, 2.5, 0.4),
    ((4.0, -3.0), 2.4, 1.8, 0.8),
    ((-1.0, 2.0), 1.2, 1.2, 0.5),
    ((1.0, 8.0), 0.9, 1.0, 0.6),
)
_CROWD, _SPAN = (6.0, -6.0), 30.0


def dataset() -> Dataset:
    """351 training and 150 test images of 4×3 pixels; the first two pixels determine z."""
    rng = np.random.default_rng(0)
    train = _split(rng, (60, 40, 50, 45, 50, 16), crowd=90, shift=(0.0, 0.0))
    return Dataset("strips", train, _split(rng, (20, 40, 15, 10, 25), 40, (0.5, -0.8)), NAMES)


def model(kind: Model = "ae", seed: int = 0) -> Any:
    """A model that maps the first two pixels, 0 to 1, to z, −15 to 15; random otherwise."""
    made: Any = jaxae.create_model(ModelConfig(2, 12, kind), SHAPE, seed)
    rng = np.random.default_rng(seed)
    made.encoder.hidden.kernel[...] = jnp.eye(12)
    away = rng.normal(0, 0.2, (12, 2))
    away[:2] = _SPAN * np.eye(2)
    made.encoder.latent.kernel[...] = jnp.asarray(away, jnp.float32)
    made.encoder.latent.bias[...] = jnp.full(2, -_SPAN / 2)
    made.decoder.pixels.bias[...] = jnp.asarray(rng.normal(0, 2, 12), jnp.float32)
    return made


def embedding(kind: Model = "ae", seed: int = 0) -> Embedding:
    return Embedding(model(kind, seed), dataset())


def classifier(hits: int = 29, n: int = 100, seed: int = 3) -> Classifier:
    """An untrained classifier whose stated accuracy is `hits` of `n`."""
    network = Network(12, len(NAMES), rngs=nnx.Rngs(seed))
    network.logits.kernel[...] = 4 * network.logits.kernel[...]
    return Classifier(network, hits / n)


def probabilities(classifier: Classifier, images: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute class probabilities with NumPy: the softmax of the logits, shape (n, classes)."""
    x = np.asarray(images, np.float64)
    x = x.reshape(len(x), -1)
    weights: dict[str, Any] = nnx.to_pure_dict(nnx.state(classifier.network, nnx.Param))
    (kernel, bias), (out, shift) = (
        (np.asarray(weights[layer]["kernel"], float), np.asarray(weights[layer]["bias"], float))
        for layer in ("hidden", "logits")
    )
    logits = np.maximum(x @ kernel + bias, 0) @ out + shift
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _split(
    rng: np.random.Generator, sizes: tuple[int, ...], crowd: int, shift: tuple[float, float]
) -> Split:
    labels, places = [], []
    for label, n in enumerate(sizes):
        middle, angle, length, width = _STRIPS[label]
        along = rng.normal(0, (length, width), (n, 2))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        places.append(along @ turn + middle + shift)
        labels += [label] * n
    labels += rng.integers(0, 5, crowd).tolist()
    places.append(rng.normal(_CROWD, 0.25, (crowd, 2)) + shift)
    images = rng.integers(0, 256, (len(labels), 12))
    # The other pixels depend on the class, slightly.
    images[:, 2:8] = np.clip(images[:, 2:8] // 2 + 100 * np.eye(6)[labels], 0, 255)
    images[:, :2] = np.clip((np.concatenate(places) / _SPAN + 0.5) * 255, 0, 255).round()
    order = rng.permutation(len(labels))
    return Split(images[order].reshape(-1, *SHAPE).astype(np.uint8), np.array(labels)[order])
