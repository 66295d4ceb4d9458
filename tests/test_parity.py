"""The parity check reports every fault planted into a copy of the reference."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.contestants import CONTESTANTS
from benchmarks.tasks import parity, reference
from benchmarks.tasks.parity import BATCH
from benchmarks.tasks.receipt import TOLERANCES, Receipt
from benchmarks.tasks.reference import Weights
from jaxae import load_dataset
from tests.cheats import FAULTS, REFUSED, Rows, Sound

STEPS, HIDDEN = 10, 16


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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported(fault: str, check: Callable[[Any], Receipt]) -> None:
    contestant, numbers = FAULTS[fault]
    receipt = check(contestant)
    assert numbers <= failing(receipt), receipt
    assert not receipt.largest <= max(TOLERANCES[name] for name in numbers)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_that_leaves_nothing_to_compare_is_refused(
    fault: str, check: Callable[[Any], Receipt]
) -> None:
    contestant, message = REFUSED[fault]
    with pytest.raises(ValueError, match=message):
        check(contestant)


def test_a_framework_with_its_own_schedule_is_checked_without_updates() -> None:
    own = [name for name, entry in CONTESTANTS.items() if entry.one_cycle_of]
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
