"""Draw figures/coverage.png: the grid, each tile tinted by how far embeddings are.

python figures/coverage.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    jaxae.draw("coverage", runs, Path(__file__).with_suffix(".png"))
