"""Options that several commands share."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

import jaxae
from jaxae.config import BoxName, Checkpoint, Device, TrainConfig

if TYPE_CHECKING:
    from jax.sharding import Mesh

Flag = tyro.conf.FlagCreatePairsOff[bool]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")]
TrainOptions = tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[TrainConfig]]
RunArgument = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
BoxOption = Annotated[
    BoxName | None,
    tyro.conf.arg(
        metavar="cloud|lecture",
        help="Decode grids on the cloud's percentile box (1st to 99th) or on the lecture's box, x "
        "from -5 to 10, y from -10 to 5; by default the cloud's for a variational model, and the "
        "lecture's for others.",
    ),
]
CheckpointOption = Annotated[
    Checkpoint,
    tyro.conf.arg(
        metavar="newest|best|EPOCH",
        help="Which saved parameters to use: the newest, the best (those with the lowest loss on "
        "validation images, which were held out), or those of an epoch.",
    ),
]

# How the command line reads a type for which tyro's own notation is hard to read.
TYPES = tyro.constructors.ConstructorRegistry()


@TYPES.primitive_rule
def _numbers(
    info: tyro.constructors.PrimitiveTypeInfo,
) -> tyro.constructors.PrimitiveConstructorSpec[tuple[int, ...]] | None:
    if info.type != int | tuple[int, ...]:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="INT [INT ...]",
        instance_from_str=lambda args: tuple(map(int, args)),
        is_instance=lambda value: isinstance(value, int | tuple),
        str_from_instance=words,
    )


def words(value: object) -> list[str]:
    """Return the value of an option as the arguments that give it on the command line."""
    return list(map(str, value)) if isinstance(value, tuple) else [str(value)]


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """The images to train on."""

    dataset: str = "mnist"
    """mnist (bundled), or a data set from TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Folder = None
    """A folder with four IDX files, or with .npy files, to train on; --dataset then names it."""

    @classmethod
    def of(cls, run: jaxae.Run) -> DataOptions:
        """Return the options that a run's data were loaded with."""
        data, folder = run.config.data, Path(run.config.data.source)
        return cls(data.name, folder) if folder.is_absolute() else cls(data.source)

    def source(self) -> str:
        """Return the argument for `load_dataset`, valid in any working directory.

        Raises:
          ValueError: `dataset` is the path of a folder.
        """
        if self.data_dir is not None:
            return str(self.data_dir.resolve())
        if jaxae.data.names_folder(self.dataset):
            raise ValueError(
                f"--dataset {self.dataset} is a folder; pass --data-dir {self.dataset}"
            )
        return self.dataset

    def load(self) -> jaxae.Dataset:
        """Load the data set.

        Raises:
          ValueError: it does not exist or cannot be read.
        """
        dataset = jaxae.load_dataset(self.source())
        if self.data_dir and self.dataset != "mnist":
            return dataclasses.replace(dataset, name=self.dataset)
        return dataset


@dataclasses.dataclass(frozen=True)
class Hardware:
    """The devices to compute on."""

    device: Device = "auto"
    """The kind of device; auto is the kind that JAX prefers."""

    devices: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """How many devices to use in each process; by default all."""

    def mesh(self, resumed: jaxae.Run | None = None) -> Mesh:
        """Return a mesh of the devices, with `auto` of the kind that a resumed run was trained on.

        Raises:
          ValueError: the devices do not exist.
        """
        mesh = jaxae.make_mesh(jaxae.find_devices(self.device, self.devices))
        if resumed is None or self.device != "auto":
            return mesh
        here, before = mesh.local_devices[0].platform, resumed.environment.platform
        if here == before:
            return mesh
        try:
            return jaxae.make_mesh(jaxae.find_devices(before, self.devices))  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(
                f"{resumed.path} was trained on {before}, but JAX finds only {here}; pass "
                f"--device {here} to resume there, with results that differ by rounding"
            ) from error
