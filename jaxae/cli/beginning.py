"""Begin a training: make the run's folder, or open the one to resume."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from jaxae._utils.locking import locked
from jaxae.cli.common import Hardware, data_source, default_folder, say
from jaxae.cli.train import Train
from jaxae.config import ModelConfig, TrainConfig, check_divergence
from jaxae.data import Dataset, load_dataset
from jaxae.distributed import (
    all_reduce_max,
    find_devices,
    is_main_process,
    make_mesh,
    require_equal,
    run_on_main_process,
)
from jaxae.runs import DataRecord, Environment, Run, state_to_resume
from jaxae.training import EpochPosition, TrainState, exceeds_memory


class Begun(NamedTuple):
    """What training continues from."""

    run: Run
    dataset: Dataset
    state: TrainState | EpochPosition


def mesh_of(hardware: Hardware, resumed: Run | None) -> Mesh:
    """Return the mesh to train on, by default of the kind of device that a resumed run was on.

    Raises:
      ValueError: they are not there.
    """
    mesh = hardware.mesh()
    if resumed is None or hardware.device != "auto":
        return mesh
    here, before = mesh.local_devices[0].platform, resumed.environment.platform
    if here == before:
        return mesh
    try:
        return make_mesh(find_devices(before, hardware.devices))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(
            f"{resumed.path} was trained on {before}, and JAX finds only {here} here; "
            f"pass --device {here} to resume it all the same, rounded differently"
        ) from error


def start(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Begun:
    """Load the data and make the run's folder; the stack holds its lock.

    Raises:
      ValueError: the settings don't fit each other, the data cannot be read, or the folder is not
        free.
    """
    check_divergence(options.model, options.train)
    source = data_source(options.dataset, options.data_dir)
    dataset = load_dataset(source)
    if options.data_dir and options.dataset != "mnist":
        dataset = dataclasses.replace(dataset, name=options.dataset)
    require_equal("the images or labels", _fingerprint(dataset))
    stream = options.train.stream or exceeds_memory(dataset, mesh.local_devices[0])
    train = dataclasses.replace(options.train, stream=bool(all_reduce_max(stream)))
    path = options.run_dir or default_folder(dataset.name)

    def create() -> None:
        Run.check_free(path, overwrite=options.overwrite)  # Before a lock is left in the folder.
        stack.enter_context(locked(path))
        Run.create(
            path,
            options.model,
            train,
            DataRecord.of(dataset, source),
            mesh=mesh,
            checkpoint_config=options.checkpoints,
            overwrite=options.overwrite,
        )

    run_on_main_process(create)
    run = _opened(path)
    return Begun(run, dataset, run.first_state())


def resume(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Begun | None:
    """Open the run and its newest whole checkpoint; None if it is finished already.

    Raises:
      ValueError: the run or its data cannot be read, or an option would change the result.
    """
    assert options.run_dir is not None
    path = options.run_dir
    run_on_main_process(lambda: stack.enter_context(locked(path)))
    run = Run.open(path)
    if run.imported_from is not None:
        raise ValueError(
            f"{run.path} was imported from {run.imported_from}, without the state of its "
            "training; train anew under another --run-dir"
        )
    refuse_other_settings(options.model, options.train, run)
    state = state_to_resume(run)
    within = isinstance(state, EpochPosition)
    now = state.state if isinstance(state, EpochPosition) else state
    epoch = int(now.epoch)
    require_equal(f"the checkpoints in {path}", f"{epoch} {int(now.step)}".encode())
    source, finished = data_source(options.dataset, options.data_dir), epoch >= options.train.epochs
    environment = run.environment if finished else Environment.of(mesh)
    if not finished or source != run.data.source:
        dataset = dataclasses.replace(load_dataset(source), name=run.data.name)
        require_equal("the images or labels", _fingerprint(dataset))

        def update() -> None:
            run.check_dataset(dataset, source)
            epochs = max(options.train.epochs, epoch)
            run.update(epochs, source, options.checkpoints, environment, epoch)

        run_on_main_process(update)
    if finished:
        say(
            f"{run.path} is finished, with {epoch} epochs; pass more --epochs to train on, or draw "
            "it with jaxae figures"
        )
        return None
    say(f"{run.path}: resuming {f'within epoch {epoch + 1}' if within else f'after epoch {epoch}'}")
    say_differences(run.environment, environment)
    return Begun(_opened(path), dataset, state)


def say_differences(before: Environment, now: Environment) -> None:
    """Say what makes a resumed run differ from one that was not stopped, if anything does."""
    if differences := before.differences(now):
        say(
            f"{', '.join(differences)}: the rest is not bit for bit what it would have been "
            "without the stop"
        )


def refuse_other_settings(model: ModelConfig, train: TrainConfig, run: Run) -> None:
    """Raise ValueError, naming the option, where settings would change a resumed run's result."""
    began = _settings(run.model_config, run.train_config)
    for name, value in _settings(model, train).items():
        if value == began[name] or (name == "stream" and not value):
            continue
        if name == "epochs" and train.schedule == "constant":
            continue
        if name == "epochs":
            why = f"the {train.schedule} schedule is laid out for {began[name]}"
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
        if is_main_process():
            raise
        raise ValueError(
            f"{path} is not what process 0 has written ({error}); expected a --run-dir on a file "
            "system that all processes see"
        ) from error


def _settings(*configs: ModelConfig | TrainConfig) -> dict[str, Any]:
    return {name: value for config in configs for name, value in dataclasses.asdict(config).items()}
