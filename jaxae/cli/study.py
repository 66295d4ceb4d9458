"""`jaxae study`: one model from many seeds, and what of the lecture depends on the seed."""

import dataclasses
from pathlib import Path

import tyro

from jaxae.cli.common import Flag, Hardware, TrainOptions
from jaxae.config import ModelConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class Study:
    """Train one model from several seeds at once, and report mean and interval of every number.

    Writes a folder with one run per seed, seed-0 and so on, each as `jaxae train` leaves it, and
    report.json with the means, their 95 % intervals over seeds, and which of the lecture's
    sentences hold whatever the seed. Ctrl-C saves what is trained; the same command line plus
    --resume continues it.

    Example: jaxae study --seeds 4 --epochs 8 --run-dir runs/study
    """

    seeds: int = 8
    """How many: --seed and the numbers after it."""

    dataset: str = "mnist"
    """mnist (bundled) or a data set of TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Path | None = None
    """A folder with four IDX files to train on, or with .npy files."""

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: TrainOptions = dataclasses.field(default_factory=TrainConfig)

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    run_dir: Path | None = None
    """The study's folder; by default runs/study-DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the study that --run-dir holds."""

    resume: Flag = False
    """Resume the study that --run-dir holds, from the newest checkpoint that all its runs have;
    options that are left out keep the study's values. One that is finished is measured again."""

    def defaults_of_run(self) -> "Study":
        """Return what the study to resume was made with, to parse the command line over it.

        Raises:
          ValueError: there is no study.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the study's folder; pass --run-dir")
        from jaxae.drawing import first_run, seed_folders

        run = first_run(self.run_dir)
        source = run.data.source
        folder = Path(source) if Path(source).is_absolute() else None
        return Study(
            seeds=len(seed_folders(self.run_dir)),
            dataset=run.data.name if folder else source,
            data_dir=folder,
            model=run.model_config,
            train=run.train_config,
        )

    def __call__(self) -> None:
        """Train all, measure each, sum up."""
        from jaxae.cli.studying import study

        study(self)
