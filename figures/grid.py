"""Draw figures/grid.png: the lecture's 12×12 grid of the latent plane, decoded.

python figures/grid.py [RUN]    (by default runs/mnist, which `make reproduce` trains)
"""

import sys
from pathlib import Path

import jaxae


def main(run_dir: Path) -> None:
    """Decode the grid on the lecture's box and show it."""
    model = jaxae.Run.open(run_dir).load_model()
    figure = jaxae.plots.reconstruction_grid(jaxae.latent_grid(model, n=12))
    jaxae.save_figure(figure, Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/mnist"))
