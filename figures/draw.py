"""Draw the pictures of this folder from saved runs.

python figures/draw.py                draw all of them
python figures/draw.py latent grid    draw only these

`make figures` trains the runs first where they are missing.
"""

import argparse
from pathlib import Path

import jaxae

FOLDER = Path(__file__).resolve().parent
AE, VAE = "runs/mnist", "runs/vae"
# The runs or studies that each picture is drawn from.
PICTURES = {
    "latent": [AE],
    "grid": [AE],
    "coverage": [AE],
    "entropy": [AE],
    "gaps": [AE],
    "interpolation": [AE, VAE],
    "prior": [VAE],
    "ae_vae": [AE, VAE],
    "seeds": ["runs/study-ae", "runs/study-vae"],
}


def main() -> None:
    """Draw each picture that is named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Draw the pictures of figures/ from saved runs.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"a picture, by default all: {', '.join(PICTURES)}",
    )
    names = parser.parse_args().names or list(PICTURES)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"unknown picture {unknown.pop()}; expected {', '.join(PICTURES)}")
    # One source for each run, so that a run is read and embedded once for all pictures.
    runs = {run for name in names for run in PICTURES[name]}
    sources = {run: jaxae.Source(FOLDER.parent / run) for run in runs}
    for name in names:
        path = FOLDER / f"{name}.png"
        try:
            jaxae.draw(name, [sources[run] for run in PICTURES[name]], path)
        except ValueError as error:
            parser.error(str(error))
        print(path)


if __name__ == "__main__":
    main()
