"""Keras 3 by `compile` and `fit`, on whichever backend KERAS_BACKEND names."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from benchmarks.tasks import LAYERS, Floats, Pixels, Settings, Weights

# Examples per call of encode and decode.
CHUNK = 2048
EAGER = keras.backend.backend() == "torch"


class KerasFit:
    """`Sequential` models, `keras.optimizers.Adam`, one `fit` an epoch."""

    settings = Settings(
        mode="eager" if EAGER else "step",
        loader="host",
        transfers="batch",
        remark="Adam is a subclass with the paper's ε, which Keras's own is not",
    )

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        """Build the model, keep the images on the host as float32, as `fit` takes them."""
        pixels, hidden = weights["encoder.hidden.kernel"].shape
        latent = weights["encoder.latent.bias"].size
        dense = [
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(latent),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(pixels, activation="sigmoid"),
        ]
        self.encoder = keras.Sequential([keras.Input((pixels,)), *dense[:2]])
        self.decoder = keras.Sequential([keras.Input((latent,)), *dense[2:]])
        self.model = keras.Sequential([keras.Input((pixels,)), self.encoder, self.decoder])
        self.dense = dict(zip(LAYERS, dense, strict=True))
        # On PyTorch, Keras's "auto" is eager; elsewhere XLA compiles the step.
        self.model.compile(
            optimizer=Adam(learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
            loss=SquaredError(reduction="sum"),
            jit_compile="auto" if EAGER else True,
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [np.array(variable) for variable in self.model.optimizer.variables]
        self.images = unit_interval(images)
        self.batch_size = batch_size
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        """Assign these weights, and what the optimizer's variables were at first."""
        for name, layer in self.dense.items():
            layer.set_weights([weights[f"{name}.kernel"], weights[f"{name}.bias"]])
        for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        """Fit one epoch to the images, put in order as `shuffle=True` would."""
        x = self.images[order]
        losses = BatchLosses(len(x), self.batch_size)
        self.model.fit(
            x, x, batch_size=self.batch_size, shuffle=False, verbose=0, callbacks=[losses]
        )
        return losses.summed()

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        """`fit` keeps them to itself."""
        return None

    def encode(self, images: Pixels) -> Floats:
        """Convert on the host, then `predict`."""
        return predict(self.encoder, unit_interval(images))

    def decode(self, z: Floats) -> Floats:
        """Call `predict`."""
        return predict(self.decoder, z)

    def weights(self) -> Weights:
        """Copy the parameters to the host."""
        named: Weights = {}
        for name, layer in self.dense.items():
            named[f"{name}.kernel"], named[f"{name}.bias"] = layer.get_weights()
        return named

    def synchronise(self) -> None:
        """Read a parameter, which waits for the last step."""
        ops.convert_to_numpy(self.dense[LAYERS[-1]].bias)


class SquaredError(keras.losses.Loss):
    """Squared error of each image, summed over its pixels; the reduction sums over the batch."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compare images with their reconstructions."""
        return ops.sum(ops.square(y_pred - y_true), axis=-1)


class BatchLosses(keras.callbacks.Callback):
    """Collect Keras's running means, from which each batch's own loss follows."""

    async_safe = True  # Or Keras would wait for each batch before it starts the next.

    def __init__(self, n: int, batch_size: int):
        """Make room for one epoch."""
        super().__init__()
        self.seen = np.minimum(np.arange(batch_size, n + batch_size, batch_size), n)
        self.means = np.zeros(len(self.seen))

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Keep the mean, over the images so far, of the loss of the batch that each was in."""
        self.means[batch] = logs["loss"]

    def summed(self) -> Floats:
        """Undo the running mean."""
        totals = np.diff(self.means * self.seen, prepend=0)
        return (totals / np.diff(self.seen, prepend=0)).astype(np.float32)


# The backend's own class: on PyTorch, `keras.optimizers.Adam()` is of another than it says.
BackendAdam: type[keras.optimizers.Adam] = type(keras.optimizers.Adam())


class Adam(BackendAdam):
    """Keras's Adam with the paper's ε, where Keras's own is the paper's "epsilon hat".

    Keras adds its ε to √v before the bias correction, which makes it ε / √(1 − β₂ᵗ) after it: at
    the first step 32 times as much.
    """

    @property
    def epsilon(self) -> Any:
        """What to add to √v at the present step."""
        t = ops.cast(self.iterations + 1, "float32")
        return self._epsilon * ops.sqrt(1 - ops.power(self.beta_2, t))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self._epsilon = value


def unit_interval(images: Pixels) -> Floats:
    """Turn pixels 0 to 255 into float32 0 to 1, on the host."""
    return images.astype(np.float32) / np.float32(255)


def predict(model: keras.Model, x: Floats) -> Floats:
    """Apply a model as Keras advises: few examples by one call, many by `predict`."""
    if len(x) <= CHUNK:
        return np.asarray(model.predict_on_batch(x))
    return model.predict(x, batch_size=CHUNK, verbose=0)
