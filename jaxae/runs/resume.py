"""Find the state from which a run, or all runs of a study, resume."""

import logging
from collections.abc import Sequence

import numpy as np

from jaxae.runs.checkpoints import read_newest_state, read_state, saved_numbers
from jaxae.runs.metrics_file import intact_rows
from jaxae.runs.run import Run
from jaxae.training import EpochPosition, TrainState, num_steps

_log = logging.getLogger(__name__)


def state_to_resume(run: Run) -> TrainState | EpochPosition:
    """Return the newest intact state whose metrics are intact, too; log those skipped.

    A run that was stopped before its first checkpoint restarts from the beginning.

    Raises:
      ValueError: there are checkpoints, but none is usable.
    """
    _, like = run.abstract_state()
    rows = len(intact_rows(run.metrics))
    position = _position_to_resume(run, like, rows)
    saved = saved_numbers(run.checkpoints)
    if not saved:
        return position or run.initial_state()
    usable = [epoch for epoch in saved if epoch <= rows]
    if usable != saved:
        _log.warning(
            "%s has %d intact rows; the checkpoints of later epochs are not used", run.metrics, rows
        )
    if not usable:
        raise ValueError(
            f"{run.metrics} ends before the first checkpoint; train again with --overwrite"
        )
    if position is not None and position.state.epoch >= usable[-1]:
        return position
    return read_newest_state(run.checkpoints, usable, like)


def _position_to_resume(run: Run, like: TrainState, rows: int) -> EpochPosition | None:
    saved = saved_numbers(run.positions)
    if not saved:
        return None
    steps = num_steps(run.config.epoch_examples, run.config.train.batch_size)
    loss = np.float32(0) if run.config.train.stream else np.zeros(steps, np.float32)
    try:
        position = read_newest_state(run.positions, saved, EpochPosition(like, np.int32(0), loss))
    except ValueError as error:
        _log.warning("%s; using the start of the epoch instead", error)
        return None
    return position if position.state.epoch <= rows else None


def states_to_resume(runs: Sequence[Run]) -> list[TrainState]:
    """Return the states after the newest epoch that is intact in every run; log those skipped.

    Runs that were stopped before their first checkpoint all restart from the beginning.

    Raises:
      ValueError: they have checkpoints, but none in common.
    """
    saved = [saved_numbers(run.checkpoints) for run in runs]
    rows = min(len(intact_rows(run.metrics)) for run in runs)
    _, like = runs[0].abstract_state()
    shared = set.intersection(*map(set, saved))
    for epoch in sorted(shared, reverse=True):
        if epoch > rows:
            continue
        try:
            return [read_state(run.checkpoints, epoch, like) for run in runs]
        except ValueError as error:
            _log.warning("%s; using an earlier epoch instead", error)
    # A study saves an epoch after all its runs have saved the one before. If it was killed, they
    # lack a common checkpoint only before the first that is due.
    first = runs[0].config.checkpoints.checkpoint_every
    if shared or max(epoch for epochs in saved for epoch in [0, *epochs]) > first:
        found = ", ".join(
            f"{run.path.name} {epochs}" for run, epochs in zip(runs, saved, strict=True)
        )
        raise ValueError(
            f"{runs[0].path.parent} has no intact checkpoint of one epoch in every run ({found}); "
            "resume each run with jaxae train --run-dir RUN --resume, or pass --overwrite"
        )
    return [run.initial_state() for run in runs]
