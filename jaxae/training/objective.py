"""What training minimises: the settings of the loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxae.config import Likelihood, Precision, TrainConfig, check_likelihood
from jaxae.training.optimizer import num_steps

# Maps a model, an image (values 0 to 1) and a key to the loss of the image, a scalar.
ExampleLoss = Callable[[Any, jax.Array, jax.Array], jax.Array]


class Objective(NamedTuple):
    """Settings of the loss.

    Attributes:
      kl_weight: β ≥ 0, the weight of the divergence from the prior, for variational models.
      input_noise: standard deviation of the normal noise that is added to the encoder's input, in
        units of pixels from 0 to 1. The decoder is trained on the clean image.
      precision: precision of the model's matrix products, forward and backward; the loss itself is
        float32.
      likelihood: how an image is compared with its reconstruction: `squared` error, or the negative
        log-likelihood in nats of a `normal` or a `bernoulli` decoder.
      binarize: whether pixels are drawn as 0 or 1, with their intensities as probabilities.
      kl_warmup: steps of training in which the weight rises linearly from 0 to kl_weight.
      flatten: λ ≥ 0, the weight of the variance of log det G (`log_det_variance`), per image.
      loss: a loss of one example, in place of the library's own, of which only the precision then
        remains.
    """

    kl_weight: float | jax.Array = 1.0
    input_noise: float = 0.0
    precision: Precision = "float32"
    likelihood: Likelihood = "squared"
    binarize: bool = False
    kl_warmup: int = 0
    flatten: float = 0.0
    loss: ExampleLoss | None = None

    @classmethod
    def of(cls, config: TrainConfig, n: int, loss: ExampleLoss | None = None) -> "Objective":
        """Return the settings of a run's configuration.

        Args:
          config: how the model is trained.
          n: number of training images, which sets the length of a warm-up.
          loss: a loss of one example, in place of the library's own.

        Raises:
          ValueError: the settings clash.
        """
        check_likelihood(config)
        if loss is not None and cls.of(config, n) != cls(precision=config.precision):
            raise ValueError(
                "loss was given with a kl_weight, input_noise, likelihood, binarize, kl_warmup or "
                "flatten, which are settings of the library's own loss; expected one or the other"
            )
        return cls(
            config.kl_weight,
            config.input_noise,
            config.precision,
            config.likelihood,
            config.binarize,
            config.kl_warmup * num_steps(n, config.batch_size),
            config.flatten,
            loss,
        )

    @property
    def for_evaluation(self) -> "Objective":
        """The same settings in float32, with the full weight, without noise or flattening."""
        return self._replace(input_noise=0.0, precision="float32", kl_warmup=0, flatten=0.0)

    def at(self, step: jax.Array) -> "Objective":
        """Return the settings for a step of training, with its weight of the divergence.

        The weight is min(step / kl_warmup, 1) · kl_weight (Sønderby et al. 2016, "Ladder
        variational autoencoders").

        Args:
          step: the number of steps before it.
        """
        if self.kl_warmup == 0:
            return self
        risen = jnp.minimum(step / self.kl_warmup, 1)
        return self._replace(kl_weight=risen * self.kl_weight, kl_warmup=0)
