"""Draw figures/entropy.png: the entropy of the labels over the plane.

python figures/entropy.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    jaxae.draw("entropy", runs, Path(__file__).with_suffix(".png"))
