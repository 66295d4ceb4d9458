"""A user's program, which nothing runs: mypy and basedpyright check the types that it asserts.

basedpyright is a pyright that comes as a Python package. It is set to pyright's own default rules,
since the stricter ones fault what JAX and Flax leave without types.
"""
# pyright: standard

from typing import assert_type

import jax
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from flax import nnx
from matplotlib.figure import Figure

import jaxae
from jaxae import geometry

Floats = npt.NDArray[np.float32]

data = jaxae.load_dataset("mnist")
model = jaxae.create_model(jaxae.ModelConfig(latent_dim=2), data.image_shape, seed=0)
losses: list[float] = []


def on_epoch(epoch: jaxae.Epoch) -> None:
    """Note the loss of an epoch."""
    losses.append(epoch.metrics.test_loss)


config = jaxae.TrainConfig(epochs=2, schedule="onecycle")
history = jaxae.fit(model, data, config, on_epoch=on_epoch)
assert_type(history[-1], jaxae.EpochMetrics)
assert_type(history[-1].validation_loss, float | None)

z = assert_type(jaxae.encode(model, data.test.images), Floats)
box = assert_type(jaxae.fitted_box(z), jaxae.Box)
tiles = assert_type(jaxae.latent_grid(model, box), Floats)
assert_type(model.encoder(data.test.images[0] / 255), jax.Array)
assert_type(model.posterior(data.test.images[0] / 255), tuple[jax.Array, jax.Array | None])
assert_type(model.decoder.logits(z[0]), jax.Array)

plt.style.use("jaxae.paper")
figure = jaxae.plots.latent_scatter(z, data.test.labels, data.class_names, width="column")
jaxae.save_figure(assert_type(figure, Figure), "latent.pdf")

report = jaxae.measure(jaxae.Embedding(model, data), jaxae.analysis.fit_classifier(data))
assert_type(report.numbers["gap_share"].low, float | None)
found = geometry.geodesic(model.decoder, z[:2], z[2:4], within=z)
assert_type(jaxae.decode(model, found.points[0]), Floats)

graphdef, params = nnx.split(model, nnx.Param)
optimizer = jaxae.make_optimizer(config, n=len(data.train))
state = jaxae.init_state(params, optimizer, seed=0)
train_epoch = jaxae.make_train_epoch(graphdef, optimizer, batch_size=128)
state, loss = train_epoch(state, jax.numpy.asarray(data.train.images))
assert_type((state, loss), tuple[jaxae.TrainState, jax.Array])

run = jaxae.Run.open("runs/mnist")
assert_type(run.load_model("best"), jaxae.Autoencoder)
assert_type(run.config.train, jaxae.TrainConfig)
jaxae.draw("latent", [run.path], "latent.svg")
assert_type(jaxae.verify("latent.svg"), list[str])
