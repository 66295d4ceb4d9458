"""What a parity check found, and how much of a difference is allowed."""

from dataclasses import asdict, dataclass, replace

import numpy as np

# Largest relative difference allowed, in the Euclidean norm over an array.
TOLERANCES = {
    "encode": 1e-5,
    "decode": 1e-5,
    "first_loss": 1e-5,
    "gradients": 1e-5,
    "losses": 1e-4,
    "first_update": 1e-3,
    "restart": 1e-3,
    "small_update": 1e-3,
    "parameters": 2e-2,
}


@dataclass(frozen=True)
class Receipt:
    """Relative differences from the reference, one for each of `TOLERANCES`.

    All but the first two are None for a contestant that does not train.

    Attributes:
      encode: of latent points, the larger of two: one batch at the initial weights, and many
        images at the weights after a training step.
      decode: of images decoded from the reference's latent points, the larger of the same two.
      first_loss: of the summed loss of the first batch.
      gradients: of the first batch, the largest over arrays; None where they are not exposed.
      losses: the largest over the losses of all steps.
      first_update: of the parameters' change in the first step.
      restart: the same after `reset`, on another batch. (On the same batch Adam's second step
        equals its first, so moments that were not cleared would go unnoticed.)
      small_update: of the parameters' change in a first step with gradients of about 1e-8.
      parameters: of the parameters' change over all steps.
    """

    encode: float
    decode: float
    first_loss: float | None = None
    gradients: float | None = None
    losses: float | None = None
    first_update: float | None = None
    restart: float | None = None
    small_update: float | None = None
    parameters: float | None = None

    @property
    def of_the_model(self) -> "Receipt":
        """The receipt without the numbers that depend on the learning rate's schedule."""
        return replace(
            self, losses=None, first_update=None, restart=None, small_update=None, parameters=None
        )

    @property
    def failures(self) -> list[str]:
        """The differences above their tolerance (or NaN), each as a sentence."""
        return [
            f"{name} differs by {value:.1e}, allowed {TOLERANCES[name]:.0e}"
            for name, value in asdict(self).items()
            if value is not None and not value <= TOLERANCES[name]
        ]

    @property
    def largest(self) -> float:
        """The largest of all differences."""
        return float(np.max([value for value in asdict(self).values() if value is not None]))
