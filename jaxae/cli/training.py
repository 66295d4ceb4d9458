"""Train in all processes of a run: record it, show it, stop when asked, draw it at the end."""

import contextlib
import dataclasses
import shlex
import sys

import jax
from jax.sharding import Mesh

from jaxae._utils.signals import signals_held_back
from jaxae.cli.beginning import Begun, mesh_of, resume, start
from jaxae.cli.common import console, described, say
from jaxae.cli.figures import draw_all
from jaxae.cli.progress import TrainingProgress
from jaxae.cli.train import Train
from jaxae.config import ProcessConfig
from jaxae.data import Dataset
from jaxae.distributed import (
    all_reduce_max,
    check_precision,
    is_main_process,
    process_group,
    put_replicated,
    require_equal,
)
from jaxae.drawing import AFTER_TRAINING, Source
from jaxae.runs import Recorder, Run, TensorBoard, saved_numbers
from jaxae.training import DivergedError, Epoch, EpochPosition, TrainState, fit

_GO_ON = "jaxae train --run-dir {} --resume continues it"


def train(options: Train) -> None:
    """Train, save, draw."""
    with contextlib.ExitStack() as stack:
        with process_group(options.processes):
            require_equal("the options", _common(options).encode())
            resumed = Run.open(options.run_dir) if options.resume and options.run_dir else None
            mesh = mesh_of(options.hardware, resumed)
            console.quiet = not is_main_process()
            if jax.process_count() > 1 and options.run_dir is None:
                raise ValueError("several processes need one folder; pass --run-dir to all of them")
            check_precision(options.train.precision, mesh.local_devices[0])
            stack.enter_context(jax.default_device(mesh.local_devices[0]))
            begun = resume(options, mesh, stack) if options.resume else start(options, mesh, stack)
            if begun is not None:
                train_run(*begun, mesh, tensorboard=options.tensorboard)
        # The other processes need not wait until process 0 has drawn.
        if is_main_process():
            _draw(options, begun, mesh)


def _draw(options: Train, begun: Begun | None, mesh: Mesh) -> None:
    names: tuple[str, ...] = AFTER_TRAINING
    if begun is not None:
        source = Source(begun.run.path, mesh, data=begun.dataset)
    else:
        # A finished run that was stopped while it was drawn lacks some figures.
        assert options.run_dir is not None
        source, folder = Source(options.run_dir, mesh), options.run_dir / "figures"
        names = tuple(name for name in names if not (folder / f"{name}.png").exists())
    draw_all(source, source.path / "figures", "png", options.fit_box, names)


def _common(options: Train) -> str:
    # All but what tells the processes apart: their numbers, and where each finds the data.
    return repr(dataclasses.replace(options, processes=ProcessConfig(), data_dir=None))


def train_run(
    run: Run,
    dataset: Dataset,
    state: TrainState | EpochPosition,
    mesh: Mesh,
    *,
    tensorboard: bool,
) -> None:
    """Train to the last epoch; where that fails, say what the run keeps and how it goes on.

    Raises:
      DivergedError, HeldInterrupt, HeldTermination: the state before is saved.
    """
    say(
        f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} "
        f"to test on; {described(mesh)}; {run.path}"
    )
    try:
        # On all devices from the start, or several processes could not save it together.
        _fit(run, dataset, put_replicated(state, mesh), mesh, tensorboard)
    except BaseException as error:
        how = f"; {_GO_ON.format(shlex.quote(str(run.path)))}"
        if isinstance(error, DivergedError):
            how = ""
        if is_main_process():
            print(f"jaxae: {run.path}: last saved: {_saved(run)}{how}", file=sys.stderr)
        raise


def _fit(
    run: Run,
    dataset: Dataset,
    state: TrainState | EpochPosition,
    mesh: Mesh,
    tensorboard: bool,
) -> None:
    with contextlib.ExitStack() as stack:
        stop_if_asked = stack.enter_context(signals_held_back(agree=all_reduce_max))
        progress = stack.enter_context(TrainingProgress(console, run.train_config.epochs))
        recorder = stack.enter_context(Recorder(run, state))
        board = None
        events = run.path / "tensorboard"
        if (tensorboard or events.is_dir()) and is_main_process():
            board = TensorBoard(events, run.history())
            stack.enter_context(contextlib.closing(board))

        def on_epoch(epoch: Epoch) -> None:
            recorder.record(epoch)
            progress.show(epoch.metrics)
            if board is not None:
                board.log(epoch.metrics)
            stop_if_asked()

        def on_position(part: EpochPosition) -> None:
            recorder.record_position(part)
            stop_if_asked()

        fit(
            run.new_model(),
            dataset,
            run.train_config,
            state=state,
            mesh=mesh,
            on_epoch=on_epoch,
            on_position=on_position,
        )


def _saved(run: Run) -> str:
    epochs, steps = saved_numbers(run.checkpoints), saved_numbers(run.parts)
    within = [f"step {steps[-1]:,}, within an epoch"] if steps else []
    return " and ".join([f"epoch {max(epochs, default=0)}", *within])
