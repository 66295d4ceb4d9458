"""Record a run while it is trained: a row per epoch, and checkpoints."""

import shutil
from types import TracebackType
from typing import Self

import jax

from jaxae._utils.signals import DelayedInterrupt, DelayedTermination
from jaxae.distributed import all_reduce_max, is_main_process, run_on_main_process
from jaxae.runs.checkpoints import CheckpointWriter
from jaxae.runs.metrics_file import append_row, cut_rows, intact_rows, losses_to_choose_by
from jaxae.runs.run import Run
from jaxae.training import DivergedError, Epoch, EpochPosition, TrainState, copy_state


class Recorder:
    """Appends the metrics of each epoch to a run, and saves checkpoints when they are due.

    As a context manager it closes itself. In a run of several processes, all of them make the same
    calls: process 0 writes the rows, and all save together. Every method raises OSError if the
    folder cannot be written.

    Args:
      run: the run; no other process may write to its folder.
      state: the state that training starts from. Rows and checkpoints of later epochs are deleted.
    """

    def __init__(self, run: Run, state: TrainState | EpochPosition):
        """Delete rows and checkpoints that are newer than the state."""
        self._run = run
        start = state.state if isinstance(state, EpochPosition) else state
        rows = intact_rows(run.metrics)[: int(start.epoch)]
        run_on_main_process(lambda: cut_rows(run.metrics, len(rows)))
        losses = losses_to_choose_by(run.config, rows)
        keep = run.config.checkpoints.keep
        self._writer = CheckpointWriter(run.checkpoints, keep, int(start.epoch), losses)
        self._position_writer: CheckpointWriter | None = None
        self._saved_step = int(start.step)
        # The last finished epoch's state and loss, and the latest position after it, if any.
        self._last: tuple[TrainState, float | None] | None = None
        self._position: EpochPosition | None = None
        if not isinstance(state, EpochPosition):
            self._last = (state, losses.get(int(state.epoch)))

    def wait(self) -> None:
        """Wait until the save in progress, if any, is complete."""
        self._writer.wait()

    def record(self, epoch: Epoch) -> None:
        """Append the metrics of an epoch; start to save its state if it is due, or the best."""
        if is_main_process():
            append_row(self._run.metrics, epoch.metrics)
        config, number = self._run.config, epoch.metrics.epoch
        loss = losses_to_choose_by(config, [epoch.metrics]).get(number)
        self._last, self._position = (epoch.state, loss), None
        due = number % config.checkpoints.checkpoint_every == 0
        # All processes or none, although their losses may be rounded differently.
        best = config.train.validation and all_reduce_max(self._writer.would_be_best(loss))
        if due or best:
            self._writer.save(number, *self._last, only_as_best=not due)

    def record_position(self, position: EpochPosition) -> None:
        """Start to save a position within an epoch if a checkpoint is due."""
        self._position = position
        step = int(position.state.step)
        if step - self._saved_step >= self._run.config.checkpoints.checkpoint_steps:
            self._save_position(position._replace(state=copy_state(position.state)))

    def _save_position(self, position: EpochPosition) -> None:
        if self._position_writer is None:
            folder = self._run.positions
            self._position_writer = CheckpointWriter(folder, keep=1, newest=self._saved_step)
        self._saved_step = int(position.state.step)
        self._position_writer.save(self._saved_step, position)

    def close(self) -> None:
        """Save the last state unless it is saved already, and wait until the save is complete."""
        # If training continued from the position and failed, its arrays were donated.
        if self._position is not None and not self._position.state.step.is_deleted():
            self._save_position(self._position)
        if self._last is not None:
            self._writer.save(int(self._last[0].epoch), *self._last)
        self._writer.close()
        if self._position_writer is not None:
            self._position_writer.close()
        if self._position is None and self._last is not None and is_main_process():
            shutil.rmtree(self._run.positions, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, unless this process alone may have failed: saving would wait for the others."""
        common = (DelayedInterrupt, DelayedTermination, DivergedError)
        if error is None or jax.process_count() == 1 or isinstance(error, common):
            self.close()
