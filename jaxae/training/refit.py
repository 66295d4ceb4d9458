"""`refit_decoders`: fit several decoders to one encoder, as one vmapped program."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax
from flax import nnx
from jax.sharding import Mesh

from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset
from jaxae.models import Autoencoder, Params, abstract_model, create_model, parameters
from jaxae.training.loop import Epoch
from jaxae.training.optimizer import cached, make_optimizer
from jaxae.training.seeds import fit_seeds
from jaxae.training.step import TrainState, init_state


def refit_decoders(
    model: Autoencoder,
    dataset: Dataset,
    model_config: ModelConfig,
    train_config: TrainConfig,
    seeds: Sequence[int],
    *,
    mesh: Mesh | None = None,
    on_epoch: Callable[[list[Epoch]], None] | None = None,
) -> list[Any]:
    """Fit a new decoder to a model's encoder for each seed, all at once.

    Where the decoders agree, the data determine the images; where they differ, chance does.
    `jaxae.geometry.ensemble` measures them together (Syrota, Moreno-Muñoz and Hauberg 2024,
    "Decoder ensembling for learned latent geometries").

    Args:
      model: the model, which stays as it is.
      dataset: the images.
      model_config: the model's; the decoders are drawn from it.
      train_config: how to train; its own seed is not used.
      seeds: whole numbers, 0 or greater; each draws a decoder and the order of the images.
      mesh: as for `fit_seeds`.
      on_epoch: as for `fit_seeds`.

    Returns:
      A decoder for each seed.

    Raises:
      ValueError: model_config is not that of the model, or as for `fit_seeds`.
      DivergedError: the loss of a seed is no longer finite.
    """
    graphdef, _ = abstract_model(model_config, dataset.image_shape)
    if nnx.graphdef(model) != graphdef:
        raise ValueError(
            f"the model is not one of {model_config} for images of {dataset.image_shape}; "
            "pass the configuration that it was made with"
        )
    images = len(dataset.train) - train_config.validation
    optimizer = _of_decoder(make_optimizer(train_config, images))

    def first(seed: int) -> TrainState:
        drawn = create_model(model_config, dataset.image_shape, seed)
        drawn.encoder = model.encoder
        return init_state(parameters(drawn), optimizer, seed)

    states = fit_seeds(
        dataset,
        model_config,
        train_config,
        seeds,
        optimizer=optimizer,
        states=[first(seed) for seed in seeds],
        mesh=mesh,
        on_epoch=on_epoch,
    )
    return [nnx.merge(graphdef, state.params).decoder for state in states]


# Cached, because each optimizer has its own compiled programs.
@cached
def _of_decoder(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return an optimizer that leaves the encoder as it is."""

    def parts(params: Params) -> Any:
        return jax.tree.map_with_path(lambda path, _: path[0].key, params)

    return optax.partition({"encoder": optax.set_to_zero(), "decoder": optimizer}, parts)
