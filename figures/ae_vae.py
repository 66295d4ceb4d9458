"""Draw figures/ae_vae.png: the autoencoder beside the variational one.

python figures/ae_vae.py [AE VAE]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist", "runs/vae"]
    jaxae.draw("ae_vae", runs, Path(__file__).with_suffix(".png"))
