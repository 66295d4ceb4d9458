"""Draw figures/prior.png: images decoded from 144 points of the prior.

python figures/prior.py [VAE]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/vae"]
    jaxae.draw("prior", runs, Path(__file__).with_suffix(".png"))
