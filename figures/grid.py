"""Draw figures/grid.png: the 12×12 grid of the latent plane, decoded.

python figures/grid.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    jaxae.draw("grid", runs, Path(__file__).with_suffix(".png"))
