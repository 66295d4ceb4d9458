"""Draw figures/seeds.png: test loss over epochs, mean and band of the seeds.

python figures/seeds.py [STUDY STUDY]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/study-ae", "runs/study-vae"]
    jaxae.draw("seeds", runs, Path(__file__).with_suffix(".png"))
