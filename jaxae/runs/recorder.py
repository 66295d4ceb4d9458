"""A run while it is trained: what its folder receives, and where it goes on after a stop."""

import logging
import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import jax
import numpy as np

from jaxae._utils.signals import DelayedInterrupt, DelayedTermination
from jaxae.distributed import is_main_process, run_on_main_process
from jaxae.models import abstract_model
from jaxae.runs.checkpoints import CheckpointWriter, read_newest_state, read_state, saved_numbers
from jaxae.runs.metrics_file import append_row, cut_rows, whole_rows
from jaxae.runs.run import Run
from jaxae.training import DivergedError, Epoch, EpochPosition, TrainState, copy_state, num_steps

_log = logging.getLogger(__name__)


class Recorder:
    """Writes a run's epochs as they come, and saves its state from time to time.

    As a context it closes itself. In a run over several processes all are to use it alike; process
    0 writes the rows, and all save together.

    Args:
      run: whose folder no other process may write.
      state: what training begins with. Rows and checkpoints of later epochs are dropped.

    Raises:
      OSError: the folder cannot be written.
    """

    def __init__(self, run: Run, state: TrainState | EpochPosition):
        """Tidy the run's folder."""
        self._run = run
        whole = state.state if isinstance(state, EpochPosition) else state
        rows = whole_rows(run.metrics)[: int(whole.epoch)]
        run_on_main_process(lambda: cut_rows(run.metrics, len(rows)))
        losses = {row.epoch: row.test_loss for row in rows}
        config = run.config.checkpoints
        self._writer = CheckpointWriter(run.checkpoints, config.keep, int(whole.epoch), losses)
        self._parts: CheckpointWriter | None = None
        self._saved_step = int(whole.step)
        # The last whole epoch with its loss, and the position after it, if training got further.
        self._last: tuple[TrainState, float | None] | None = None
        self._part: EpochPosition | None = None
        if not isinstance(state, EpochPosition):
            self._last = (state, losses.get(int(state.epoch)))

    def wait(self) -> None:
        """Wait until the save that was started last is whole.

        Raises:
          OSError: the folder cannot be written.
        """
        self._writer.wait()

    def record(self, epoch: Epoch) -> None:
        """Write an epoch's metrics; start to save its state if it is time to.

        Raises:
          OSError: the folder cannot be written.
        """
        if is_main_process():
            append_row(self._run.metrics, epoch.metrics)
        self._last, self._part = (epoch.state, epoch.metrics.test_loss), None
        if epoch.metrics.epoch % self._run.config.checkpoints.checkpoint_every == 0:
            self._writer.save(epoch.metrics.epoch, *self._last)

    def record_position(self, part: EpochPosition) -> None:
        """Start to save a position inside an epoch if it is time to.

        Raises:
          OSError: the folder cannot be written.
        """
        self._part = part
        step = int(part.state.step)
        if step - self._saved_step >= self._run.config.checkpoints.checkpoint_steps:
            self._save_position(part._replace(state=copy_state(part.state)))

    def _save_position(self, part: EpochPosition) -> None:
        if self._parts is None:
            self._parts = CheckpointWriter(self._run.positions, keep=1, newest=self._saved_step)
        self._saved_step = int(part.state.step)
        self._parts.save(self._saved_step, part)

    def close(self) -> None:
        """Save the last state, if need be, and wait until it is whole.

        Raises:
          OSError: the folder cannot be written.
        """
        # If training went on from the position and failed, its arrays are gone.
        if self._part is not None and not self._part.state.step.is_deleted():
            self._save_position(self._part)
        if self._last is not None:
            self._writer.save(int(self._last[0].epoch), *self._last)
        self._writer.close()
        if self._parts is not None:
            self._parts.close()
        if self._part is None and self._last is not None and is_main_process():
            shutil.rmtree(self._run.positions, ignore_errors=True)

    def __enter__(self) -> Self:
        """Record what the block trains."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, unless it is an error that other processes don't have: saving waits for all."""
        together = (DelayedInterrupt, DelayedTermination, DivergedError)
        if error is None or jax.process_count() == 1 or isinstance(error, together):
            self.close()


def state_to_resume(run: Run) -> TrainState | EpochPosition:
    """Return the newest state that is whole and whose metrics are; log what is passed over.

    A run that was stopped before its first checkpoint starts anew.

    Raises:
      ValueError: there are checkpoints, but none is usable.
    """
    like = _state_like(run)
    rows = len(whole_rows(run.metrics))
    part = _position_to_resume(run, like, rows)
    saved = saved_numbers(run.checkpoints)
    if not saved:
        return part or run.initial_state()
    usable = [epoch for epoch in saved if epoch <= rows]
    if usable != saved:
        _log.warning(
            "%s has %d whole rows; the checkpoints of later epochs are not used",
            run.metrics,
            rows,
        )
    if not usable:
        raise ValueError(
            f"{run.metrics} ends before the first checkpoint; train again with --overwrite"
        )
    if part is not None and part.state.epoch >= usable[-1]:
        return part
    return read_newest_state(run.checkpoints, usable, like)


def states_to_resume(runs: Sequence[Run]) -> list[TrainState]:
    """Return the states of the newest epoch that is whole in every run; log what is passed over.

    Runs that were stopped before their first checkpoint start anew, all of them.

    Raises:
      ValueError: they have checkpoints, but none in common.
    """
    saved = [saved_numbers(run.checkpoints) for run in runs]
    rows = min(len(whole_rows(run.metrics)) for run in runs)
    like = _state_like(runs[0])
    shared = set.intersection(*map(set, saved))
    for epoch in sorted(shared, reverse=True):
        if epoch > rows:
            continue
        try:
            return [read_state(run.checkpoints, epoch, like) for run in runs]
        except ValueError as error:
            _log.warning("%s; an earlier epoch is taken in its place", error)
    # A study saves an epoch when all of its runs have saved the one before. So one that was killed
    # has none in common only where none has more than its first.
    if shared or max(map(len, saved)) > 1:
        have = ", ".join(
            f"{run.path.name} {epochs}" for run, epochs in zip(runs, saved, strict=True)
        )
        raise ValueError(
            f"{runs[0].path.parent} has no whole checkpoint of one epoch in every run ({have}); "
            "resume each run by jaxae train --run-dir RUN --resume, or pass --overwrite"
        )
    return [run.initial_state() for run in runs]


def _state_like(run: Run) -> TrainState:
    _, params = abstract_model(run.config.model, run.config.data.image_shape)
    like: TrainState = jax.eval_shape(run.initial_state, params)
    return like


def _position_to_resume(run: Run, like: TrainState, rows: int) -> EpochPosition | None:
    saved = saved_numbers(run.positions)
    if not saved:
        return None
    steps = num_steps(run.config.data.train_examples, run.config.train.batch_size)
    loss = np.float32(0) if run.config.train.stream else np.zeros(steps, np.float32)
    try:
        part = read_newest_state(run.positions, saved, EpochPosition(like, np.int32(0), loss))
    except ValueError as error:
        _log.warning("%s; the epoch's start is taken in its place", error)
        return None
    return part if part.state.epoch <= rows else None
