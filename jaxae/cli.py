"""The command line: `jaxae train | figures | encode | decode`, also as `python -m jaxae`."""

import contextlib
import dataclasses
import io
import logging
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import numpy.typing as npt
import tyro
from flax import nnx
from rich.console import Console

from jaxae.arrays import blaming, read_array, write_array
from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.devices import Device, find_device
from jaxae.drawing import Format, draw_figures
from jaxae.fitting import DivergedError, Epoch, fit
from jaxae.latent import decode, encode
from jaxae.progress import TrainingProgress
from jaxae.runs import DataRecord, Run

Flag = tyro.conf.FlagCreatePairsOff[bool]
RunArgument = tyro.conf.Positional[Path]
console = Console(highlight=False, soft_wrap=True)


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an autoencoder and draw its figures.

    Writes a run's folder: config.json, metrics.jsonl, checkpoints/ and figures/. Ctrl-C keeps the
    last finished epoch.
    """

    dataset: str = "mnist"
    """mnist (bundled) or a data set of TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Path | None = None
    """A folder with four IDX files to train on; --dataset is then only its name."""

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: tyro.conf.OmitArgPrefixes[TrainConfig] = dataclasses.field(default_factory=TrainConfig)

    device: Device = "auto"
    """Where to compute; auto takes what JAX prefers."""

    run_dir: Path | None = None
    """The run's folder; by default runs/DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the run that --run-dir holds."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def __call__(self) -> None:
        """Train, save, draw."""
        device = find_device(self.device)
        dataset = load_dataset(self.data_dir or self.dataset)
        if self.data_dir and self.dataset != "mnist":
            dataset = dataclasses.replace(dataset, name=self.dataset)
        path = self.run_dir or Path("runs") / f"{dataset.name.replace('/', '-')}-{_now()}"
        source = str(self.data_dir.resolve()) if self.data_dir else self.dataset
        record = DataRecord.of(dataset, source)
        with jax.default_device(device):
            run = Run.create(
                path, self.model, self.train, record, device=device, overwrite=self.overwrite
            )
            console.print(
                f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} "
                f"to test on; {device.device_kind}; {path}"
            )
            _train(run, dataset)
            _draw(run, dataset, path / "figures", "png", self.fit_box)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Draw a run's figures again."""

    run: RunArgument
    """The run's folder."""

    format: Format = "png"
    """Of the files; pdf and svg are vector graphics."""

    out: Path | None = None
    """The folder to write to; by default the run's figures/."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def __call__(self) -> None:
        """Open the run, load its data, draw."""
        run = Run.open(self.run)
        dataset = load_dataset(run.data.source)
        if dataset.checksum != run.data.checksum:
            raise ValueError(
                f"{run.data.source} has changed since {self.run} was trained on it (its checksum "
                "differs); put the old data back or train again"
            )
        _draw(run, dataset, self.out or self.run / "figures", self.format, self.fit_box)


@dataclasses.dataclass(frozen=True)
class Encode:
    """Map images to their points in a run's latent space."""

    run: RunArgument
    """The run's folder."""

    images: tyro.conf.Positional[Path]
    """An .npy file of shape (n, height, width): integers 0 to 255 or floats 0 to 1."""

    z: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, latent_dim)."""

    def __call__(self) -> None:
        """Read, encode, write."""
        model = Run.open(self.run).load_model()
        with blaming(self.images):
            z = encode(model, read_array(self.images))
        _write(self.z, z)


@dataclasses.dataclass(frozen=True)
class Decode:
    """Map points in a run's latent space to images."""

    run: RunArgument
    """The run's folder."""

    z: tyro.conf.Positional[Path]
    """An .npy file of finite numbers of shape (n, latent_dim)."""

    images: tyro.conf.Positional[Path]
    """The .npy file to write: float32 of shape (n, height, width), values 0 to 1."""

    def __call__(self) -> None:
        """Read, decode, write."""
        model = Run.open(self.run).load_model()
        with blaming(self.z):
            images = decode(model, read_array(self.z))
        _write(self.images, images)


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Figures, tyro.conf.subcommand("figures")]
    | Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, 2 for bad input, 130 for Ctrl-C."""
    if args is None:
        _quieten_libraries()
    try:
        _parse(sys.argv[1:] if args is None else args)()
    except (ValueError, OSError) as error:
        print(f"jaxae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxae: interrupted", file=sys.stderr)
        return 130
    return 0


def _quieten_libraries() -> None:
    # A checkpoint that cannot be read is one line too. Orbax logs it besides, and its reads that
    # were still under way each print that their event loop is closed.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = lambda _: None


def _train(run: Run, dataset: Dataset) -> None:
    model = run.new_model()
    last = run.initial_state(nnx.state(model, nnx.Param))

    def on_epoch(epoch: Epoch) -> None:
        nonlocal last
        last = epoch.state
        run.log(epoch.metrics)
        progress.show(epoch.metrics)

    try:
        with TrainingProgress(console, run.train_config.epochs) as progress:
            fit(model, dataset, run.train_config, on_epoch=on_epoch)
    except (KeyboardInterrupt, DivergedError):
        print(f"jaxae: {run.path} keeps epoch {int(last.epoch)}", file=sys.stderr)
        raise
    finally:
        run.save(last)
        run.close()


def _draw(run: Run, dataset: Dataset, folder: Path, format: Format, fit_box: bool) -> None:
    paths = draw_figures(
        run.load_model(), dataset, run.history(), folder, format=format, fit_box=fit_box
    )
    for path in paths:
        console.print(str(path))


def _parse(args: Sequence[str]) -> Any:
    # Tyro explains a bad call in a box of several lines; here an error is one line.
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(Command, prog="jaxae", description=__doc__, args=args)
    except SystemExit as stop:
        if not stop.code:
            raise
        lines = [line.strip("│ ") for line in captured.getvalue().splitlines()]
        text = " ".join(line for line in lines if line and line[0] not in "╭╰")
        reason = re.split(" ?─{3,} ?", text)[0]
        reason = re.sub(r"^Error parsing __tyro\S+: ", "", reason)
        raise ValueError(f"{reason} (jaxae --help explains)") from None


def _write(path: Path, array: npt.NDArray[np.float32]) -> None:
    write_array(path, array)
    console.print(f"{path}: {array.dtype} of shape {array.shape}")


def _now() -> str:
    return datetime.now().strftime("%Y%m%d-%H%M%S")


if __name__ == "__main__":
    sys.exit(main())
