"""Write the explorer: the page, its style, its scripts and its data in one file."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from jaxae._utils.files import atomic
from jaxae.drawing import Source
from jaxae.explorer.contents import contents

_PAGE = Path(__file__).parent / "page"
_MOST_RUNS = 2


def write(
    sources: Sequence[Source], path: str | os.PathLike[str], *, max_points: int = 200_000
) -> None:
    """Write the latent plane of one run, or of two side by side, as a page for a web browser.

    The page needs no network. It decodes any point of the plane and encodes what is drawn in it,
    with kernels rounded so that a pixel, 0 to 1, is within 0.0015 of the model's, and an embedding
    within 0.005 of the extent of the cloud.

    Args:
      sources: one run, or two of the same data set; dense or convolutional, with two latent
        dimensions or more. Of more than two, the page shows the plane that figures show.
      path: the HTML file; an existing one is replaced.
      max_points: number of embeddings above which a random sample is shown.

    Raises:
      ValueError: another number of runs, runs of different data, a folder that is not a run, or a
        model that the page cannot evaluate.
      OSError: the file cannot be written.

    Example:
      >>> jaxae.explorer.write([jaxae.Source("runs/mnist")], "explorer.html")
    """
    if not 1 <= len(sources) <= _MOST_RUNS:
        raise ValueError(f"{len(sources)} runs were given; expected one or two")
    if max_points < 1:
        raise ValueError(f"max_points is {max_points}; expected 1 or more")
    # A "<" in a name could otherwise end the element that holds the data.
    data = json.dumps(contents(sources, max_points)).replace("<", "\\u003c")
    with atomic(Path(path)) as partial:
        partial.write_text(_page(data), encoding="utf-8")


def _page(data: str) -> str:
    """Return page.html with its style, its scripts and the data in place of the links to them."""

    def read(name: str) -> str:
        return (_PAGE / name).read_text(encoding="utf-8")

    page = re.sub(
        r'<link rel="stylesheet" href="(.+?)">',
        lambda link: f"<style>\n{read(link[1])}</style>",
        read("page.html"),
    )
    page = re.sub(
        r'<script src="(.+?)"></script>',
        lambda link: f"<script>\n{read(link[1])}</script>",
        page,
    )
    before, element, after = page.partition('<script type="application/json" id="data">')
    return before + element + data + after
