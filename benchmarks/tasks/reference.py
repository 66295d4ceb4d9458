"""The autoencoder, its gradients and Adam in NumPy, float64; the reference for every contestant.

Parameters are a flat dict of arrays, named as below. Kernels have shape (inputs, outputs).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = dict[str, npt.NDArray[np.floating]]

LAYERS = ("encoder.hidden", "encoder.latent", "decoder.hidden", "decoder.pixels")
NAMES = tuple(f"{layer}.{kind}" for layer in LAYERS for kind in ("kernel", "bias"))


def forward(weights: Weights, x: Array) -> tuple[Array, Array, Array, Array]:
    """Map flat images x of shape (batch, pixels) to (h, z, g, x_hat).

    h and g are the hidden layers of encoder and decoder, z the latent points, x_hat the decoded
    images in [0, 1].
    """
    h = np.maximum(_dense(weights, "encoder.hidden", x), 0)
    z = _dense(weights, "encoder.latent", h)
    g, x_hat = decode(weights, z)
    return h, z, g, x_hat


def decode(weights: Weights, z: Array) -> tuple[Array, Array]:
    """Map latent points of shape (batch, latent_dim) to (g, x_hat)."""
    g = np.maximum(_dense(weights, "decoder.hidden", z), 0)
    return g, 1 / (1 + np.exp(-_dense(weights, "decoder.pixels", g)))


def loss_and_gradients(weights: Weights, x: Array) -> tuple[float, Weights]:
    """Squared error Σ (x̂ − x)² summed over pixels and batch, and its gradient."""
    h, z, g, x_hat = forward(weights, x)
    error = x_hat - x
    gradients: Weights = {}

    def backward(layer: str, inputs: Array, delta: Array) -> Array:
        gradients[f"{layer}.kernel"] = inputs.T @ delta
        gradients[f"{layer}.bias"] = delta.sum(axis=0)
        return delta @ weights[f"{layer}.kernel"].T

    delta = backward("decoder.pixels", g, 2 * error * x_hat * (1 - x_hat))
    delta = backward("decoder.hidden", z, delta * (g > 0))
    delta = backward("encoder.latent", h, delta)
    backward("encoder.hidden", x, delta * (h > 0))
    return float(np.sum(error**2)), gradients


def batches(order: npt.NDArray[np.integer], batch_size: int) -> Iterator[npt.NDArray[np.integer]]:
    """Cut an order of examples into batches; the last one may be short."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def padded_batches(
    order: npt.NDArray[np.integer], batch_size: int
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.float32]]:
    """Cut an order of examples into batches of equal size, for programs of a fixed shape.

    Returns:
      The rows of each batch and their mask, both of shape (steps, batch_size). The short last batch
      repeats examples, where the mask is 0.
    """
    rows = np.resize(order, (-(-len(order) // batch_size), batch_size))
    mask = (np.arange(rows.size) < len(order)).astype(np.float32)
    return rows, mask.reshape(rows.shape)


class Adam:
    """Adam of Kingma and Ba (2015), algorithm 1: ε outside the bias-corrected root.

    Args:
      weights: the parameters, updated in place.
      learning_rate: α.
      beta1: decay rate of the first moment.
      beta2: decay rate of the second moment.
      epsilon: ε.
    """

    def __init__(
        self,
        weights: Weights,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        """Start at t = 0 with both moments zero."""
        self.weights = weights
        self.alpha, self.beta1, self.beta2 = learning_rate, beta1, beta2
        self.epsilon = epsilon
        self.t = 0
        self.m = {name: np.zeros_like(value) for name, value in weights.items()}
        self.v = {name: np.zeros_like(value) for name, value in weights.items()}

    def update(self, gradients: Weights) -> None:
        """Take one step."""
        self.t += 1
        first, second = self.corrections()
        for name, g in gradients.items():
            self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * g
            self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * g**2
            m_hat, v_hat = self.m[name] / first, self.v[name] / second
            self.weights[name] -= self.alpha * m_hat / (np.sqrt(v_hat) + self.epsilon)

    def corrections(self) -> tuple[float, float]:
        """The bias corrections at step t: 1 − β₁ᵗ and 1 − β₂ᵗ."""
        return 1 - self.beta1**self.t, 1 - self.beta2**self.t


def to_unit_interval(images: npt.NDArray[np.uint8]) -> Array:
    """Flatten uint8 images of shape (n, height, width) to float64 rows in [0, 1]."""
    return images.reshape(len(images), -1) / 255.0


def _dense(weights: Weights, layer: str, inputs: Array) -> Array:
    return inputs @ weights[f"{layer}.kernel"] + weights[f"{layer}.bias"]
