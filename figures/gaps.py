"""Draw figures/gaps.png: tiles in gaps beside occupied ones, and how they are judged.

python figures/gaps.py [RUN]    (`make figures` trains the defaults)
"""

import sys
from pathlib import Path

import jaxae

if __name__ == "__main__":
    runs = sys.argv[1:] or ["runs/mnist"]
    sources = [jaxae.Source(Path(run)) for run in runs]
    jaxae.draw("gaps", sources, Path(__file__).with_suffix(".png"))
