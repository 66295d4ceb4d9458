"""`jaxae train`: train a model on a data set, save it as a run, draw its figures."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import tyro

import jaxae
from jaxae._utils.signals import delay_signals
from jaxae.cli.begin import Training, describe, how_to_resume, resume, start
from jaxae.cli.console import console, say
from jaxae.cli.figures import draw_all
from jaxae.cli.options import BoxOption, DataOptions, Flag, Folder, Hardware, TrainOptions
from jaxae.cli.progress import training_progress
from jaxae.config import CheckpointConfig, ModelConfig, ProcessConfig, TrainConfig

if TYPE_CHECKING:
    from jax.sharding import Mesh


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an autoencoder and draw its figures.

    Writes the run's folder: config.json, metrics.jsonl, checkpoints/ and figures/. Ctrl-C saves the
    state of training and stops; the same command line with --resume added continues from there. All
    devices share the work. So do several processes: start each with the same options, --run-dir
    among them, on a cluster that JAX detects or with --coordinator.

    Example: jaxae train --model vae --epochs 8 --run-dir runs/vae
    """

    data: tyro.conf.OmitArgPrefixes[DataOptions] = dataclasses.field(default_factory=DataOptions)

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: TrainOptions = dataclasses.field(default_factory=TrainConfig)

    checkpoints: tyro.conf.OmitArgPrefixes[CheckpointConfig] = dataclasses.field(
        default_factory=CheckpointConfig
    )

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    processes: tyro.conf.OmitArgPrefixes[ProcessConfig] = dataclasses.field(
        default_factory=ProcessConfig
    )

    run_dir: Folder = None
    """The run's folder; by default runs/DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the run in --run-dir."""

    resume: Flag = False
    """Resume the run in --run-dir; options that are omitted keep the run's values."""

    tensorboard: Flag = False
    """Also write metrics for TensorBoard, to the run's tensorboard/; --resume continues them."""

    box: BoxOption = None

    def defaults_of_run(self) -> Train:
        """Return the options of the run to resume, as defaults for the command line.

        Raises:
          ValueError: there is no such run.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the run's folder; pass --run-dir")
        run = jaxae.Run.open(self.run_dir)
        return Train(
            data=DataOptions.of(run),
            model=run.config.model,
            # With True as its default, a flag would be --no-stream or --no-binarize.
            train=dataclasses.replace(run.config.train, stream=False, binarize=False),
            checkpoints=run.config.checkpoints,
        )

    def __call__(self) -> None:
        """Train, save and draw, in every process of the run."""
        with contextlib.ExitStack() as stack:
            with jaxae.distributed.process_group(self.processes):
                jaxae.distributed.require_equal("the options", _shared(self).encode())
                resumed = jaxae.Run.open(self.run_dir) if self.resume and self.run_dir else None
                mesh = self.hardware.mesh(resumed)
                console.quiet = not jaxae.distributed.is_main_process()
                if mesh.is_multi_process and self.run_dir is None:
                    raise ValueError(
                        "several processes need one folder; pass --run-dir to all of them"
                    )
                jaxae.distributed.check_precision(self.train.precision, mesh.local_devices[0])
                stack.enter_context(jaxae.distributed.computing_on(mesh))
                begin = resume if self.resume else start
                training = begin(self, mesh, stack)
                if training is not None:
                    _fit(training, mesh, tensorboard=self.tensorboard)
            # The other processes need not wait until the main process has drawn.
            if jaxae.distributed.is_main_process():
                _draw(self, training, mesh)


def _shared(options: Train) -> str:
    # Processes differ in their numbers, and may find the data in different folders.
    data = dataclasses.replace(options.data, data_dir=None)
    return repr(dataclasses.replace(options, data=data, processes=ProcessConfig()))


def _fit(training: Training, mesh: Mesh, *, tensorboard: bool) -> None:
    run, dataset, state = training
    kept_out = run.config.train.validation
    say(
        f"{dataset.name}: {run.config.epoch_examples:,} training images, "
        + (f"{kept_out:,} validation images, " if kept_out else "")
        + f"{len(dataset.test):,} test images; {describe(mesh)}; {run.path}"
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(how_to_resume("train", run.path, lambda: _saved(run)))
        # On all devices from the start, or several processes could not save it together.
        state = jaxae.distributed.put_replicated(state, mesh)
        agree = jaxae.distributed.all_reduce_max
        stop_if_asked = stack.enter_context(delay_signals(agree))
        show = stack.enter_context(training_progress(run.config.train, console))
        recorder = stack.enter_context(jaxae.Recorder(run, state))
        board = None
        events = run.path / "tensorboard"
        if (tensorboard or events.is_dir()) and jaxae.distributed.is_main_process():
            board = jaxae.runs.TensorBoard(events, run.history())
            stack.enter_context(contextlib.closing(board))

        def on_epoch(epoch: jaxae.Epoch) -> None:
            recorder.record(epoch)
            show(epoch.metrics)
            if board is not None:
                board.log(epoch.metrics)
            stop_if_asked()

        def on_position(position: jaxae.EpochPosition) -> None:
            recorder.record_position(position)
            stop_if_asked()

        jaxae.fit(
            run.new_model(),
            dataset,
            run.config.train,
            state=state,
            mesh=mesh,
            on_epoch=on_epoch,
            on_position=on_position,
        )


def _saved(run: jaxae.Run) -> str:
    epochs = jaxae.runs.saved_numbers(run.checkpoints)
    steps = jaxae.runs.saved_numbers(run.positions)
    within = [f"step {steps[-1]:,}, within an epoch"] if steps else []
    return " and ".join([f"epoch {max(epochs, default=0)}", *within])


def _draw(options: Train, training: Training | None, mesh: Mesh) -> None:
    names: tuple[str, ...] = jaxae.drawing.AFTER_TRAINING
    if training is not None:
        source = jaxae.Source(training.run.path, mesh, data=training.dataset)
    else:
        # A finished run lacks some figures if it was stopped while they were drawn.
        assert options.run_dir is not None
        source, folder = jaxae.Source(options.run_dir, mesh), options.run_dir / "figures"
        names = tuple(name for name in names if not (folder / f"{name}.png").exists())
    draw_all([source], names, box=options.box)
