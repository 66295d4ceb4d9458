"""Colours of curves, and how figures are saved.

The look of a figure is that of Matplotlib's rcParams. `plt.style.use("jaxae.paper")` and
`plt.style.use("jaxae.slide")` set them for print and for slides.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxae._utils.files import atomic

_SAVING: dict[Any, Any] = {
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType, which journals accept.
    "ps.fonttype": 42,
    "svg.fonttype": "none",  # Text, not paths.
    "svg.hashsalt": "jaxae",  # So that the same figure gives the same bytes.
}
# The formats, with metadata that suppress the date.
_UNDATED: dict[str, dict[str, None]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def cycle_colour(index: int) -> str:
    """Return a colour of rcParams["axes.prop_cycle"], in hexadecimal.

    Matplotlib would look up "C0" when the figure is drawn, perhaps in another style.
    """
    return to_hex(f"C{index}")


class SavedWell(Figure):
    """A figure whose `savefig` has print resolution, and text as text in PDF and SVG.

    An rcParam that differs from Matplotlib's default has precedence, as has an argument.
    """

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Save as `matplotlib.figure.Figure.savefig` does."""
        with mpl.rc_context(_unless_set(_SAVING)):
            super().savefig(fname, **kwargs)


def save_figure(
    figure: Figure,
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    *,
    dpi: float | None = None,
) -> None:
    """Write a figure to a file, atomically and reproducibly.

    The same figure gives the same bytes: no date is written, unless the metadata has one.

    Args:
      figure: the figure.
      path: the file; its suffix, .png, .pdf or .svg, chooses the format.
      metadata: metadata to write into the file, as for `matplotlib.figure.Figure.savefig`.
      dpi: dots per inch of a PNG, and of rasterized points in PDF and SVG; by default
        rcParams["savefig.dpi"], or 300 where that is not set.

    Raises:
      ValueError: the suffix is not .png, .pdf or .svg.
      OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in _UNDATED:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(_UNDATED)}")
    resolution: Any = {} if dpi is None else {"dpi": dpi}
    with mpl.rc_context(_unless_set(_SAVING)), atomic(path) as partial:
        figure.savefig(
            partial, metadata={**_UNDATED[path.suffix], **(metadata or {})}, **resolution
        )


def saving_dpi() -> float:
    """Return the resolution of a PNG, unless `savefig` is given another."""
    return float(_unless_set(_SAVING).get("savefig.dpi", mpl.rcParams["savefig.dpi"]))


def _unless_set(wanted: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return those of the rcParams wanted that still have Matplotlib's default."""
    default = mpl.rcParamsDefault
    return {key: value for key, value in wanted.items() if mpl.rcParams[key] == default[key]}
