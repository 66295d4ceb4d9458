"""What the commands share: the console, and the types of their common options."""

import dataclasses
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console

from jaxae.config import Device, TrainConfig
from jaxae.text import printable

if TYPE_CHECKING:
    from jax.sharding import Mesh

Flag = tyro.conf.FlagCreatePairsOff[bool]
TrainOptions = tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[TrainConfig]]
RunArgument = tyro.conf.Positional[Path]
# Names of files and data sets are shown as they are: "[red]" or ":smile:" in one is no markup.
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


@dataclasses.dataclass(frozen=True)
class Hardware:
    """Where to compute."""

    device: Device = "auto"
    """Where to compute; auto takes what JAX prefers."""

    devices: int | None = None
    """How many of them share the work; by default all."""

    def mesh(self) -> "Mesh":
        """Lay the devices out.

        Raises:
          ValueError: they are not there.
        """
        from jaxae.devices import find_devices, make_mesh

        return make_mesh(find_devices(self.device, self.devices))


def described(mesh: "Mesh") -> str:
    """Say in words what a mesh is of."""
    import jax

    kind = mesh.local_devices[0].device_kind
    of = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    return f"{mesh.size} devices{of}, {kind}" if mesh.size > 1 else kind


def say(*lines: str) -> None:
    """Print lines; what would break one, or steer the terminal, is shown escaped."""
    for line in lines:
        console.print(printable(line))


def default_folder(name: str) -> Path:
    """Name a folder in runs/ after a data set, or whatever it is of, and the time."""
    # A name is no path: what could lead elsewhere, or trouble a shell, becomes a hyphen.
    name = re.sub(r"[^\w.+-]+", "-", name)[:80]
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
