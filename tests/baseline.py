"""The models and curves that the pictures of figures/ were drawn from, in half precision.

`python -m tests.baseline` copies them from runs/ to baseline.npz; `make figures` does so.
"""

from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from figures.draw import AE, FLAT, RUNS, VAE
from jaxae import EpochMetrics, ModelConfig, Source, TrainConfig, create_model
from jaxae.analysis import Classifier, fit_classifier
from jaxae.analysis.classifier import Network
from jaxae.models import Autoencoder, parameters

FILE = Path(__file__).with_suffix(".npz")
MODELS = {
    AE: (ModelConfig(), TrainConfig()),
    VAE: (ModelConfig(model="vae"), TrainConfig()),
    FLAT: (ModelConfig(), TrainConfig(flatten=1)),
}
# With the run that stands for each.
STUDIES = {"study-ae": AE, "study-vae": VAE}
MNIST = (28, 28)

Arrays = dict[str, Any]


def collect() -> Arrays:
    """Return every array of the runs, by name."""
    sources = {run: Source(RUNS / run) for run in MODELS}
    arrays: Arrays = {}
    for run, source in sources.items():
        arrays |= _flat(run, source.snapshot.model)
    classifier = fit_classifier(sources[AE].embedding.dataset)
    arrays |= _flat("classifier", classifier.network)
    arrays["accuracy"] = classifier.test_accuracy
    for study in STUDIES:
        histories = Source(RUNS / study).histories
        arrays[f"seeds/{study}"] = np.array(histories, np.float64)
    return arrays


def model(arrays: Arrays, run: str) -> Autoencoder:
    """Return the model of a run, in float32."""
    made = create_model(MODELS[run][0], MNIST, seed=0)
    _fill(made, arrays, run)
    return made


def classifier(arrays: Arrays) -> Classifier:
    """Return the classifier of MNIST's images."""
    network = Network(28 * 28, 10, rngs=nnx.Rngs(0))
    _fill(network, arrays, "classifier")
    return Classifier(network, float(arrays["accuracy"]))


def histories(arrays: Arrays, study: str) -> list[list[EpochMetrics]]:
    """Return the metrics of each seed of a study."""
    return [
        [EpochMetrics(int(epoch), *_known(values)) for epoch, *values in seed]
        for seed in arrays[f"seeds/{study}"]
    ]


def _known(values: Any) -> list[Any]:
    return [None if np.isnan(value) else float(value) for value in values]


def _flat(name: str, module: Any) -> Arrays:
    return {
        f"{name}/{'/'.join(map(str, path))}": np.asarray(leaf[...], np.float16)
        for path, leaf in nnx.to_flat_state(parameters(module))
    }


def _fill(module: Any, arrays: Arrays, name: str) -> None:
    for path, leaf in nnx.to_flat_state(parameters(module)):
        leaf[...] = arrays[f"{name}/{'/'.join(map(str, path))}"].astype(np.float32)


if __name__ == "__main__":
    np.savez_compressed(FILE, allow_pickle=False, **collect())
