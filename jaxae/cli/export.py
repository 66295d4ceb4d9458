"""`jaxae export` and `jaxae import`: a run's model for other software, and back."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

import jaxae
from jaxae._utils.files import make_folder, sync
from jaxae.cli.console import say
from jaxae.cli.options import CheckpointOption, Folder, RunArgument
from jaxae.config import RunConfig

Format = Literal["safetensors", "onnx", "stablehlo"]


@dataclasses.dataclass(frozen=True)
class Export:
    """Write a run's model to files that other software reads.

    safetensors: one file with the parameters, named and laid out as in PyTorch.

    onnx, stablehlo: two programs, named like FILE with -encoder and -decoder before the suffix. The
    encoder maps images, float32 of shape (n, height, width), or (n, height, width, 3) in colour,
    with values 0 to 1, to points, float32 of shape (n, latent_dim); a vae's points are the means.
    The decoder maps points to images. The number n is free, except that stablehlo needs at least
    one.

    Example: jaxae export runs/mnist --format onnx --out mnist.onnx
    """

    run: RunArgument
    """The run's folder."""

    format: Format
    """onnx is for ONNX Runtime; stablehlo is for jax.export, on CPU, CUDA and TPU."""

    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The file to write, or a folder, for files named after the run."""

    checkpoint: CheckpointOption = "newest"

    def __call__(self) -> None:
        """Open the run, write its model."""
        run = jaxae.Run.open(self.run)
        out = self.out
        if out.is_dir():
            out /= f"{self.run.resolve().name}.{self.format}"
        elif out.suffix[1:].lower() in {*get_args(Format)} - {self.format}:
            raise ValueError(
                f"--out {out} has the suffix of another format; expected "
                f"{out.with_suffix(f'.{self.format}')}"
            )
        model = run.load_model(self.checkpoint)
        if self.format == "safetensors":
            paths = jaxae.interchange.safetensors.write(out, model, run.config)
        elif self.format == "onnx":
            paths = jaxae.interchange.onnx.write(out, model)
        else:
            paths = jaxae.interchange.stablehlo.write(out, model)
        say(*map(str, paths))


@dataclasses.dataclass(frozen=True)
class Import:
    """Make a run from a safetensors file written by jaxae export or by PyTorch.

    The run has exactly the file's parameters. It draws figures, encodes and decodes; it has no
    metrics and cannot be trained further, and its config.json names the file. PyTorch saves the
    arrays without the description that jaxae export adds; the model and its sizes are then inferred
    from the arrays, and the data are taken to be MNIST and the settings the default ones.

    Example: jaxae import mnist.safetensors runs/imported
    """

    file: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FILE")]]
    """The .safetensors file."""

    run: RunArgument
    """The run's folder, which must be new or empty."""

    like: Folder = None
    """A run with the model, data and settings of the file; they replace the file's description."""

    def __call__(self) -> None:
        """Read the file, check it, make the run."""
        if self.run.exists() and not (self.run.is_dir() and not any(self.run.iterdir())):
            raise ValueError(f"{self.run} exists already; choose a folder that is new or empty")
        like = jaxae.Run.open(self.like).config if self.like else None
        model, config = jaxae.interchange.safetensors.read(self.file, like)
        make_folder(self.run.parent)
        partial = self.run.with_name(f".{self.run.name}-{secrets.token_hex(4)}")
        partial.mkdir()
        try:
            # Device, versions and date in config.json are the import's, not the training's.
            mesh = jaxae.make_mesh(jaxae.find_devices())
            own = RunConfig(config.model, config.train, config.data, imported_from=self.file.name)
            run = jaxae.Run.create(partial, own, mesh=mesh)
            state = run.initial_state(jaxae.models.parameters(model))
            jaxae.Recorder(run, state).close()  # Saves the initial state.
            partial.replace(self.run)
            sync(self.run.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        kind = f"{config.model.architecture} {config.model.model}"
        say(f"{self.run}: {kind} for images of {config.data.image_shape}")
