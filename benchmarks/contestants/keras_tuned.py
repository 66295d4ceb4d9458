"""Keras 3 as fast as `fit` goes: the images live on the device, and `fit` gets row numbers.

The model gathers each batch and rescales it, and Python runs once for several steps where the
backend allows it.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from benchmarks.contestants.chunks import in_chunks
from benchmarks.contestants.keras_fit import CHUNK, EAGER, EPSILON, KerasFit
from benchmarks.tasks import Floats, Pixels, Settings

# On PyTorch, Keras allows only one.
STEPS = 1 if EAGER else 64


class KerasTuned(KerasFit):
    """`fit` on row numbers, and `predict_on_batch` for each chunk of encode and decode."""

    settings = Settings(
        mode="eager" if EAGER else "step",
        loader="device",
        transfers="once",
        remark=EPSILON,
    )
    steps_per_execution = STEPS

    def built(self, images: Pixels, layers: list[keras.layers.Dense]) -> keras.Model:
        rescaling = keras.layers.Rescaling(1 / 255)
        inputs = keras.Input((self.sizes.pixels,), dtype="uint8")
        self.encoder = keras.Sequential([inputs, rescaling, *layers[:2]])
        self.decoder = keras.Sequential([keras.Input((self.sizes.latent,)), *layers[2:]])
        steps = -(-len(images) // self.batch_size)
        return OfRows(images, steps, self.encoder, self.decoder, rescaling)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        self.model.start()
        self.model.fit(order[:, None], batch_size=self.batch_size, shuffle=False, verbose=0)
        steps = -(-len(order) // self.batch_size)
        return ops.convert_to_numpy(self.model.recorded)[:steps]

    def encode(self, images: Pixels) -> Floats:
        return in_chunks(self.encoder.predict_on_batch, images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        return in_chunks(self.decoder.predict_on_batch, z, self.sizes.pixels, CHUNK)


class OfRows(keras.Model):
    """The error of the autoencoder for given row numbers of the images, which it holds."""

    def __init__(
        self,
        images: Pixels,
        steps: int,
        encoder: keras.Model,
        decoder: keras.Model,
        rescaling: keras.layers.Layer,
    ):
        super().__init__()
        self.encoder, self.decoder, self.rescaling = encoder, decoder, rescaling
        held: dict[str, Any] = {"initializer": "zeros", "trainable": False}
        self.images = self.add_weight(images.shape, dtype="uint8", **held)
        self.images.assign(images)
        self.recorded = self.add_weight((steps,), **held)
        self.step = self.add_weight((), dtype="int32", **held)
        self.build((None, 1))

    def start(self) -> None:
        """Start to record losses from the first step again."""
        self.step.assign(0)

    def call(self, rows: Any) -> Any:
        """Map row numbers of shape (batch, 1) to x̂ − x."""
        pixels = ops.take(self.images, ops.squeeze(rows, 1), axis=0)
        return self.decoder(self.encoder(pixels)) - self.rescaling(pixels)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Sum the squared error, and record it, since `fit` only reports running means."""
        loss = ops.sum(ops.square(y_pred))
        here = ops.equal(ops.arange(self.recorded.shape[0]), self.step)
        self.recorded.assign(ops.where(here, loss, self.recorded.value))
        self.step.assign(self.step + 1)
        return loss
