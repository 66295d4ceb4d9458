"""Begin a training: make the run's folder, or open the one to resume."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from jaxae.commands.common import default_folder, say
from jaxae.commands.train import Train
from jaxae.config import ModelConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.locking import locked
from jaxae.processes import first_decides, is_first, largest, require_same
from jaxae.recording import state_to_resume
from jaxae.records import DataRecord
from jaxae.runs import Run
from jaxae.streaming import UnfinishedEpoch, exceeds_memory
from jaxae.training import TrainState


class Begun(NamedTuple):
    """What training continues from."""

    run: Run
    dataset: Dataset
    state: TrainState | UnfinishedEpoch


def start(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Begun:
    """Load the data and make the run's folder; the stack holds its lock.

    Raises:
      ValueError: the data cannot be read, or the folder is not free.
    """
    dataset = load_dataset(options.data_dir or options.dataset)
    if options.data_dir and options.dataset != "mnist":
        dataset = dataclasses.replace(dataset, name=options.dataset)
    path = options.run_dir or default_folder(dataset.name)
    require_same("the images or labels", _fingerprint(dataset))
    stream = options.train.stream or exceeds_memory(dataset, mesh.local_devices[0])
    train = dataclasses.replace(options.train, stream=bool(largest(stream)))

    def create() -> None:
        Run.check_free(path, overwrite=options.overwrite)  # Before a lock is left in the folder.
        stack.enter_context(locked(path))
        Run.create(
            path,
            options.model,
            train,
            DataRecord.of(dataset, _source(options)),
            device=mesh.local_devices[0],
            checkpoint_config=options.checkpoints,
            overwrite=options.overwrite,
        )

    first_decides(create)
    run = _opened(path)
    return Begun(run, dataset, run.initial_state(nnx.state(run.new_model(), nnx.Param)))


def resume(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Begun | None:
    """Open the run and its newest whole checkpoint; None if it is finished already.

    Raises:
      ValueError: the run or its data cannot be read, or an option would change the result.
    """
    assert options.run_dir is not None
    path = options.run_dir
    first_decides(lambda: stack.enter_context(locked(path)))
    run = Run.open(path)
    if run.imported_from is not None:
        raise ValueError(
            f"{run.path} was imported from {run.imported_from}, without the state of its "
            "training; train anew under another --run-dir"
        )
    _refuse_other_settings(options, run, mesh.local_devices[0])
    state = state_to_resume(run)
    within = isinstance(state, UnfinishedEpoch)
    now = state.state if isinstance(state, UnfinishedEpoch) else state
    epoch = int(now.epoch)
    require_same(f"the checkpoints in {path}", f"{epoch} {int(now.step)}".encode())
    if epoch >= options.train.epochs:
        say(
            f"{run.path} is finished, with {epoch} epochs; "
            "more --epochs go on with it, jaxae figures draws it"
        )
        return None
    dataset = dataclasses.replace(load_dataset(_source(options)), name=run.data.name)
    require_same("the images or labels", _fingerprint(dataset))

    def update() -> None:
        run.check_dataset(dataset, _source(options))
        run.update(options.train.epochs, _source(options), options.checkpoints)

    first_decides(update)
    where = f"within epoch {epoch + 1}" if within else f"after epoch {epoch}"
    say(f"{run.path} goes on {where}")
    return Begun(_opened(path), dataset, state)


def _source(options: Train) -> str:
    return str(options.data_dir.resolve()) if options.data_dir else options.dataset


def _refuse_other_settings(options: Train, run: Run, device: jax.Device) -> None:
    began = {**_settings(run.model_config, run.train_config), "device": run.platform}
    given = {**_settings(options.model, options.train), "device": device.platform}
    for name, value in given.items():
        if value == began[name]:
            continue
        if name == "epochs" and options.train.schedule != "constant":
            why = f"the {options.train.schedule} schedule is laid out for {began[name]}"
        elif name == "epochs" and value > began[name]:
            continue
        else:
            why = f"{run.path} began with {began[name]}"
        option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        raise ValueError(
            f"{option} would change the result of --resume: {why}; "
            "leave it out, or train anew under another --run-dir"
        )


def _fingerprint(dataset: Dataset) -> bytes:
    # Not the checksum, for which every process would have to read all images.
    parts = (dataset.train.labels, dataset.test.labels, dataset.train.images[:1])
    shapes = (dataset.train.images.shape, dataset.test.images.shape)
    return repr(shapes).encode() + b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def _opened(path: Path) -> Run:
    try:
        return Run.open(path)
    except ValueError as error:
        if is_first():
            raise
        raise ValueError(
            f"{path} is not what process 0 has written ({error}); expected a --run-dir on a file "
            "system that all processes see"
        ) from error


def _settings(*configs: ModelConfig | TrainConfig) -> dict[str, Any]:
    return {name: value for config in configs for name, value in dataclasses.asdict(config).items()}
