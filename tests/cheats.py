"""Contestants that cheat or err: a sound one in NumPy, and the faults planted into it."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.tasks import parity, reference
from benchmarks.tasks.parity import BATCH
from benchmarks.tasks.reference import Weights

Rows = npt.NDArray[np.integer[Any]]


class Sound:
    """A contestant in NumPy, float64; each fault overrides one method."""

    adam: ClassVar[dict[str, float]] = {}

    def __init__(self, weights: Weights, images: Any, batch_size: int, learning_rate: float = 1e-3):
        self.images = reference.to_unit_interval(images)
        self.learning_rate, self.batch_size = learning_rate, batch_size
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        self.start, self.losses = weights, 0
        self.now = parity.in_float64(weights)
        options = {"learning_rate": self.learning_rate} | self.adam
        self.optimizer = reference.Adam(self.now, **options)

    def batches(self, order: Rows) -> Iterator[Rows]:
        return reference.batches(order, self.batch_size)

    def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
        return reference.loss_and_gradients(self.now, self.images[rows])

    def train(self, order: Rows) -> Any:
        losses = []
        for rows in self.batches(order):
            loss, gradients = self.loss_and_gradients(rows)
            self.optimizer.update(gradients)
            losses.append(loss)
        return losses

    def gradients(self, rows: Rows) -> Weights | None:
        return self.loss_and_gradients(rows)[1]

    def encode(self, images: Any) -> Any:
        return reference.forward(self.now, reference.to_unit_interval(images))[1]

    def decode(self, z: Any) -> Any:
        return reference.decode(self.now, z.astype(np.float64))[1]

    def weights(self) -> Weights:
        return {name: value.copy() for name, value in self.now.items()}

    def synchronise(self) -> None:
        pass


def with_adam(**options: float) -> Any:
    return type("Faulty", (Sound,), {"adam": options})


class EpsilonHat(Sound):
    """Adam of TensorFlow and Keras, which adds ε to √v before the bias correction."""

    def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
        self.optimizer.epsilon = 1e-8 / math.sqrt(1 - 0.999 ** (self.optimizer.t + 1))
        return super().loss_and_gradients(rows)


class MeanLoss(Sound):
    def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
        loss, gradients = super().loss_and_gradients(rows)
        return loss / len(rows), {k: v / len(rows) for k, v in gradients.items()}


class HiddenMeanGradient(MeanLoss):
    """A mean reported as a sum, in a framework that does not expose its gradients."""

    def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
        loss, gradients = super().loss_and_gradients(rows)
        return loss * len(rows), gradients

    def gradients(self, rows: Rows) -> Weights | None:
        return None


class WeightDecay(Sound):
    def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
        loss, gradients = super().loss_and_gradients(rows)
        return loss, {name: g + 1e-2 * self.now[name] for name, g in gradients.items()}


class LastBatchFilledUp(Sound):
    def batches(self, order: Rows) -> Iterator[Rows]:
        return super().batches(np.resize(order, -(-len(order) // BATCH) * BATCH))


class OwnOrder(Sound):
    def batches(self, order: Rows) -> Iterator[Rows]:
        return super().batches(np.sort(order))


class ColumnsRead(Sound):
    def reset(self, weights: Weights) -> None:
        kernel = weights["encoder.hidden.kernel"]
        super().reset(weights | {"encoder.hidden.kernel": kernel.T.reshape(kernel.shape)})


class KernelsTransposed(Sound):
    def weights(self) -> Weights:
        return {name: value.T for name, value in super().weights().items()}


class NoReset(Sound):
    """`reset` does nothing."""

    def reset(self, weights: Weights) -> None:
        if not hasattr(self, "now"):
            super().reset(weights)


class MomentsKept(Sound):
    def reset(self, weights: Weights) -> None:
        kept = getattr(self, "optimizer", None)
        super().reset(weights)
        if kept:
            kept.weights, self.optimizer = self.now, kept


class StepsKept(Sound):
    """`reset` clears the moments but not the step count of the bias correction."""

    def reset(self, weights: Weights) -> None:
        steps = self.optimizer.t if hasattr(self, "optimizer") else 0
        super().reset(weights)
        self.optimizer.t = steps


class StaleEncoder(Sound):
    def encode(self, images: Any) -> Any:
        self.held = getattr(self, "held", None) or self.weights()
        return reference.forward(self.held, reference.to_unit_interval(images))[1]


class StaleDecoder(Sound):
    def decode(self, z: Any) -> Any:
        self.held = getattr(self, "held", None) or self.weights()
        return reference.decode(self.held, z.astype(np.float64))[1]


class ChunksOutOfOrder(Sound):
    """The second chunk of 4,096 images comes first."""

    def encode(self, images: Any) -> Any:
        z = super().encode(images)
        return np.concatenate([z[4096:], z[:4096]])


class LastChunkRepeated(Sound):
    def decode(self, z: Any) -> Any:
        x_hat = super().decode(z)
        return np.concatenate([x_hat[:4096], x_hat[: len(z) - 4096]]) if len(z) > 4096 else x_hat


class PixelsOver256(Sound):
    def __init__(self, weights: Weights, images: Any, *options: Any, **named: Any):
        super().__init__(weights, images, *options, **named)
        self.images = self.images * (255 / 256)


class LossAfterUpdate(Sound):
    def train(self, order: Rows) -> Any:
        losses = []
        for rows in self.batches(order):
            self.optimizer.update(self.loss_and_gradients(rows)[1])
            losses.append(self.loss_and_gradients(rows)[0])
        return losses


class HalfOfTheImages(Sound):
    """The first half of the images stands in for the second."""

    def __init__(self, weights: Weights, images: Any, *options: Any, **named: Any):
        super().__init__(weights, images, *options, **named)
        self.images = np.resize(self.images[: len(images) // 2], self.images.shape)


class CachedByArray(Sound):
    """Encodes again only if it is given another array."""

    seen: Any = None

    def encode(self, images: Any) -> Any:
        if images is not self.seen:
            self.seen, self.result = images, super().encode(images)
        return self.result


class CachedByShape(Sound):
    def decode(self, z: Any) -> Any:
        if z.shape != getattr(self, "shape", None):
            self.shape, self.result = z.shape, super().decode(z)
        return self.result


def rounded(bits: int) -> Any:
    """A contestant whose products round their operands to this many bits of mantissa."""

    def lower(x: Any) -> Any:
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent)

    class Faulty(Sound):
        def loss_and_gradients(self, rows: Rows) -> tuple[float, Weights]:
            now = {name: lower(value) for name, value in self.now.items()}
            return reference.loss_and_gradients(now, lower(self.images[rows]))

        def encode(self, images: Any) -> Any:
            now = {name: lower(value) for name, value in self.now.items()}
            return reference.forward(now, lower(reference.to_unit_interval(images)))[1]

    return Faulty


class NanLoss(Sound):
    def train(self, order: Rows) -> Any:
        return [*super().train(order)[:-1], math.nan]


class NanEncoding(Sound):
    """Only after training."""

    def encode(self, images: Any) -> Any:
        return super().encode(images) * (math.nan if self.optimizer.t else 1)


class NanDecoding(Sound):
    def decode(self, z: Any) -> Any:
        return super().decode(z) * math.nan


class NanGradient(Sound):
    def gradients(self, rows: Rows) -> Any:
        found = super().loss_and_gradients(rows)[1]
        return found | {"decoder.pixels.bias": found["decoder.pixels.bias"] * math.nan}


class NanWeight(Sound):
    def weights(self) -> Weights:
        found = super().weights()
        found["decoder.pixels.bias"][0] = math.nan
        return found


class AxisInFront(Sound):
    """Wrong shapes that broadcast, with a difference of zero."""

    def encode(self, images: Any) -> Any:
        return super().encode(images)[None]

    def decode(self, z: Any) -> Any:
        return super().decode(z)[None]

    def gradients(self, rows: Rows) -> Any:
        return {name: g[None] for name, g in super().loss_and_gradients(rows)[1].items()}

    def weights(self) -> Weights:
        return {name: value[None] for name, value in super().weights().items()}


class DroppedLastBatch(Sound):
    def batches(self, order: Rows) -> Iterator[Rows]:
        return (rows for rows in super().batches(order) if len(rows) == BATCH)


class Lazy:
    """An array that is computed when it is read."""

    def __init__(self, compute: Callable[[], Any]):
        self.compute = compute

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.compute(), dtype)


class NoWait(Sound):
    """Trains in a thread that reading a result waits for, but not `synchronise`."""

    def train(self, order: Rows) -> Any:
        losses: list[float] = []

        def work() -> None:
            time.sleep(0.02)
            losses.extend(super(NoWait, self).train(order))

        self.thread = threading.Thread(target=work)
        self.thread.start()

        def finished() -> list[float]:
            self.thread.join()
            return losses

        return Lazy(finished)

    def weights(self) -> Weights:
        self.thread.join()
        return super().weights()


class LazyEncoding(Sound):
    def encode(self, images: Any) -> Any:
        return Lazy(lambda: super(LazyEncoding, self).encode(images))


class LazyDecoding(Sound):
    def decode(self, z: Any) -> Any:
        return Lazy(lambda: super(LazyDecoding, self).decode(z))


UPDATES = {"first_update", "restart", "parameters"}
# The faults, and the numbers of the receipt that must report each.
FAULTS: dict[str, tuple[Any, set[str]]] = {
    "epsilon of 1e-7": (with_adam(epsilon=1e-7), {"small_update"}),
    "epsilon hat": (EpsilonHat, {"small_update"}),
    "mean, not sum": (MeanLoss, {"first_loss", "losses", "gradients", "small_update"}),
    "hidden mean gradient": (HiddenMeanGradient, {"small_update"}),
    "learning rate 1 % off": (with_adam(learning_rate=1.01e-3), {"first_update", "restart"}),
    "beta1 of 0.8": (with_adam(beta1=0.8), {"losses", "parameters"}),
    "beta2 of 0.9": (with_adam(beta2=0.9), {"losses", "parameters"}),
    "weight decay": (WeightDecay, {"first_update"}),
    "last batch filled up": (LastBatchFilledUp, {"losses"}),
    "an order of its own": (OwnOrder, {"losses"}),
    "kernel read by columns": (ColumnsRead, {"encode"}),
    "kernels left transposed": (KernelsTransposed, UPDATES | {"encode", "decode"}),
    "a reset that does nothing": (NoReset, {"restart"}),
    "moments kept by reset": (MomentsKept, {"restart"}),
    "steps kept by reset": (StepsKept, {"restart"}),
    "encode at stale weights": (StaleEncoder, {"encode"}),
    "decode at stale weights": (StaleDecoder, {"decode"}),
    "chunks out of order": (ChunksOutOfOrder, {"encode"}),
    "last chunk repeated": (LastChunkRepeated, {"decode"}),
    "pixels over 256": (PixelsOver256, {"first_loss", "gradients"}),
    "loss after the update": (LossAfterUpdate, {"first_loss", "losses"}),
    "half of the images": (HalfOfTheImages, {"losses", "restart"}),
    "a result cached by array": (CachedByArray, {"encode"}),
    "a result cached by shape": (CachedByShape, {"decode"}),
    "bfloat16": (rounded(8), {"encode", "first_loss", "gradients"}),
    "TF32": (rounded(11), {"encode", "gradients"}),
    "NaN, last loss": (NanLoss, {"losses"}),
    "NaN, encode": (NanEncoding, {"encode"}),
    "NaN, decode": (NanDecoding, {"decode"}),
    "NaN, last gradient": (NanGradient, {"gradients"}),
    "NaN, last weight": (NanWeight, UPDATES),
    "an axis in front": (AxisInFront, UPDATES | {"encode", "decode", "gradients"}),
}
# Faults that leave nothing to compare, and what the error says.
REFUSED: dict[str, tuple[Any, str]] = {
    "dropped last batch": (DroppedLastBatch, r"shape \(9,\), not \(10,\)"),
    "no synchronisation": (NoWait, r"^\d+% of an epoch's time had yet to pass when synchronise"),
    "a lazy encode": (LazyEncoding, "^encode returned Lazy; expected a NumPy array"),
    "a lazy decode": (LazyDecoding, "^decode returned Lazy; expected a NumPy array"),
}
