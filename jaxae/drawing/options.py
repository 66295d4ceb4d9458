"""The options of figures that are drawn by name."""

import dataclasses
from typing import Any, get_args

from jaxae.analysis import Embedding
from jaxae.config import BoxName, Width
from jaxae.config.checks import require_one_of
from jaxae.latent import LECTURE_BOX, Box
from jaxae.models import is_variational
from jaxae.plots.colours import check_palette
from jaxae.plots.sizes import WIDTHS, check_width

_LEAST_DPI, _MOST_DPI = 10, 2400
_MOST_PIXELS = 30_000  # A square of so many takes 3.6 GB.


@dataclasses.dataclass(frozen=True)
class Options:
    """What a figure shows, and how.

    Attributes:
      box: decode grids on the cloud's percentile box (1st to 99th) or on the lecture's box; by
        default the cloud's for a variational model, and the lecture's for others.
      classes: the classes to show, by name or by label; by default all. Figures of losses and of
        the prior show no classes, and ignore it.
      palette: colours of the classes: "jaxae", the default, or a Matplotlib colour map, as for
        `jaxae.plots.latent_scatter`.
      width: width of the figure, as for `jaxae.plots`; by default that which suits the figure.
      dpi: dots per inch of a PNG, and of points in PDF and SVG, from 10 to 2400; by default those
        of the style.

    Raises:
      ValueError: a value is unknown or out of range.
    """

    box: BoxName | None = None
    classes: tuple[str, ...] | None = None
    palette: str | None = None
    width: Width | None = None
    dpi: int | None = None

    def __post_init__(self) -> None:
        """Validate the values; names of classes are validated by `Source.labels_of`."""
        if self.box is not None:
            require_one_of("box", self.box, get_args(BoxName))
        if self.classes == ():
            raise ValueError("classes is empty; expected one or more names")
        if self.palette is not None:
            check_palette(self.palette)
        check_width(self.width)
        if self.dpi is not None and not _LEAST_DPI <= self.dpi <= _MOST_DPI:
            raise ValueError(f"dpi is {self.dpi}; expected {_LEAST_DPI} to {_MOST_DPI}")
        inches = WIDTHS[self.width][0] if isinstance(self.width, str) else self.width or 0
        pixels = inches * (self.dpi or 300)
        if pixels > _MOST_PIXELS:
            raise ValueError(
                f"width and dpi give {pixels:,.0f} pixels across; expected at most {_MOST_PIXELS:,}"
            )

    def box_for(self, embedding: Embedding) -> Box:
        """Return the box of a model's grid."""
        own = "cloud" if is_variational(embedding.model) else "lecture"
        return embedding.percentile_box if (self.box or own) == "cloud" else LECTURE_BOX

    def as_json(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, by name."""
        options = dataclasses.asdict(self)
        return {name: value for name, value in options.items() if value is not None}

    @classmethod
    def from_json(cls, options: dict[str, Any]) -> "Options":
        """Return the options that `as_json` gave.

        Raises:
          ValueError: there is an option or a value that this version does not have.
        """
        options = dict(options)
        if "fit_box" in options:  # As written until 0.1.
            options["box"] = "cloud" if options.pop("fit_box") else "lecture"
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in options if name not in known]:
            raise ValueError(f"option {unknown[0]!r} is unknown; expected {', '.join(known)}")
        if "classes" in options:
            options["classes"] = tuple(map(str, options["classes"]))
        return cls(**options)
