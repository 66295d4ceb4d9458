"""TensorFlow: an epoch in one `tf.function`, compiled by XLA."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights, padded_batches

# Rows in a call of encode or decode.
CHUNK = 1024


class TensorFlowEpoch:
    """Variables, a `tf.GradientTape`, and Adam, in a loop inside the compiled function."""

    settings = Settings(
        mode="epoch",
        loader="device",
        transfers="once",
        donated=True,
        remark="Adam is written out, since Keras's adds another ε",
    )

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.images, self.batch_size = tf.constant(images), batch_size
        self.learning_rate = learning_rate
        self.w = {name: tf.Variable(value) for name, value in weights.items()}
        self.means = {name: tf.Variable(tf.zeros_like(w)) for name, w in self.w.items()}
        self.squares = {name: tf.Variable(tf.zeros_like(w)) for name, w in self.w.items()}
        self.t = tf.Variable(0.0)
        self.sizes = Sizes.of(weights)
        self.epoch, self.encode_chunk, self.decode_chunk = (
            tf.function(function, jit_compile=True)
            for function in (self._all_steps, self._encode, self._decode)
        )
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        for name, value in weights.items():
            self.w[name].assign(value)
            self.means[name].assign(tf.zeros_like(value))
            self.squares[name].assign(tf.zeros_like(value))
        self.t.assign(0.0)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        rows, mask = padded_batches(order, self.batch_size)
        return self.epoch(self.images, tf.constant(rows), tf.constant(mask))

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        with tf.GradientTape() as tape:
            loss = self._loss(tf.gather(self.images, rows), tf.ones(len(rows)))
        return {name: g.numpy() for name, g in tape.gradient(loss, self.w).items()}

    def encode(self, images: Pixels) -> Floats:
        return in_chunks(self.encode_chunk, images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        return in_chunks(self.decode_chunk, z, self.sizes.pixels, CHUNK)

    def weights(self) -> Weights:
        return {name: w.numpy() for name, w in self.w.items()}

    def synchronise(self) -> None:
        # Reading a number waits for the last epoch.
        self.t.numpy()

    def _dense(self, layer: str, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.w[f"{layer}.kernel"]) + self.w[f"{layer}.bias"]

    def _encode(self, images: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.relu(self._dense("encoder.hidden", _unit_interval(images)))
        return self._dense("encoder.latent", hidden)

    def _decode(self, z: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.relu(self._dense("decoder.hidden", z))
        return tf.sigmoid(self._dense("decoder.pixels", hidden))

    def _loss(self, images: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        squares = tf.square(self._decode(self._encode(images)) - _unit_interval(images))
        return tf.reduce_sum(squares * mask[:, None])

    def _all_steps(self, images: tf.Tensor, rows: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, size=rows.shape[0])
        for step in tf.range(rows.shape[0]):
            with tf.GradientTape() as tape:
                loss = self._loss(tf.gather(images, rows[step]), mask[step])
            self._update(tape.gradient(loss, self.w))
            losses = losses.write(step, loss)
        return losses.stack()

    def _update(self, gradients: dict[str, tf.Tensor]) -> None:
        self.t.assign_add(1.0)
        first, second = 1 - tf.pow(0.9, self.t), 1 - tf.pow(0.999, self.t)
        for name, gradient in gradients.items():
            mean = self.means[name].assign(0.9 * self.means[name] + 0.1 * gradient)
            square = self.squares[name]
            square.assign(0.999 * square + 0.001 * tf.square(gradient))
            change = (mean / first) / (tf.sqrt(square / second) + 1e-8)
            self.w[name].assign_sub(self.learning_rate * change)


def _unit_interval(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 255
