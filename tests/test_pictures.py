"""The committed pictures, drawn again and compared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import style
from PIL import Image

import jaxae
from figures.draw import AE, FOLDER, PICTURES, VAE, figure_of
from jaxae import Source
from jaxae.config import RunConfig
from jaxae.drawing import FIGURES, Options
from jaxae.drawing.source import Snapshot
from tests import baseline
from tests.browsers import check_computations, chromium

# Both pictures are averaged over squares of this many pixels, which a text of a few letters fills.
_SQUARE = 32
# The largest difference of such a mean, 0 to 255. Half precision, and the rounding of another
# processor, change the last digit of some numbers in a picture, but not a word or a colour.
_TOLERANCE = 8
# They also decide whether a cell with nearly too few embeddings is blank: squares that may differ.
_EXCEPT = {"entropy": 4}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The runs and the studies of the pictures, by the folders that the script names."""
    mnist = jaxae.load_dataset("mnist")
    with np.load(baseline.FILE) as arrays:
        classifier = baseline.classifier(arrays)
        found: dict[str, Any] = {}
        for name, configs in baseline.MODELS.items():
            run = jaxae.Run.create(
                tmp_path_factory.mktemp("runs") / "run",
                RunConfig(*configs, mnist.describe("mnist")),
                mesh=jaxae.make_mesh(jaxae.find_devices()),
            )
            state = run.initial_state(jaxae.models.parameters(baseline.model(arrays, name)))
            jaxae.Recorder(run, state).close()
            found[name] = Source(run.path, data=mnist)
            found[name].classifier = classifier
        # Studies of runs without checkpoints, as if they had been read already.
        for name, stand_in in baseline.STUDIES.items():
            found[name] = Source(found[stand_in].path)
            found[name].snapshots = [
                Snapshot(found[stand_in].snapshot.model, 0, "", history)
                for history in baseline.histories(arrays, name)
            ]
            found[name].runs = len(found[name].snapshots) * found[stand_in].runs
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_is_what_is_drawn_today(
    name: str, sources: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.png"
    with style.context("jaxae.paper", after_reset=True):
        figure = FIGURES[figure_of(name)].function(
            [sources[run] for run in PICTURES[name]], Options()
        )
        jaxae.save_figure(figure, path)
    committed, today = _means(FOLDER / path.name), _means(path)
    assert committed.shape == today.shape
    differs = (np.abs(committed - today) > _TOLERANCE).any(axis=-1)
    assert differs.sum() <= _EXCEPT.get(name, 0)


@pytest.mark.slow
def test_the_explorer_of_mnist_is_small_and_true(
    browsers: None, sources: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "explorer.html"
    both = [sources[name] for name in (AE, VAE)]
    jaxae.explorer.write(both, path)
    assert path.stat().st_size <= 3_500_000
    with chromium() as page:
        page.open(path)
        for side, source in enumerate(both):
            check_computations(page, side, source.embedding)


def _means(path: Path) -> np.ndarray:
    """Return the mean colour of each square of a picture, shape (rows, columns, 3)."""
    with Image.open(path) as image:
        rows, columns = image.height // _SQUARE, image.width // _SQUARE
        pixels = np.asarray(image.convert("RGB"), float)[: rows * _SQUARE, : columns * _SQUARE]
    return pixels.reshape(rows, _SQUARE, columns, _SQUARE, 3).mean(axis=(1, 3))
