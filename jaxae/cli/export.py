"""`jaxae export` and `jaxae import`: a run's model for other software, and back."""

import dataclasses
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from jaxae.cli.common import CheckpointOption, RunArgument, say

Format = Literal["safetensors", "onnx", "stablehlo"]


@dataclasses.dataclass(frozen=True)
class Export:
    """Write a run's model for software that is not jaxae.

    safetensors: FILE has the parameters, under PyTorch's names and in PyTorch's order.

    onnx, stablehlo: two programs, beside FILE with -encoder and -decoder before its suffix. The
    encoder maps float32 images of shape (n, height, width), 0 to 1, to z of shape (n, latent_dim),
    of a vae the mean; the decoder maps such a z to such images. n is free:
    any number in onnx, 1 or more in stablehlo.

    Example: jaxae export runs/mnist --format onnx --out mnist.onnx
    """

    run: RunArgument
    """The run's folder."""

    format: Format
    """onnx runs in ONNX Runtime, stablehlo by jax.export on CPU, CUDA and TPU."""

    out: Path
    """The file to write, or a folder, which gets files of the run's name."""

    checkpoint: CheckpointOption = "newest"

    def __call__(self) -> None:
        """Open the run, write its parameters."""
        from jaxae.interchange import onnx, safetensors, stablehlo
        from jaxae.runs import Run

        run = Run.open(self.run)
        out = self.out
        if out.is_dir():
            out /= f"{self.run.resolve().name}.{self.format}"
        elif out.suffix[1:].lower() in {*get_args(Format)} - {self.format}:
            raise ValueError(
                f"--out {out} ends like a file of another format; expected "
                f"{out.with_suffix(f'.{self.format}')}"
            )
        model = run.load_model(self.checkpoint)
        if self.format == "safetensors":
            paths = safetensors.write(out, model, run.record)
        elif self.format == "onnx":
            paths = onnx.write(out, model)
        else:
            paths = stablehlo.write(out, model)
        for path in paths:
            say(str(path))


@dataclasses.dataclass(frozen=True)
class Import:
    """Make a run of a safetensors file that jaxae export wrote, or PyTorch saved after it.

    The run has the file's parameters, to the bit, and draws figures, encodes and decodes; it has
    no metrics, and config.json says which file it came from. PyTorch keeps the arrays but not what
    jaxae export says of the run: model and sizes are then read off the arrays, and MNIST and the
    default settings assumed.

    Example: jaxae import mnist.safetensors runs/imported
    """

    file: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FILE")]]
    """The .safetensors file."""

    run: RunArgument
    """The run's folder, which must be new or empty."""

    like: Path | None = None
    """A run whose model, data and settings the file has, whatever it says itself."""

    def __call__(self) -> None:
        """Read, check, make the run."""
        from flax import nnx

        from jaxae._utils.files import make_folder, sync
        from jaxae.distributed import find_devices, make_mesh
        from jaxae.interchange import safetensors
        from jaxae.runs import Recorder, Run

        if self.run.exists() and not (self.run.is_dir() and not any(self.run.iterdir())):
            raise ValueError(f"{self.run} is there already; choose a folder that is new or empty")
        like = Run.open(self.like).record if self.like else None
        model, record = safetensors.read(self.file, like)
        make_folder(self.run.parent)
        partial = self.run.with_name(f".{self.run.name}-{secrets.token_hex(4)}")
        partial.mkdir()
        try:
            # Device, versions and date in config.json are the import's, not the training's.
            origin = self.file.name
            run = Run.create(partial, *record, mesh=make_mesh(find_devices()), imported_from=origin)
            state = run.initial_state(nnx.state(model, nnx.Param))
            Recorder(run, state).close()  # Which saves the state that it begins with.
            partial.replace(self.run)
            sync(self.run.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        say(f"{self.run}: {record.model.model} for images of {record.data.image_shape}")
