"""An epoch of training and the test after it: what they are of, and over images on the devices."""

from typing import NamedTuple, Protocol

import jax
import optax
from flax import nnx
from jax.sharding import Mesh

from jaxae.config import TrainConfig
from jaxae.data import Dataset
from jaxae.devices import batch_sharding, replicate_rows
from jaxae.losses import LossTerms, Objective
from jaxae.models import Autoencoder, Params
from jaxae.training import TrainState, evaluate_terms, make_train_epoch


class Work(NamedTuple):
    """What epochs are made of: the model's structure, its optimizer, data, settings, devices."""

    graphdef: nnx.GraphDef[Autoencoder]
    optimizer: optax.GradientTransformation
    dataset: Dataset
    config: TrainConfig
    mesh: Mesh

    @property
    def objective(self) -> Objective:
        """What training minimises."""
        return Objective.of(self.config)


class Epochs(Protocol):
    """How an epoch is trained, and its parameters judged."""

    def train(
        self, state: TrainState, batches: int = 0, loss: float = 0.0
    ) -> tuple[TrainState, float]:
        """Train to the epoch's end.

        Args:
          state: donated.
          batches: how many of this epoch are behind; only streamed epochs can be entered.
          loss: summed over their images.

        Returns:
          The state after it, and the loss, a mean over its images.
        """
        ...

    def test(self, params: Params) -> LossTerms:
        """Loss and its terms as floats, means over the test images, without noise."""
        ...


class ResidentEpochs:
    """Over images that each device holds, one compiled call an epoch."""

    def __init__(self, work: Work, state: TrainState):
        """Put the images on the devices, and compile for states like this one."""
        self._work = work
        self._sharding = batch_sharding(work.mesh)
        self._images = replicate_rows(work.dataset.train.images, work.mesh)
        self._test_images = replicate_rows(work.dataset.test.images, work.mesh)
        epoch = make_train_epoch(
            work.graphdef, work.optimizer, work.config.batch_size, self._sharding, work.objective
        )
        self._train = epoch.lower(state, self._images).compile()

    def train(
        self, state: TrainState, batches: int = 0, loss: float = 0.0
    ) -> tuple[TrainState, float]:
        """See `Epochs`."""
        state, mean = self._train(state, self._images)
        return state, float(mean)

    def test(self, params: Params) -> LossTerms:
        """See `Epochs`."""
        graphdef, objective = self._work.graphdef, self._work.objective.of_clean_images
        means = evaluate_terms(graphdef, params, self._test_images, objective, self._sharding)
        return jax.tree.map(float, means)
