"""The parity check reports every fault planted into a copy of the reference."""

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.contestants import CONTESTANTS
from benchmarks.tasks import parity, reference
from benchmarks.tasks.parity import BATCH
from benchmarks.tasks.receipt import TOLERANCES, Receipt
from benchmarks.tasks.reference import Weights
from jaxae import load_dataset

STEPS, HIDDEN = 10, 16
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


@pytest.fixture(scope="module")
def check() -> Iterator[Callable[[Any], Receipt]]:
    # Every second pixel; the products are too small for a second thread to help.
    images = np.asarray(load_dataset().train.images[: STEPS * BATCH])[:, ::2, ::2].reshape(-1, 196)
    with threadpool_limits(1):
        yield lambda contestant: parity.check(contestant, images, STEPS, HIDDEN)


def failing(receipt: Receipt) -> set[str]:
    return {failure.partition(" ")[0] for failure in receipt.failures}


def test_the_reference_itself_has_no_fault(check: Callable[[Any], Receipt]) -> None:
    receipt = check(Sound)
    assert receipt.failures == []
    assert receipt.largest < 1e-6, "what is left is float32's rounding of decode's input"


# Faults of a known size: ten times the tolerance must be reported, a tenth must not.


def off_encode(by: float) -> Any:
    class Faulty(Sound):
        def encode(self, images: Any) -> Any:
            return (1 + by) * super().encode(images)

    return Faulty


def off_decode(by: float) -> Any:
    class Faulty(Sound):
        def decode(self, z: Any) -> Any:
            return (1 + by) * super().decode(z)

    return Faulty


def off_first_loss(by: float) -> Any:
    class Faulty(Sound):
        def train(self, order: Rows) -> Any:
            # Only in the epoch of one batch, so that `losses` is not affected.
            return np.array(super().train(order)) * (1 + by * (len(order) == BATCH))

    return Faulty


def off_losses(by: float) -> Any:
    class Faulty(Sound):
        def train(self, order: Rows) -> Any:
            return np.array(super().train(order)) * (
                1 + by * (np.arange(-(-len(order) // 128)) == 2)
            )

    return Faulty


def off_gradients(by: float) -> Any:
    class Faulty(Sound):
        def gradients(self, rows: Rows) -> Any:
            found = super().loss_and_gradients(rows)[1]
            return found | {"decoder.hidden.bias": (1 + by) * found["decoder.hidden.bias"]}

    return Faulty


def off_weights(by: float, when: Callable[[Any], bool]) -> Any:
    """A wrong change of one array."""

    class Faulty(Sound):
        resets = 0

        def reset(self, weights: Weights) -> None:
            super().reset(weights)
            self.resets += 1

        def weights(self) -> Weights:
            name = "decoder.pixels.bias"
            found = super().weights()
            if when(self):
                found[name] += by * (found[name] - self.start[name])
            return found

    return Faulty


def stage(self: Any) -> str:
    if self.learning_rate == 1:
        return "small_update"
    if self.optimizer.t > 1:
        return "parameters"
    return "first_update" if self.resets == 1 else "restart"


def off_update(name: str) -> Callable[[float], Any]:
    return lambda by: off_weights(by, lambda contestant: stage(contestant) == name)


OFF: dict[str, tuple[Callable[[float], Any], float]] = {
    "encode": (off_encode, 1e-5),
    "decode": (off_decode, 1e-5),
    "first_loss": (off_first_loss, 1e-5),
    "gradients": (off_gradients, 1e-5),
    "losses": (off_losses, 1e-4),
    "first_update": (off_update("first_update"), 1e-3),
    "restart": (off_update("restart"), 1e-3),
    "small_update": (off_update("small_update"), 1e-3),
    "parameters": (off_update("parameters"), 2e-2),
}


def test_every_number_has_a_planted_fault() -> None:
    assert set(OFF) == set(TOLERANCES) == set(Receipt.__annotations__)


@pytest.mark.parametrize("name", OFF)
def test_ten_times_the_tolerance_is_reported_and_a_tenth_is_not(
    name: str, check: Callable[[Any], Receipt]
) -> None:
    fault, allowed = OFF[name]
    receipt = check(fault(10 * allowed))
    assert failing(receipt) == {name}
    assert getattr(receipt, name) == pytest.approx(10 * allowed, rel=0.1)
    assert receipt.largest == getattr(receipt, name)
    assert receipt.failures == [
        f"{name} differs by {getattr(receipt, name):.1e}, allowed {allowed:.0e}"
    ]
    assert check(fault(0.1 * allowed)).failures == []


# Faults of every kind, and the numbers of the receipt that must report them.


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


UPDATES = {"first_update", "restart", "parameters"}
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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported(fault: str, check: Callable[[Any], Receipt]) -> None:
    contestant, numbers = FAULTS[fault]
    receipt = check(contestant)
    assert numbers <= failing(receipt), receipt
    assert not receipt.largest <= max(TOLERANCES[name] for name in numbers)


def test_a_dropped_last_batch_is_refused(check: Callable[[Any], Receipt]) -> None:
    class Dropped(Sound):
        def batches(self, order: Rows) -> Iterator[Rows]:
            return (rows for rows in super().batches(order) if len(rows) == BATCH)

    with pytest.raises(ValueError, match=r"shape \(9,\), not \(10,\)"):
        check(Dropped)


def test_a_framework_with_its_own_schedule_is_checked_without_updates() -> None:
    own = [name for name, entry in CONTESTANTS.items() if entry.own_recipe]
    assert own == ["flax-onecycle", "torch-onecycle"]
    numbers = {name: 10.0 ** -(i + 1) for i, name in enumerate(TOLERANCES)}
    of_the_model = Receipt(**numbers).of_the_model
    kept = ("encode", "decode", "first_loss", "gradients")
    assert {name: getattr(of_the_model, name) for name in TOLERANCES} == {
        name: numbers[name] if name in kept else None for name in TOLERANCES
    }
    assert of_the_model.largest == 0.1


def test_what_does_not_train_is_checked_without_training() -> None:
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 9), np.uint8)

    class Untrained(Sound):
        train = gradients = weights = None  # type: ignore[assignment]

    class Kept(Untrained):
        """`reset` does nothing after the first time."""

        def reset(self, weights: Weights) -> None:
            if not hasattr(self, "now"):
                super().reset(weights)

    sound: Any = Untrained
    receipt = parity.check_latent(sound, images, HIDDEN)
    assert receipt.failures == [] and receipt.gradients is receipt.parameters is None
    assert receipt.largest == max(receipt.encode, receipt.decode) < 1e-6
    kept: Any = Kept
    assert failing(parity.check_latent(kept, images, HIDDEN)) == {"encode", "decode"}


class RoundedAdam(reference.Adam):
    """Adam that computes 1 − β₂ᵗ in float32, as optax does."""

    def corrections(self) -> tuple[float, float]:
        return super().corrections()[0], float(1 - np.float32(self.beta2) ** np.float32(self.t))


@pytest.mark.slow
def test_rounding_of_the_bias_correction_explains_jaxs_difference() -> None:
    """The number in the docstring of `benchmarks.tasks.parity`."""
    order = np.random.default_rng(1).permutation((parity.STEPS - 1) * BATCH + parity.SHORT)
    x = reference.to_unit_interval(load_dataset().train.images[: len(order)])
    weights = parity.initial_weights()
    exact, rounded = parity.in_float64(weights), parity.in_float64(weights)
    with threadpool_limits(1):
        for adam in (reference.Adam(exact), RoundedAdam(rounded)):
            for rows in reference.batches(order, BATCH):
                adam.update(reference.loss_and_gradients(adam.weights, x[rows])[1])
    assert parity.moved(weights, rounded, exact) == pytest.approx(3.9e-3, rel=0.05)
