"""Draw figures/gaps.png: tiles in gaps beside occupied ones, and how they are judged.

python figures/gaps.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    jaxae.draw("gaps", runs, Path(__file__).with_suffix(".png"))
