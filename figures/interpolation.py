"""Draw figures/interpolation.png: the straight way from a 0 to a 1, by both models.

python figures/interpolation.py [AE VAE]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist", "runs/vae"]
    jaxae.draw("interpolation", runs, Path(__file__).with_suffix(".png"))
