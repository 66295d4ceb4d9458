"""Draw the pictures of this folder from saved runs.

python figures/draw.py                           draw all of them
python figures/draw.py latent grid --out DIR     draw only these, into another folder
python figures/draw.py --runs DIR --out DIR2     draw them from other runs of the same names

`make figures` trains the runs first where they are missing. `jaxae figures` draws any figure of any
run.
"""

import argparse
from pathlib import Path

import jaxae

FOLDER = Path(__file__).resolve().parent
RUNS = FOLDER.parent / "runs"
AE, VAE, FLAT = "mnist", "vae", "study-flat/seed-0"
# The runs or studies that each picture is drawn from. Its name begins with that of its figure.
PICTURES = {
    "latent": [AE],
    "grid": [AE],
    "coverage": [AE],
    "entropy": [AE],
    "gaps": [AE],
    "interpolation": [AE, VAE],
    "magnification": [AE],
    "geodesics": [AE],
    "prior": [VAE],
    "ae_vae": [AE, VAE],
    "ae_vae-flattened": [AE, FLAT],
    "seeds": ["study-ae", "study-vae"],
}


def figure_of(picture: str) -> str:
    """Return the name of the figure that a picture shows."""
    return picture.partition("-")[0]


def main() -> None:
    """Draw each picture that is named on the command line, or all."""
    parser = argparse.ArgumentParser(
        description="Draw the pictures of figures/ from saved runs.",
        epilog="To draw figures of a single run, use jaxae figures.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"a picture, by default all: {', '.join(PICTURES)}",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder to write to, by default figures/"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="DIR",
        help="the folder of the runs mnist and vae and the studies study-ae, study-vae and "
        "study-flat, by default runs/; others than these need --out",
    )
    options = parser.parse_args()
    names, folder, runs = options.names or PICTURES, options.out or FOLDER, options.runs or RUNS
    try:
        if unknown := [name for name in names if name not in PICTURES]:
            expected = ", ".join(PICTURES)
            raise ValueError(f"unknown picture {unknown[0]!r}; expected some of {expected}")
        if options.runs and not options.out:
            raise ValueError("--runs alone would replace the committed pictures; pass --out, too")
        # One source for each run, so that a run is read and embedded once for all pictures.
        sources = {run: jaxae.Source(runs / run) for name in names for run in PICTURES[name]}
        for name in dict.fromkeys(names):
            path = folder / f"{name}.png"
            jaxae.draw(figure_of(name), [sources[run] for run in PICTURES[name]], path)
            print(path)
    except (ValueError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
