"""`jaxae train`: fit a model to a data set, keep it as a run, draw its figures."""

import dataclasses
import sys
from datetime import datetime
from pathlib import Path

import jax
import tyro
from flax import nnx

from jaxae.commands.common import Flag, console
from jaxae.commands.figures import draw_all
from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.devices import Device, find_device
from jaxae.drawing import AFTER_TRAINING
from jaxae.fitting import DivergedError, Epoch, fit
from jaxae.progress import TrainingProgress
from jaxae.runs import DataRecord, Run
from jaxae.sources import Source


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
        path = (
            self.run_dir
            or Path("runs") / f"{dataset.name.replace('/', '-')}-{datetime.now():%Y%m%d-%H%M%S}"
        )
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
            draw_all(Source(path), path / "figures", "png", self.fit_box, AFTER_TRAINING)


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
