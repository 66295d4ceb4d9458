"""Draw figures/latent.png: every digit's embedding, with the lecture's sampling box.

python figures/latent.py [RUN]    (by default runs/mnist, which `make reproduce` trains)
"""

import sys
from pathlib import Path

import numpy as np

import jaxae


def main(run_dir: Path) -> None:
    """Embed all of the run's data set and scatter it."""
    run = jaxae.Run.open(run_dir)
    model, data = run.load_model(), jaxae.load_dataset(run.data.source)
    z = np.concatenate([jaxae.encode(model, split.images) for split in (data.train, data.test)])
    labels = np.concatenate([data.train.labels, data.test.labels])
    figure = jaxae.plots.latent_scatter(z, labels, data.class_names)
    jaxae.save_figure(figure, Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/mnist"))
