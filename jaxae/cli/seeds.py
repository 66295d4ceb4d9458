"""Begin a study: make its folder with one run per seed, or open the one to resume."""

import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import NamedTuple

from jax.sharding import Mesh

from jaxae._utils.locking import LOCK_NAME, locked
from jaxae.cli.beginning import refuse_other_settings, say_differences
from jaxae.cli.common import data_source, default_folder, say
from jaxae.cli.study import Study
from jaxae.config import check_divergence
from jaxae.data import Dataset, load_dataset
from jaxae.drawing import seed_folders
from jaxae.runs import DataRecord, Environment, Run, saved_numbers, states_to_resume
from jaxae.training import TrainState, check_study


class Seeds(NamedTuple):
    """What a study's training continues from: a run and a state per seed."""

    folder: Path
    runs: list[Run]
    dataset: Dataset
    states: list[TrainState]

    @property
    def epoch(self) -> int:
        """The number of epochs behind each state."""
        return int(self.states[0].epoch)


def start(options: Study, mesh: Mesh, stack: contextlib.ExitStack) -> Seeds:
    """Load the data and make the folder; the stack holds its lock and those of its runs.

    Raises:
      ValueError: the settings don't fit each other, the data cannot be read, or the folder is not
        free.
    """
    check_divergence(options.model, options.train)
    source = data_source(options.dataset, options.data_dir)
    dataset = load_dataset(source)
    check_study(dataset, options.train, mesh)
    if options.run_dir is not None:
        _check_free(options.run_dir, options)
    folder = options.run_dir or default_folder(f"study-{dataset.name}")
    wanted = _folders(folder, options)
    # All of them before anything is changed. A study that is stopped while it makes its runs has
    # a folder for each, from which --resume knows their number.
    _lock(stack, folder)
    before = seed_folders(folder)
    _lock(stack, *dict.fromkeys([*before, *wanted]))
    (folder / "report.json").unlink(missing_ok=True)
    for path in set(before) - set(wanted):
        shutil.rmtree(path)
    runs = [_created(path, options, dataset, source, mesh) for path in wanted]
    states = [run.first_state() for run in runs]
    return Seeds(folder, runs, dataset, states)


def resume(options: Study, mesh: Mesh, stack: contextlib.ExitStack) -> Seeds:
    """Open the runs and the newest whole checkpoint that all have; the stack holds the locks.

    Runs that are missing because the study was stopped while its folder was made are made now.

    Raises:
      ValueError: a run or its data cannot be read, or an option would change the result.
    """
    assert options.run_dir is not None
    folder = options.run_dir
    wanted = _folders(folder, options)
    _lock(stack, folder)
    there = seed_folders(folder)
    if there != wanted:
        raise ValueError(
            f"--seed {options.train.seed} --seeds {options.seeds} would change the result of "
            f"--resume: {folder} began with {there[0].name} to {there[-1].name}; leave them out, "
            "or train anew under another --run-dir"
        )
    _lock(stack, *wanted)
    began = [path for path in wanted if (path / "config.json").is_file()]
    if began != wanted and any(saved_numbers(path / "checkpoints") for path in began):
        lost = ", ".join(path.name for path in wanted if path not in began)
        raise ValueError(f"{folder} is damaged: {lost} has no config.json; pass --overwrite")
    source = data_source(options.dataset, options.data_dir)
    dataset = load_dataset(source)
    check_study(dataset, options.train, mesh)
    for path in began:
        run = Run.open(path)
        own = dataclasses.replace(options.train, seed=_seed(path))
        refuse_other_settings(options.model, own, run)
        run.check_dataset(dataset, source)
    for path in wanted:
        if path not in began:
            _created(path, options, dataset, source, mesh)
    runs = [Run.open(path) for path in wanted]
    states = states_to_resume(runs)
    dataset = dataclasses.replace(dataset, name=runs[0].data.name)
    seeds = Seeds(folder, runs, dataset, states)
    now, before = Environment.of(mesh), runs[0].environment
    if seeds.epoch < options.train.epochs:
        say(f"{folder}: resuming after epoch {seeds.epoch}")
        say_differences(before, now)
    else:
        say(f"{folder} is finished, with {seeds.epoch} epochs")
    for run in runs:
        environment = now if seeds.epoch < options.train.epochs else run.environment
        epochs = max(options.train.epochs, seeds.epoch)
        run.update(epochs, source, run.checkpoint_config, environment, seeds.epoch)
    return seeds._replace(runs=[Run.open(path) for path in wanted])


def _folders(folder: Path, options: Study) -> list[Path]:
    first = options.train.seed
    return [folder / f"seed-{seed}" for seed in range(first, first + options.seeds)]


def _seed(path: Path) -> int:
    return int(path.name.removeprefix("seed-"))


def _lock(stack: contextlib.ExitStack, *folders: Path) -> None:
    for folder in folders:
        stack.enter_context(locked(folder))


def _created(path: Path, options: Study, dataset: Dataset, source: str, mesh: Mesh) -> Run:
    return Run.create(
        path,
        options.model,
        dataclasses.replace(options.train, seed=_seed(path)),
        DataRecord.of(dataset, source),
        mesh=mesh,
        overwrite=options.overwrite,
    )


def _check_free(folder: Path, options: Study) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; choose another --run-dir")
    seeds = seed_folders(folder)
    if any((path / "config.json").is_file() for path in seeds):
        if not options.overwrite:
            raise ValueError(
                f"{folder} holds a study; pass --resume, --overwrite or another --run-dir"
            )
    elif folder.is_dir():
        # What a process that was killed early leaves is free.
        own = (LOCK_NAME, *(path.name for path in seeds))
        if any(entry.name not in own for entry in folder.iterdir()):
            raise ValueError(f"{folder} holds what is no study; choose another --run-dir")
    for path in seeds:
        Run.check_free(path, overwrite=options.overwrite)
