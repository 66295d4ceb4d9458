"""Keras 3 as most people write it: `fit` on float32 arrays, on the backend KERAS_BACKEND names."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from benchmarks.tasks import LAYERS, Floats, Pixels, Settings, Sizes, Weights

# Examples per call of encode and decode.
CHUNK = 2048
EAGER = keras.backend.backend() == "torch"
EPSILON = "Adam is a subclass that uses the paper's ε, unlike Keras's own"


class KerasFit:
    """`Sequential` models, `keras.optimizers.Adam`, and one `fit` per epoch."""

    settings = Settings(
        mode="eager" if EAGER else "step",
        loader="host",
        transfers="batch",
        remark=EPSILON,
    )
    steps_per_execution = 1

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.sizes = pixels, hidden, latent = Sizes.of(weights)
        layers = [
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(latent),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(pixels, activation="sigmoid"),
        ]
        self.dense = dict(zip(LAYERS, layers, strict=True))
        self.batch_size = batch_size
        self.model = self.built(images, layers)
        # On PyTorch, "auto" means eager; elsewhere XLA compiles the step.
        self.model.compile(
            optimizer=Adam(learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
            loss=SquaredError(reduction="sum"),
            jit_compile="auto" if EAGER else True,
            steps_per_execution=self.steps_per_execution,
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [np.array(variable) for variable in self.model.optimizer.variables]
        self.reset(weights)

    def built(self, images: Pixels, layers: list[keras.layers.Dense]) -> keras.Model:
        """Build encoder, decoder and the model to train."""
        self.images = unit_interval(images)
        self.encoder = keras.Sequential([keras.Input((self.sizes.pixels,)), *layers[:2]])
        self.decoder = keras.Sequential([keras.Input((self.sizes.latent,)), *layers[2:]])
        return keras.Sequential([keras.Input((self.sizes.pixels,)), self.encoder, self.decoder])

    def reset(self, weights: Weights) -> None:
        for name, layer in self.dense.items():
            layer.set_weights([weights[f"{name}.kernel"], weights[f"{name}.bias"]])
        for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        # In this order, where `shuffle=True` would gather each batch from an order of its own. One
        # gather of all images takes less time.
        x = self.images[order]
        if len(x) <= self.batch_size:
            self.model.reset_metrics()
            return np.array([self.model.train_on_batch(x, x)])
        losses = BatchLosses()
        self.model.fit(
            x, x, batch_size=self.batch_size, shuffle=False, verbose=0, callbacks=[losses]
        )
        return losses.summed(len(x), self.batch_size)

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        return None  # `fit` does not expose them.

    def encode(self, images: Pixels) -> Floats:
        return predict(self.encoder, unit_interval(images))

    def decode(self, z: Floats) -> Floats:
        return predict(self.decoder, z)

    def weights(self) -> Weights:
        named: Weights = {}
        for name, layer in self.dense.items():
            named[f"{name}.kernel"], named[f"{name}.bias"] = layer.get_weights()
        return named

    def synchronise(self) -> None:
        # Reading a parameter waits for the last step.
        ops.convert_to_numpy(self.dense[LAYERS[-1]].bias)


class SquaredError(keras.losses.Loss):
    """Squared error summed over pixels; the reduction sums over the batch."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.sum(ops.square(y_pred - y_true), axis=-1)


class BatchLosses(keras.callbacks.Callback):
    """Recover each batch's loss from the running means that Keras reports."""

    async_safe = True  # Otherwise Keras waits for each batch before it starts the next.

    def __init__(self) -> None:
        super().__init__()
        # By batch, since Keras may call from several threads.
        self.means: dict[int, Any] = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Keep the running mean without reading it, which would wait for the device."""
        self.means[batch] = logs["loss"]

    def summed(self, n: int, batch_size: int) -> Floats:
        """Undo the running means, in which each batch's loss is weighted by its size."""
        seen = np.minimum(np.arange(batch_size, n + batch_size, batch_size), n)
        means = np.array([float(mean) for _, mean in sorted(self.means.items())])
        return (np.diff(means * seen, prepend=0) / np.diff(seen, prepend=0)).astype(np.float32)


# The backend's own class: on PyTorch, `keras.optimizers.Adam()` returns another class.
BackendAdam: type[keras.optimizers.Adam] = type(keras.optimizers.Adam())


class Adam(BackendAdam):
    """Keras's Adam with the paper's ε; Keras's own ε is the paper's "epsilon hat".

    Keras adds ε to √v before the bias correction, which amounts to ε / √(1 − β₂ᵗ) after it: 32
    times as much at the first step.
    """

    @property
    def epsilon(self) -> Any:
        """The number to add to √v at the current step."""
        t = ops.cast(self.iterations + 1, "float32")
        return self._epsilon * ops.sqrt(1 - ops.power(self.beta_2, t))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self._epsilon = value


def unit_interval(images: Pixels) -> Floats:
    """Convert uint8 pixels to float32 in [0, 1] on the host."""
    return images.astype(np.float32) / np.float32(255)


def predict(model: keras.Model, x: Floats) -> Floats:
    """Apply a model as Keras advises: few examples in one call, many with `predict`."""
    if len(x) <= CHUNK:
        return np.asarray(model.predict_on_batch(x))
    return model.predict(x, batch_size=CHUNK, verbose=0)
