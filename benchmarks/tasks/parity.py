"""The parity check: every contestant is compared with NumPy in float64 before it is timed.

Float32 carries 24 bits, a relative rounding error of 6e-8. A product that sums K = 784 terms loses
up to √K times that, 2e-6, and libraries sum in different orders. Adam divides by the gradient's
magnitude, so a parameter whose gradient is nearly zero can move by up to a whole step (the learning
rate) in either direction. Parameters are therefore compared in the norm over an array, and have the
widest tolerance.

The measured differences agree. optax computes 1 − β₂ᵗ in float32, where 0.999 is off by 1.3e-8 and
so the first correction by 1.3e-5; PyTorch computes it in float64. Put into the NumPy reference,
that alone moves its parameters by 3.9e-3 over 50 steps, as far as JAX's differ.

Adam's ε = 1e-8 has no visible effect beside gradients as large as MNIST's, so a wrong ε would go
unnoticed. One step is therefore taken where all gradients are about as small as ε. It also reveals
a wrong scale of the gradients, which Adam otherwise cancels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tasks import reference
from benchmarks.tasks.contestant import Codec, Contestant
from benchmarks.tasks.flops import Sizes
from benchmarks.tasks.receipt import Receipt
from benchmarks.tasks.reference import Weights
from benchmarks.tasks.waiting import refuse_lazy, refuse_unfinished_epochs

STEPS = 50
BATCH = 128
SHORT = 96  # Size of the last batch, as in an epoch of 60,000.
MANY = 5_000  # More images than any contestant encodes or decodes in one call.


def initial_weights(
    pixels: int = 784, hidden: int = 512, latent: int = 2, seed: int = 0
) -> Weights:
    """Draw float32 weights: LeCun normal kernels, and biases that are small but not zero."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    layers = Sizes(pixels, hidden, latent).layers
    for layer, (inputs, outputs) in zip(reference.LAYERS, layers, strict=True):
        kernel = rng.normal(0, inputs**-0.5, (inputs, outputs))
        weights[f"{layer}.kernel"] = kernel.astype(np.float32)
        weights[f"{layer}.bias"] = rng.normal(0, 0.01, outputs).astype(np.float32)
    return weights


def check(
    contestant: type[Contestant],
    images: npt.NDArray[np.uint8],
    steps: int = STEPS,
    hidden: int = 512,
) -> Receipt:
    """Train a contestant for some steps, the last on a short batch, and compare.

    Args:
      contestant: the class to check.
      images: uint8 of shape (n, pixels), with n at least 128 · steps.
      steps: number of steps, at least 3.
      hidden: units in each hidden layer.

    Returns:
      The receipt; the contestant passes if its `failures` are empty.

    Raises:
      ValueError: there is not a loss for each batch, or work is left when the clock would stop.
    """
    weights = initial_weights(images.shape[1], hidden)
    order = np.random.default_rng(1).permutation((steps - 1) * BATCH + SHORT).astype(np.int32)
    images = images[: len(order)]
    x = reference.to_unit_interval(images)

    # One step alone, in an epoch of one batch; then one from the start again.
    first, second = order[:BATCH], order[BATCH : 2 * BATCH]
    rows = np.arange(BATCH, dtype=np.int32)
    single = contestant(weights, images[order[: 2 * BATCH]], BATCH)
    at_first = applied(single, images[first], weights)
    found_gradients = single.gradients(rows)
    first_loss = float(np.asarray(single.train(rows), np.float64)[0])
    after_one = single.weights()
    single.reset(weights)
    single.train(BATCH + rows)
    trained = single.weights()
    after_training = applied(single, np.resize(images, (MANY, images.shape[1])), trained)

    truth = in_float64(weights)
    _, expected = reference.loss_and_gradients(truth, x[first])
    adam, losses = reference.Adam(truth), []
    for batch in reference.batches(order, BATCH):
        loss, gradients = reference.loss_and_gradients(truth, x[batch])
        adam.update(gradients)
        losses.append(loss)

    whole = contestant(weights, images, BATCH)
    found = np.asarray(whole.train(order), np.float64)
    if found.shape != (steps,):
        raise ValueError(f"{contestant} returned losses of shape {found.shape}, not ({steps},)")
    parameters = moved(weights, whole.weights(), truth)
    refuse_unfinished_epochs(whole, order)
    encode, decode = np.maximum(at_first, after_training)  # NaN stays NaN.
    return Receipt(
        encode=float(encode),
        decode=float(decode),
        first_loss=abs(first_loss / losses[0] - 1),
        gradients=None if found_gradients is None else worst(found_gradients, expected),
        losses=float(np.max(np.abs(found / np.array(losses) - 1))),
        first_update=moved(weights, after_one, after_step(weights, x[first])),
        restart=moved(weights, trained, after_step(weights, x[second])),
        small_update=small_update(contestant, weights),
        parameters=parameters,
    )


def check_latent(
    contestant: type[Codec], images: npt.NDArray[np.uint8], hidden: int = 512
) -> Receipt:
    """Compare a contestant that does not train, before and after `reset` to other weights.

    Args:
      contestant: the class to check.
      images: uint8 of shape (n, pixels), with n at least 128.
      hidden: units in each hidden layer.

    Returns:
      The receipt, with `encode` and `decode` only.

    Raises:
      ValueError: `encode` or `decode` returns something that is not a NumPy array.
    """
    weights, few = initial_weights(images.shape[1], hidden), images[:BATCH]
    single = contestant(weights, few, BATCH)
    at_first = applied(single, few, weights)
    stepped = after_step(weights, reference.to_unit_interval(few))
    trained = {name: value.astype(np.float32) for name, value in stepped.items()}
    single.reset(trained)
    after_reset = applied(single, np.resize(images, (MANY, images.shape[1])), trained)
    encode, decode = np.maximum(at_first, after_reset)
    return Receipt(encode=float(encode), decode=float(decode))


def applied(
    contestant: Codec, images: npt.NDArray[np.uint8], weights: Weights
) -> tuple[float, float]:
    """Relative differences of encode and decode from the reference at these weights."""
    try:
        _, z, _, x_hat = reference.forward(in_float64(weights), reference.to_unit_interval(images))
    except ValueError:  # The kernels' shapes do not match.
        return float("inf"), float("inf")
    points = z.astype(np.float32)
    found, decoded = (
        _afresh(function, rows)
        for function, rows in ((contestant.encode, images), (contestant.decode, points))
    )
    return relative(found, z), relative(decoded, x_hat)


def _afresh(function: Callable[[Any], Any], rows: npt.NDArray[Any]) -> Any:
    """Apply a function to an array that held other rows in an earlier call.

    A contestant that reused a result for the same array, or for the same shape, would be wrong.
    """
    array = np.roll(rows, 1, axis=0)
    function(array)
    array[...] = rows
    result = function(array)
    refuse_lazy(function.__name__, result)
    return result


def small_update(contestant: type[Contestant], weights: Weights) -> float:
    """Compare one step where gradients are about as small as Adam's ε.

    Pixels are 1 of 255 and the decoded ones near zero, where the sigmoid's slope makes gradients
    small without loss of precision. With a learning rate of 1 the update is not lost in the
    rounding of the weights.
    """
    pixels = weights["decoder.pixels.bias"].size
    biases = np.linspace(-22, -14, pixels, dtype=np.float32)
    weights = weights | {"decoder.pixels.bias": biases}
    images = np.ones((BATCH, pixels), np.uint8)
    small = contestant(weights, images, BATCH, learning_rate=1.0)
    small.train(np.arange(BATCH, dtype=np.int32))
    expected = after_step(weights, reference.to_unit_interval(images), learning_rate=1.0)
    return moved(weights, small.weights(), expected)


def after_step(weights: Weights, x: reference.Array, learning_rate: float = 1e-3) -> Weights:
    """The reference's weights after Adam's first step on flat images x of shape (n, pixels)."""
    truth = in_float64(weights)
    _, gradients = reference.loss_and_gradients(truth, x)
    reference.Adam(truth, learning_rate).update(gradients)
    return truth


def in_float64(weights: Weights) -> Weights:
    """Copy weights to float64."""
    return {name: value.astype(np.float64) for name, value in weights.items()}


def moved(start: Weights, found: Weights, expected: Weights) -> float:
    """Largest relative difference, over the arrays, between the changes from the start."""

    def change(end: Weights) -> Weights:
        return {name: end[name].astype(np.float64) - start[name] for name in reference.NAMES}

    if any(found[name].shape != start[name].shape for name in reference.NAMES):
        return float("inf")
    return worst(change(found), change(expected))


def worst(found: Weights, expected: Weights) -> float:
    """Largest relative difference over the arrays."""
    # Python's max would ignore NaN.
    return float(np.max([relative(found[name], expected[name]) for name in reference.NAMES]))


def relative(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """‖found − expected‖ / ‖expected‖; infinite if the shapes differ."""
    if found.shape != expected.shape:
        return float("inf")
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
