"""Begin a study: make its folder with one run per seed, or open the study to resume."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jaxae
from jaxae._utils.locking import LOCK_NAME, locked
from jaxae.cli.begin import default_folder, refuse_other_settings, say_resuming
from jaxae.cli.console import say
from jaxae.config import (
    RunConfig,
    TrainConfig,
    check_divergence,
    check_likelihood,
    check_validation,
)

if TYPE_CHECKING:
    from jax.sharding import Mesh

    from jaxae.cli.study import Study


class Seeds(NamedTuple):
    """A run and the state of its training for each seed."""

    folder: Path
    runs: list[jaxae.Run]
    dataset: jaxae.Dataset
    states: list[jaxae.TrainState]

    @property
    def epoch(self) -> int:
        """The number of epochs that each state was trained for."""
        return int(self.states[0].epoch)


def start(options: Study, mesh: Mesh, stack: contextlib.ExitStack) -> Seeds:
    """Load the data and make the runs' folders; the stack holds their locks."""
    check_divergence(options.model, options.train)
    check_likelihood(options.train)
    dataset = options.data.load()
    check_validation(options.train.validation, len(dataset.train))
    options.model.check_images(dataset.image_shape)
    jaxae.training.check_study(dataset, options.train, mesh)
    if options.run_dir is not None:
        _check_free(options.run_dir, overwrite=options.overwrite)
    folder = options.run_dir or default_folder(f"study-{dataset.name}")
    wanted = _folders(folder, options)
    # Every folder is locked before anything is changed. Since locking makes them all, --resume can
    # count the seeds of a study that is stopped before all its runs are made.
    _lock(stack, folder)
    before = jaxae.runs.seed_folders(folder)
    _lock(stack, *dict.fromkeys([*before, *wanted]))
    (folder / "report.json").unlink(missing_ok=True)
    for path in set(before) - set(wanted):
        shutil.rmtree(path)
    runs = [_create(path, options, dataset, mesh) for path in wanted]
    return Seeds(folder, runs, dataset, [run.initial_state() for run in runs])


def resume(options: Study, mesh: Mesh, stack: contextlib.ExitStack) -> Seeds:
    """Open the runs and the newest checkpoint that all have; make the runs that are missing."""
    assert options.run_dir is not None
    folder, source = options.run_dir, options.data.source()
    wanted = _folders(folder, options)
    _lock(stack, folder)
    found = jaxae.runs.seed_folders(folder)
    if found != wanted:
        raise ValueError(
            f"--seed {options.train.seed} --seeds {options.seeds} would change the result of "
            f"--resume: {folder} was started with {found[0].name} to {found[-1].name}; omit them, "
            "or train from the start in another --run-dir"
        )
    _lock(stack, *wanted)
    begun = [path for path in wanted if (path / "config.json").is_file()]
    if begun != wanted and any(jaxae.runs.saved_numbers(path / "checkpoints") for path in begun):
        lost = ", ".join(path.name for path in wanted if path not in begun)
        raise ValueError(f"{folder} is damaged: {lost} has no config.json; pass --overwrite")
    dataset = options.data.load()
    jaxae.training.check_study(dataset, options.train, mesh)
    for path in begun:
        run = jaxae.Run.open(path)
        refuse_other_settings(options.model, _with_seed(options.train, path), run)
        run.check_dataset(dataset, source)
    train = dataclasses.replace(
        jaxae.runs.first_run(folder).config.train, epochs=options.train.epochs
    )
    for path in wanted:
        if path not in begun:
            _create(path, dataclasses.replace(options, train=train), dataset, mesh)
    runs = [jaxae.Run.open(path) for path in wanted]
    states = jaxae.runs.states_to_resume(runs)
    epoch = int(states[0].epoch)
    now, before = jaxae.runs.Environment.of(mesh), runs[0].environment
    finished = epoch >= options.train.epochs
    if finished:
        say(f"{folder} is finished, with {epoch} epochs")
    else:
        say_resuming(folder, f"after epoch {epoch}", before, now)
    for run in runs:
        environment = run.environment if finished else now
        epochs = max(options.train.epochs, epoch)
        run.update(epochs, source, run.config.checkpoints, environment, epoch)
    runs = [jaxae.Run.open(path) for path in wanted]
    return Seeds(folder, runs, dataclasses.replace(dataset, name=runs[0].config.data.name), states)


def _folders(folder: Path, options: Study) -> list[Path]:
    first = options.train.seed
    return [folder / f"seed-{seed}" for seed in range(first, first + options.seeds)]


def _with_seed(config: TrainConfig, folder: Path) -> TrainConfig:
    return dataclasses.replace(config, seed=int(folder.name.removeprefix("seed-")))


def _lock(stack: contextlib.ExitStack, *folders: Path) -> None:
    for folder in folders:
        stack.enter_context(locked(folder))


def _create(path: Path, options: Study, dataset: jaxae.Dataset, mesh: Mesh) -> jaxae.Run:
    data = dataset.describe(options.data.source())
    config = RunConfig(options.model, _with_seed(options.train, path), data)
    return jaxae.Run.create(path, config, mesh=mesh, overwrite=options.overwrite)


def _check_free(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; choose another --run-dir")
    seeds = jaxae.runs.seed_folders(folder)
    if any((path / "config.json").is_file() for path in seeds):
        if not overwrite:
            raise ValueError(
                f"{folder} holds a study; pass --resume, --overwrite or another --run-dir"
            )
    elif folder.is_dir():
        # A process that was killed early leaves a lock and folders without a run.
        own = (LOCK_NAME, *(path.name for path in seeds))
        if any(entry.name not in own for entry in folder.iterdir()):
            raise ValueError(
                f"{folder} is not empty, and not a jaxae study; choose another --run-dir"
            )
    for path in seeds:
        jaxae.Run.check_free(path, overwrite=overwrite)
