"""Write literature.json and literature.md: published results on MNIST beside jaxae's.

python figures/literature.py              train the studies that are missing, write into figures/
python figures/literature.py --out DIR    write into another folder

Like the papers, it trains on the first 50,000 training images and looks for neighbours among them.
"""

import argparse
import contextlib
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

import jaxae.cli
from jaxae import Source
from jaxae.analysis import Estimate

ROOT = Path(__file__).resolve().parents[1]
DATA = Path("runs/mnist-50000")

_STUDY = f"jaxae study --data-dir {DATA} --seeds"
_GELU = "--activation gelu --schedule onecycle --batch-size 256 --learning-rate 2e-3"
_DEEP = f"--hidden-dim 1000 500 250 {_GELU}"
_CONV = f"--architecture conv --hidden-dim 512 512 {_GELU}"

# The commands that train jaxae's rows, in folders of runs/.
EMBEDDINGS = {
    "784-512-2": f"{_STUDY} 5",
    "784-1000-500-250-2": f"{_STUDY} 5 {_DEEP}",
    "784-1000-500-250-2, longer": f"{_STUDY} 1 {_DEEP} --epochs 120",
    "convolutional AE": f"{_STUDY} 5 {_CONV} --epochs 30",
    "convolutional VAE": f"{_STUDY} 5 --model vae {_CONV} --epochs 12",
}
LIKELIHOODS = {
    "784-256-128-2 VAE": (
        f"{_STUDY} 5 --model vae --hidden-dim 256 128 --likelihood bernoulli --binarize "
        "--schedule onecycle --epochs 60"
    )
}

# The numbers of the tables, with their headings and decimals.
EMBEDDING_NUMBERS = {
    "knn1_accuracy": ("1-NN", 4),
    "knn5_accuracy": ("5-NN", 4),
    "train_trustworthiness": ("trustworthiness", 4),
    "test_mse_per_pixel": ("MSE", 4),
}
LIKELIHOOD_NUMBERS = {"log_evidence": ("log p(x)", 2)}

Published = dict[str, tuple[float | None, ...]]
# Sainburg, McInnes and Gentner 2021, "Parametric UMAP Embeddings for Representation and
# Semisupervised Learning", Neural Computation 33(11), from the executed notebooks in
# https://github.com/timsainb/ParametricUMAP_paper.
PUBLISHED_EMBEDDINGS: Published = {
    "PCA": (0.3765, 0.4201, 0.7434, 0.0557),
    "convolutional AE": (0.7647, 0.7926, 0.9663, 0.0369),
    "convolutional VAE": (0.7241, 0.7649, 0.9513, 0.0371),
    "UMAP + AE": (0.9403, 0.9537, 0.9675, 0.0360),
    "UMAP": (0.9317, 0.9544, 0.9601, 0.0393),
    "parametric UMAP": (0.9402, 0.9614, 0.9573, 0.0374),
    "t-SNE": (0.9411, 0.9502, 0.9874, None),
}
# Davidson, Falorsi, De Cao, Kipf and Tomczak 2018, "Hyperspherical Variational Auto-Encoders", UAI,
# table 1, d = 2.
PUBLISHED_LIKELIHOODS: Published = {
    "VAE": (-135.73,),
    "VAE on a sphere": (-132.50,),
}

Row = dict[str, Any]
Columns = dict[str, tuple[str, int]]


def write_data() -> None:
    """Write the first 50,000 training images and the test images as a data set, unless there."""
    if DATA.is_dir():
        return
    dataset = jaxae.load_dataset("mnist")
    DATA.mkdir(parents=True)
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        np.save(DATA / f"{name}_images.npy", split.images[:50_000])
        np.save(DATA / f"{name}_labels.npy", split.labels[:50_000])


def report_of(name: str, command: str) -> tuple[Path, dict[str, Any]]:
    """Train a study unless its report is there; return its folder and its report."""
    study = Path("runs") / f"literature-{name.replace(',', '').replace(' ', '-')}"
    if not (study / "report.json").is_file():
        arguments = [*shlex.split(command)[1:], "--run-dir", str(study), "--overwrite"]
        if status := jaxae.cli.main(arguments):
            raise SystemExit(status)
    return study, json.loads((study / "report.json").read_text())


def rows_of(commands: dict[str, str], columns: Columns) -> list[Row]:
    """Return the rows of jaxae's models: numbers, epochs, minutes for one seed, and command."""
    rows = []
    for name, command in commands.items():
        study, report = report_of(name, command)
        histories = Source(study).histories
        epochs = len(histories[0])
        # The fastest epoch is the one that other programs on the machine slowed down least.
        seconds = epochs * min(row.seconds for history in histories for row in history)
        rows.append(
            {
                "name": name,
                "numbers": {number: report["numbers"][number] for number in columns},
                "epochs": epochs,
                "minutes": round(seconds / 60, 1),
                "command": command,
            }
        )
    return rows


def pca(columns: Columns) -> Row:
    """Return the row of PCA."""
    _, report = report_of(*next(iter(EMBEDDINGS.items())))
    numbers = {number: report["references"]["pca"][number] for number in columns}
    return {"name": "PCA", "numbers": {name: {"value": numbers[name]["value"]} for name in numbers}}


def markdown(found: dict[str, list[Row]]) -> str:
    """Return both tables and the commands of their rows in Markdown."""
    embeddings = _table(PUBLISHED_EMBEDDINGS, found["embeddings"], EMBEDDING_NUMBERS)
    likelihoods = _table(PUBLISHED_LIKELIHOODS, found["likelihoods"], LIKELIHOOD_NUMBERS)
    return f"{embeddings}\n{likelihoods}"


def _table(published: Published, rows: list[Row], columns: Columns) -> str:
    table: list[list[str]] = []
    for name, values in published.items():
        pairs = zip(values, columns.values(), strict=True)
        cells = ["–" if value is None else f"{value:.{places}f}" for value, (_, places) in pairs]
        table.append([name, *cells, "", ""])
    for row in rows:
        cells = [
            _cell(Estimate(**row["numbers"][number]), places)
            for number, (_, places) in columns.items()
        ]
        effort = [str(row.get(heading, "")) for heading in ("epochs", "minutes")]
        table.append([f"jaxae: {row['name']}", *cells, *effort])
    headings = ["method", *(heading for heading, _ in columns.values()), "epochs", "minutes"]
    commands = "\n".join(row["command"] for row in rows if "command" in row)
    text = tabulate(table, headings, "github", disable_numparse=True)
    return f"{text}\n\n```console\n{commands}\n```\n"


def _cell(estimate: Estimate, places: int) -> str:
    value = f"{estimate.value:.{places}f}"
    if estimate.high is None:
        return value
    return f"{value} ± {estimate.high - estimate.value:.{places}f}"


def main() -> None:
    """Train what is missing, and write both files."""
    parser = argparse.ArgumentParser(description="Write literature.json and literature.md.")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "figures", metavar="DIR", help="default: figures/"
    )
    folder = parser.parse_args().out.resolve()
    with contextlib.chdir(ROOT):
        write_data()
        found = {
            "embeddings": [pca(EMBEDDING_NUMBERS), *rows_of(EMBEDDINGS, EMBEDDING_NUMBERS)],
            "likelihoods": rows_of(LIKELIHOODS, LIKELIHOOD_NUMBERS),
        }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "literature.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "literature.md").write_text(markdown(found))


if __name__ == "__main__":
    main()
