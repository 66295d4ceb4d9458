"""Draw figures/latent.png: every digit's embedding, with the sampling box and its grid.

python figures/latent.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    jaxae.draw("latent", runs, Path(__file__).with_suffix(".png"))
