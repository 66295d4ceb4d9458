"""`jaxae train`: fit a model to a data set, keep it as a run, draw its figures."""

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Any

import jax
import tyro
from flax import nnx

from jaxae.checkpoints import saved_epochs
from jaxae.commands.common import Flag, console, default_folder, say
from jaxae.commands.figures import draw_all
from jaxae.config import CheckpointConfig, ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.devices import Device, find_device
from jaxae.drawing import AFTER_TRAINING
from jaxae.fitting import DivergedError, Epoch, fit
from jaxae.locking import locked
from jaxae.progress import TrainingProgress
from jaxae.recording import Recorder, state_to_resume
from jaxae.records import DataRecord
from jaxae.runs import Run
from jaxae.signals import signals_held_back
from jaxae.sources import Source
from jaxae.tensorboard import TensorBoard
from jaxae.training import TrainState

_GO_ON = "jaxae train --run-dir {} --resume goes on"


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an autoencoder and draw its figures.

    Writes a run's folder: config.json, metrics.jsonl, checkpoints/ and figures/. Ctrl-C saves the
    last finished epoch, and --resume goes on from there.
    """

    dataset: str = "mnist"
    """mnist (bundled) or a data set of TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Path | None = None
    """A folder with four IDX files to train on; --dataset is then only its name."""

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: tyro.conf.OmitArgPrefixes[TrainConfig] = dataclasses.field(default_factory=TrainConfig)

    checkpoints: tyro.conf.OmitArgPrefixes[CheckpointConfig] = dataclasses.field(
        default_factory=CheckpointConfig
    )

    device: Device = "auto"
    """Where to compute; auto takes what JAX prefers."""

    run_dir: Path | None = None
    """The run's folder; by default runs/DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the run that --run-dir holds."""

    resume: Flag = False
    """Go on with the run that --run-dir holds, from its newest whole checkpoint."""

    tensorboard: Flag = False
    """Write the metrics for TensorBoard too, into the run's tensorboard/."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def defaults_of_run(self) -> "Train":
        """Return what the run to resume was made with, to parse the command line over it.

        Raises:
          ValueError: there is no run, or it is also to be overwritten.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the run's folder; pass --run-dir")
        if self.overwrite:
            raise ValueError("--resume keeps what --overwrite deletes; pass one of them")
        run = Run.open(self.run_dir)
        folder = Path(run.data.source) if Path(run.data.source).is_absolute() else None
        return Train(
            dataset=run.data.name if folder else run.data.source,
            data_dir=folder,
            model=run.model_config,
            train=run.train_config,
            checkpoints=run.checkpoint_config,
        )

    def __call__(self) -> None:
        """Train, save, draw."""
        device = find_device(self.device)
        with jax.default_device(device):
            if self.resume:
                self._resume(device)
            else:
                self._start(device)

    def _start(self, device: jax.Device) -> None:
        dataset = load_dataset(self.data_dir or self.dataset)
        if self.data_dir and self.dataset != "mnist":
            dataset = dataclasses.replace(dataset, name=self.dataset)
        path = self.run_dir or default_folder(dataset.name)
        record = DataRecord.of(dataset, self._source())
        Run.check_free(path, overwrite=self.overwrite)  # Before a lock is left in the folder.
        with locked(path):
            run = Run.create(
                path,
                self.model,
                self.train,
                record,
                device=device,
                checkpoint_config=self.checkpoints,
                overwrite=self.overwrite,
            )
            state = run.initial_state(nnx.state(run.new_model(), nnx.Param))
            self._train(run, dataset, state, device)

    def _resume(self, device: jax.Device) -> None:
        assert self.run_dir is not None
        with locked(self.run_dir):
            run = Run.open(self.run_dir)
            if run.imported_from is not None:
                raise ValueError(
                    f"{run.path} was imported from {run.imported_from}, without the state of its "
                    "training; train anew under another --run-dir"
                )
            self._refuse_other_settings(run, device)
            state = state_to_resume(run)
            if state.epoch >= self.train.epochs:
                say(
                    f"{run.path} is finished, with {int(state.epoch)} epochs; "
                    "more --epochs go on with it, jaxae figures draws it"
                )
                return
            dataset = dataclasses.replace(run.load_dataset(self._source()), name=run.data.name)
            run = run.update(self.train.epochs, self._source(), self.checkpoints)
            say(f"{run.path} goes on after epoch {int(state.epoch)}")
            self._train(run, dataset, state, device)

    def _source(self) -> str:
        return str(self.data_dir.resolve()) if self.data_dir else self.dataset

    def _refuse_other_settings(self, run: Run, device: jax.Device) -> None:
        began = {**_settings(run.model_config, run.train_config), "device": run.platform}
        given = {**_settings(self.model, self.train), "device": device.platform}
        for name, value in given.items():
            if value == began[name]:
                continue
            if name == "epochs" and self.train.schedule != "constant":
                why = f"the {self.train.schedule} schedule is laid out for {began[name]}"
            elif name == "epochs" and value > began[name]:
                continue
            else:
                why = f"{run.path} began with {began[name]}"
            raise ValueError(
                f"--{name.replace('_', '-')} {value} would change the result of --resume: {why}; "
                "leave it out, or train anew under another --run-dir"
            )

    def _train(self, run: Run, dataset: Dataset, state: TrainState, device: jax.Device) -> None:
        say(
            f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} "
            f"to test on; {device.device_kind}; {run.path}"
        )
        try:
            _fit(run, dataset, state, self.tensorboard)
        except BaseException as error:
            kept = max(saved_epochs(run.checkpoints), default=0)
            how = "" if isinstance(error, DivergedError) else f"; {_GO_ON.format(run.path)}"
            print(f"jaxae: {run.path} keeps epoch {kept}{how}", file=sys.stderr)
            raise
        folder = run.path / "figures"
        draw_all(Source(run.path), folder, "png", self.fit_box, AFTER_TRAINING)


def _settings(*configs: ModelConfig | TrainConfig) -> dict[str, Any]:
    return {name: value for config in configs for name, value in dataclasses.asdict(config).items()}


def _fit(run: Run, dataset: Dataset, state: TrainState, tensorboard: bool) -> None:
    with contextlib.ExitStack() as stack:
        stop_if_asked = stack.enter_context(signals_held_back())
        progress = stack.enter_context(TrainingProgress(console, run.train_config.epochs))
        recorder = stack.enter_context(contextlib.closing(Recorder(run, state)))
        board = None
        if tensorboard:
            board = TensorBoard(run.path / "tensorboard", done=int(state.epoch))
            stack.enter_context(contextlib.closing(board))

        def on_epoch(epoch: Epoch) -> None:
            recorder.record(epoch)
            progress.show(epoch.metrics)
            if board is not None:
                board.log(epoch.metrics)
            stop_if_asked()

        fit(run.new_model(), dataset, run.train_config, state=state, on_epoch=on_epoch)
