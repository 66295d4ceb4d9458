"""The options of figures that are drawn by name."""

from typing import Any, NamedTuple

from jaxae.config import BoxName, Width


class Options(NamedTuple):
    """What a figure shows, and how.

    Attributes:
      box: decode grids on the cloud's percentile box (1st to 99th) or on the lecture's box; by
        default the cloud's for a variational model, and the lecture's for others.
      classes: the classes to show, by name; by default all.
      palette: colours of the classes, as for `jaxae.plots.latent_scatter`.
      width: width of the figure, as for `jaxae.plots`; by default that which suits the figure.
      dpi: dots per inch of a PNG, and of points in PDF and SVG; by default those of the style.
    """

    box: BoxName | None = None
    classes: tuple[str, ...] | None = None
    palette: str | None = None
    width: Width | None = None
    dpi: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    @classmethod
    def from_json(cls, options: dict[str, Any]) -> "Options":
        """Return the options that `as_json` gave.

        Raises:
          TypeError: there is an option that this version does not have.
        """
        options = dict(options)
        if "fit_box" in options:  # As written until 0.1.
            options["box"] = "cloud" if options.pop("fit_box") else "lecture"
        if "classes" in options:
            options["classes"] = tuple(options["classes"])
        return cls(**options)
