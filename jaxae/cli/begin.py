"""Begin to train: create a run's folder, or open the run to resume. Studies share the last part."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jaxae
from jaxae._utils.locking import locked
from jaxae.cli.console import say, warn
from jaxae.cli.options import words
from jaxae.config import ModelConfig, RunConfig, TrainConfig, check_divergence, check_likelihood

if TYPE_CHECKING:
    from jax.sharding import Mesh

    from jaxae.cli.train import Train


class Training(NamedTuple):
    """What training a run starts or resumes from."""

    run: jaxae.Run
    dataset: jaxae.Dataset
    state: jaxae.TrainState | jaxae.EpochPosition


def start(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Training:
    """Load the data and make the run's folder; the stack holds its lock."""
    check_divergence(options.model, options.train)
    check_likelihood(options.train)
    dataset = options.data.load()
    jaxae.distributed.require_equal("the images or labels", _fingerprint(dataset))
    stream = options.train.stream or jaxae.training.exceeds_memory(dataset, mesh.local_devices[0])
    stream = bool(jaxae.distributed.all_reduce_max(stream))  # All processes, if one of them must.
    train = dataclasses.replace(options.train, stream=stream)
    data = dataset.describe(options.data.source())
    config = RunConfig(options.model, train, data, options.checkpoints)
    path = options.run_dir or default_folder(dataset.name)

    def create() -> None:
        # Checked first, so that a folder that is refused is left without a lock file.
        jaxae.Run.check_free(path, overwrite=options.overwrite)
        stack.enter_context(locked(path))
        jaxae.Run.create(path, config, mesh=mesh, overwrite=options.overwrite)

    jaxae.distributed.run_on_main_process(create)
    run = _open(path)
    return Training(run, dataset, run.initial_state())


def resume(options: Train, mesh: Mesh, stack: contextlib.ExitStack) -> Training | None:
    """Open the run and its newest readable checkpoint; None if the run is finished."""
    assert options.run_dir is not None
    path, source = options.run_dir, options.data.source()
    jaxae.distributed.run_on_main_process(lambda: stack.enter_context(locked(path)))
    run = jaxae.Run.open(path)
    if run.config.imported_from is not None:
        raise ValueError(
            f"{path} was imported from {run.config.imported_from}, without the optimizer's state; "
            "train from the start in another --run-dir"
        )
    refuse_other_settings(options.model, options.train, run)
    state = jaxae.state_to_resume(run)
    within = isinstance(state, jaxae.EpochPosition)
    now = state.state if isinstance(state, jaxae.EpochPosition) else state
    epoch = int(now.epoch)
    jaxae.distributed.require_equal(
        f"the checkpoints in {path}", f"{epoch} {int(now.step)}".encode()
    )
    finished = epoch >= options.train.epochs
    environment = run.environment if finished else jaxae.runs.Environment.of(mesh)
    if not finished or source != run.config.data.source:
        dataset = dataclasses.replace(options.data.load(), name=run.config.data.name)
        jaxae.distributed.require_equal("the images or labels", _fingerprint(dataset))

        def update() -> None:
            run.check_dataset(dataset, source)
            epochs = max(options.train.epochs, epoch)
            run.update(epochs, source, options.checkpoints, environment, epoch)

        jaxae.distributed.run_on_main_process(update)
    if finished:
        say(
            f"{path} is finished, with {epoch} epochs; pass a larger --epochs to train longer, or "
            "draw it with jaxae figures"
        )
        return None
    where = f"within epoch {epoch + 1}" if within else f"after epoch {epoch}"
    say_resuming(path, where, run.environment, environment)
    return Training(_open(path), dataset, state)


def _fingerprint(dataset: jaxae.Dataset) -> bytes:
    # Not the checksum, for which every process would have to read all images.
    parts = dataset.train.labels, dataset.test.labels, dataset.train.images[:1]
    shapes = dataset.train.images.shape, dataset.test.images.shape
    return repr(shapes).encode() + b"".join(part.tobytes() for part in parts)


def _open(path: Path) -> jaxae.Run:
    try:
        return jaxae.Run.open(path)
    except ValueError as error:
        if jaxae.distributed.is_main_process():
            raise
        raise ValueError(
            f"{path} is not what process 0 has written ({error}); expected a --run-dir on a file "
            "system that all processes share"
        ) from error


def default_folder(name: str) -> Path:
    """Make an empty folder runs/NAME-DATE-TIME; no two calls get the same one."""
    # A data set's name may hold characters that mean something in a path or to a shell.
    name = re.sub(r"[^\w.+-]+", "-", name)[:80]
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = Path("runs") / f"{stem}{suffix}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise ValueError(f"runs/{stem} and 98 more of that name exist; pass --run-dir")


def describe(mesh: Mesh) -> str:
    """Name the devices of a mesh, as in "8 devices of 2 processes, TPU v4"."""
    kind = mesh.local_devices[0].device_kind
    processes = len({device.process_index for device in mesh.devices.flat})
    of = f" of {processes} processes" if processes > 1 else ""
    return f"{mesh.size} devices{of}, {kind}" if mesh.size > 1 else kind


def refuse_other_settings(model: ModelConfig, train: TrainConfig, run: jaxae.Run) -> None:
    """Raise ValueError, naming the option, if a setting would change a resumed run's result."""
    began = dataclasses.asdict(run.config.model) | dataclasses.asdict(run.config.train)
    for name, value in (dataclasses.asdict(model) | dataclasses.asdict(train)).items():
        # A run keeps its flags (stream, binarize) without them.
        if value == began[name] or value is False:
            continue
        if name == "epochs" and train.schedule == "constant":
            continue
        if name == "epochs":
            why = f"the {train.schedule} schedule of {run.path} covers {began[name]} epochs"
        else:
            why = f"{run.path} was started with {' '.join(words(began[name]))}"
        option = [f"--{name.replace('_', '-')}", *([] if value is True else words(value))]
        raise ValueError(
            f"{' '.join(option)} would change the result of --resume: {why}; "
            "omit it, or train from the start in another --run-dir"
        )


def say_resuming(
    path: Path, where: str, before: jaxae.runs.Environment, now: jaxae.runs.Environment
) -> None:
    """Say where training resumes, and which changes of hardware or versions affect its rounding."""
    say(f"{path}: resuming {where}")
    if differences := before.differences(now):
        say(
            f"{', '.join(differences)}: the results will not be bit for bit those of an "
            "uninterrupted run"
        )


@contextlib.contextmanager
def how_to_resume(command: str, path: Path, saved: Callable[[], str]) -> Iterator[None]:
    """If an error or a signal ends the block, say what was saved last and how to resume."""
    try:
        yield
    except BaseException as error:
        how = f"; jaxae {command} --run-dir {shlex.quote(str(path))} --resume continues it"
        if isinstance(error, jaxae.DivergedError):
            how = ""
        if jaxae.distributed.is_main_process():
            warn(f"{path}: last saved: {saved()}{how}")
        raise
