"""The models and curves that the pictures of figures/ were drawn from, in half precision.

`python -m tests.baseline` copies them from runs/ to baseline.npz; `make figures` does so.
"""

from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from figures.draw import RUNS
from jaxae import EpochMetrics, ModelConfig, Source, create_model
from jaxae.analysis import Classifier, fit_classifier
from jaxae.analysis.classifier import Network
from jaxae.config import Model
from jaxae.models import Autoencoder, parameters

FILE = Path(__file__).with_suffix(".npz")
MODELS: dict[Model, str] = {"ae": "mnist", "vae": "vae"}
STUDIES: dict[Model, str] = {"ae": "study-ae", "vae": "study-vae"}
MNIST = (28, 28)

Arrays = dict[str, Any]


def collect() -> Arrays:
    """Return every array of the runs, by name."""
    sources = {kind: Source(RUNS / run) for kind, run in MODELS.items()}
    arrays: Arrays = {}
    for kind, source in sources.items():
        arrays |= _flat(kind, source.snapshot.model)
    classifier = fit_classifier(sources["ae"].embedding.dataset)
    arrays |= _flat("classifier", classifier.network)
    arrays["accuracy"] = classifier.test_accuracy
    for kind, study in STUDIES.items():
        histories = Source(RUNS / study).histories
        arrays[f"seeds/{kind}"] = np.array(histories, np.float64)
    return arrays


def model(arrays: Arrays, kind: Model) -> Autoencoder:
    """Return one of the two models, in float32."""
    made = create_model(ModelConfig(model=kind), MNIST, seed=0)
    _fill(made, arrays, kind)
    return made


def classifier(arrays: Arrays) -> Classifier:
    """Return the classifier of MNIST's images."""
    network = Network(28 * 28, 10, rngs=nnx.Rngs(0))
    _fill(network, arrays, "classifier")
    return Classifier(network, float(arrays["accuracy"]))


def histories(arrays: Arrays, kind: str) -> list[list[EpochMetrics]]:
    """Return the metrics of each seed of a study."""
    return [
        [EpochMetrics(int(epoch), *_known(values)) for epoch, *values in seed]
        for seed in arrays[f"seeds/{kind}"]
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
