"""Names and colours of classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Colormap, ListedColormap, to_rgba, to_rgba_array

from jaxae._utils.text import did_you_mean

Palette = str | Sequence[Any]
ClassNames = Sequence[str] | Mapping[int, str]

# Found by simulated annealing in CIELAB. The CIEDE2000 distance of any two is at least 23, and at
# least 14 as a deuteranope or a protanope sees them (Machado, Oliveira and Fernandes 2009). Classes
# that touch in the latent plane of MNIST, such as 4 and 9 or 3, 5 and 8, have the colours that
# differ most. The contrast is at least 1.75 on white, and 2.8 on black.
DEFAULT = "jaxae"
TEN = "#a070a8 #018069 #bd7e02 #4dd5e0 #5ca7ff #9c2e03 #72c589 #db065a #631de2 #d2c71e".split()
_GOLDEN = (5**0.5 - 1) / 2
_LONGEST_LIST = 64  # colours; viridis and the like are lists of 256.


def names_by_label(labels: npt.NDArray[np.integer], class_names: ClassNames) -> dict[int, str]:
    """Return the name of each label, after a check that every label has one.

    Args:
      labels: integers, 0 or more.
      class_names: a sequence names the labels 0, 1, 2 and so on; a mapping names its keys.

    Raises:
      ValueError: a label has no name.
    """
    given = class_names if isinstance(class_names, Mapping) else dict(enumerate(class_names))
    names = {label: str(name) for label, name in given.items()}
    missing = [int(label) for label in np.unique(labels) if label not in names or label < 0]
    if missing:
        raise ValueError(
            f"class_names has no name for label {_some(missing)}, only for {_some(list(names))}; "
            f"expected a name for each label, such as {{{missing[0]}: 'name'}}"
        )
    return {int(label): names[label] for label in sorted(names)}


def class_colours(count: int, palette: Palette | None = None) -> npt.NDArray[np.float64]:
    """Return one colour per class, RGBA from 0 to 1, shape (count, 4).

    Args:
      count: number of classes.
      palette: "jaxae", the default; the name of a Matplotlib colour map; or a sequence of colours.
        A colour map that is a list of colours is used in its order, any other is sampled evenly.
        The default has ten colours that colour-blind readers can distinguish; further classes take
        colours of "turbo".

    Raises:
      ValueError: an unknown name, something that is not a colour, or too few colours.
    """
    if palette is None or (isinstance(palette, str) and palette == DEFAULT):
        # In steps of the golden ratio, so that a colour does not depend on the number of classes.
        further = np.arange(len(TEN), max(count, len(TEN))) * _GOLDEN % 1
        return np.concatenate([to_rgba_array(TEN), mpl.colormaps["turbo"](further)])[:count]
    if isinstance(palette, str):
        check_palette(palette)
        colour_map = mpl.colormaps[palette]
        if not _is_list(colour_map):
            return np.asarray(colour_map(np.linspace(0, 1, count)))
        colours: Any = colour_map(range(colour_map.N))
    else:
        colours = palette
    if len(colours) < count:
        raise ValueError(
            f"palette {palette!r} has {len(colours)} colours; expected {count} or more, one for "
            f"each label from 0 to {count - 1}"
        )
    try:
        return np.array([to_rgba(colour) for colour in colours[:count]])
    except ValueError as error:
        raise ValueError(f"palette: {error}; expected a colour of Matplotlib") from None


def check_palette(name: str) -> None:
    """Raise ValueError unless a name is that of a palette."""
    if name != DEFAULT and name not in mpl.colormaps:
        lists = [other for other in mpl.colormaps if _is_list(mpl.colormaps[other])]
        known = ", ".join([DEFAULT, *(other for other in lists if not other.endswith("_r"))])
        raise ValueError(
            f"unknown palette {name!r}; expected {known} or any other Matplotlib colour map"
            f"{did_you_mean(name, [DEFAULT, *mpl.colormaps])}"
        )


def _is_list(colour_map: Colormap) -> bool:
    return isinstance(colour_map, ListedColormap) and colour_map.N <= _LONGEST_LIST


def _some(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:10])) + (", …" if len(labels) > 10 else "")
