"""What the commands share: the console, and the types of their common options."""

import contextlib
import dataclasses
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from jaxae._utils.text import printable
from jaxae.config import Checkpoint, Device, TrainConfig

if TYPE_CHECKING:
    from jax.sharding import Mesh

Flag = tyro.conf.FlagCreatePairsOff[bool]
TrainOptions = tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[TrainConfig]]
RunArgument = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
CheckpointOption = Annotated[
    Checkpoint,
    tyro.conf.arg(
        metavar="newest|best|EPOCH",
        help="Which of the run's saved parameters to take: the last, those of the lowest test loss "
        "(which is then too low an estimate), or an epoch's.",
    ),
]
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
        from jaxae.distributed import find_devices, make_mesh

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
    """Make an empty folder in runs/, named after a data set and the time; no two calls share it."""
    # A name is no path: what could lead elsewhere, or trouble a shell, becomes a hyphen.
    name = re.sub(r"[^\w.+-]+", "-", name)[:80]
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = Path("runs") / f"{stem}{suffix}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise ValueError(f"runs/{stem} and 98 more of that name exist; pass --run-dir")


def data_source(dataset: str, data_dir: Path | None) -> str:
    """Return what `load_dataset` is to be given, valid in any working directory.

    Raises:
      ValueError: the name is a folder's.
    """
    if data_dir is not None:
        return str(data_dir.resolve())

    from jaxae.data import names_folder

    if names_folder(dataset):
        raise ValueError(f"--dataset {dataset} is a folder; pass --data-dir {dataset}")
    return dataset
