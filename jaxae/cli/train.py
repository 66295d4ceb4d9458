"""`jaxae train`: fit a model to a data set, keep it as a run, draw its figures."""

import dataclasses
from pathlib import Path

import tyro

from jaxae.cli.common import Flag, Hardware, TrainOptions
from jaxae.config import CheckpointConfig, ModelConfig, ProcessConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an autoencoder and draw its figures.

    Writes a run's folder: config.json, metrics.jsonl, checkpoints/ and figures/. Ctrl-C saves what
    is trained; the same command line plus --resume continues it. All devices share the work; so do
    several processes, started alike with one --run-dir, on a cluster that JAX knows or by
    --coordinator.

    Example: jaxae train --model vae --epochs 8 --run-dir runs/vae
    """

    dataset: str = "mnist"
    """mnist (bundled) or a data set of TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Path | None = None
    """A folder with four IDX files to train on, or .npy files, which --dataset then names."""

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: TrainOptions = dataclasses.field(default_factory=TrainConfig)

    checkpoints: tyro.conf.OmitArgPrefixes[CheckpointConfig] = dataclasses.field(
        default_factory=CheckpointConfig
    )

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    processes: tyro.conf.OmitArgPrefixes[ProcessConfig] = dataclasses.field(
        default_factory=ProcessConfig
    )

    run_dir: Path | None = None
    """The run's folder; by default runs/DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the run that --run-dir holds."""

    resume: Flag = False
    """Resume the run that --run-dir holds, from its newest whole checkpoint; options that are left
    out keep the run's values."""

    tensorboard: Flag = False
    """Write the metrics for TensorBoard too, into the run's tensorboard/; a resumed run that has
    this folder keeps writing to it."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def defaults_of_run(self) -> "Train":
        """Return what the run to resume was made with, to parse the command line over it.

        Raises:
          ValueError: there is no run.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the run's folder; pass --run-dir")
        from jaxae.runs import Run

        run = Run.open(self.run_dir)
        folder = Path(run.data.source) if Path(run.data.source).is_absolute() else None
        return Train(
            dataset=run.data.name if folder else run.data.source,
            data_dir=folder,
            model=run.model_config,
            # Off, or tyro would offer --no-stream in place of --stream; a run that streams goes on
            # doing so whether or not the flag is given again.
            train=dataclasses.replace(run.train_config, stream=False),
            checkpoints=run.checkpoint_config,
        )

    def __call__(self) -> None:
        """Train, save, draw."""
        from jaxae.cli.training import train

        train(self)
