"""NumPy in float32, with a hand-written backward pass and Adam; products are its BLAS's."""

import numpy as np
import numpy.typing as npt

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import LAYERS, Floats, Pixels, Settings, Sizes, Weights, batches

# Rows in a call of encode or decode, so that their pixels fit a core's cache.
CHUNK = 512


class NumpyOnly:
    """One step after the other; Adam works on all parameters in one flat array, in place."""

    settings = Settings(mode="eager", loader="host", transfers="once")

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.images, self.batch_size, self.learning_rate = images, batch_size, learning_rate
        self.sizes = Sizes.of(weights)
        shapes = [weights[f"{layer}.kernel"].shape for layer in LAYERS]
        self.flat, self.w = _arrays(shapes)
        self.flat_gradient, self.gradient = _arrays(shapes)
        self.mean, self.square, self.scratch, self.update = np.zeros(
            (4, self.flat.size), np.float32
        )
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        for name, value in weights.items():
            self.w[name][...] = value
        self.mean[:] = self.square[:] = self.t = 0

    def train(self, order: npt.NDArray[np.int32]) -> list[float]:
        losses = []
        for rows in batches(order, self.batch_size):
            losses.append(self._backward(_unit_interval(self.images[rows])))
            self._adam()
        return losses

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights:
        self._backward(_unit_interval(self.images[rows]))
        return {name: value.copy() for name, value in self.gradient.items()}

    def encode(self, images: Pixels) -> Floats:
        return in_chunks(self._encode, images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        return in_chunks(self._decode, z, self.sizes.pixels, CHUNK)

    def weights(self) -> Weights:
        return {name: value.copy() for name, value in self.w.items()}

    def synchronise(self) -> None:
        pass

    def _encode(self, images: Pixels) -> Floats:
        hidden = _relu(self._dense("encoder.hidden", _unit_interval(images)))
        return self._dense("encoder.latent", hidden)

    def _decode(self, z: Floats) -> Floats:
        return _sigmoid(self._dense("decoder.pixels", _relu(self._dense("decoder.hidden", z))))

    def _dense(self, layer: str, x: Floats) -> Floats:
        y = x @ self.w[f"{layer}.kernel"]
        y += self.w[f"{layer}.bias"]
        return y

    def _backward(self, x: Floats) -> float:
        """Write the gradient, and return the loss."""
        h = _relu(self._dense("encoder.hidden", x))
        z = self._dense("encoder.latent", h)
        g = _relu(self._dense("decoder.hidden", z))
        x_hat = _sigmoid(self._dense("decoder.pixels", g))
        delta = x_hat - x
        loss = float(np.vdot(delta, delta))
        # The derivative of the loss, then of the sigmoid: 2 (x̂ − x) x̂ (1 − x̂).
        delta *= x_hat
        np.subtract(2, 2 * x_hat, out=x_hat)
        delta *= x_hat
        delta = self._through("decoder.pixels", g, delta)
        delta *= g > 0
        delta = self._through("decoder.hidden", z, delta)
        delta = self._through("encoder.latent", h, delta)
        delta *= h > 0
        self._of_parameters("encoder.hidden", x, delta)
        return loss

    def _through(self, layer: str, inputs: Floats, delta: Floats) -> Floats:
        self._of_parameters(layer, inputs, delta)
        return delta @ self.w[f"{layer}.kernel"].T

    def _of_parameters(self, layer: str, inputs: Floats, delta: Floats) -> None:
        np.matmul(inputs.T, delta, out=self.gradient[f"{layer}.kernel"])
        np.sum(delta, axis=0, out=self.gradient[f"{layer}.bias"])

    def _adam(self) -> None:
        self.t += 1
        gradient, scratch, update = self.flat_gradient, self.scratch, self.update
        rate = self.learning_rate / (1 - 0.9**self.t)
        self.mean *= 0.9
        self.mean += np.multiply(gradient, 0.1, out=scratch)
        self.square *= 0.999
        np.multiply(gradient, gradient, out=scratch)
        self.square += np.multiply(scratch, 0.001, out=scratch)
        np.sqrt(self.square, out=scratch)
        scratch *= (1 - 0.999**self.t) ** -0.5
        scratch += 1e-8
        np.divide(self.mean, scratch, out=update)
        self.flat -= np.multiply(update, rate, out=update)


def _arrays(shapes: list[tuple[int, ...]]) -> tuple[Floats, dict[str, Floats]]:
    """A flat array, and its parts by the names of the parameters."""
    sizes = [(inputs * outputs, outputs) for inputs, outputs in shapes]
    flat = np.zeros(sum(map(sum, sizes)), np.float32)
    parts: dict[str, Floats] = {}
    start = 0
    for layer, shape, (kernel, bias) in zip(LAYERS, shapes, sizes, strict=True):
        parts[f"{layer}.kernel"] = flat[start : start + kernel].reshape(shape)
        parts[f"{layer}.bias"] = flat[start + kernel : start + kernel + bias]
        start += kernel + bias
    return flat, parts


def _unit_interval(images: Pixels) -> Floats:
    # Half as long as np.divide with a dtype.
    x = images.astype(np.float32)
    x /= 255
    return x


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0, out=x)


def _sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), in place; exp overflows to infinity where the result is 0."""
    with np.errstate(over="ignore"):
        np.exp(np.negative(x, out=x), out=x)
    x += 1
    return np.divide(1, x, out=x)
