"""A run while it is trained: what its folder receives, and where it goes on after a stop."""

import logging
import math

import jax
from flax import nnx

from jaxae.checkpoints import CheckpointWriter, read_newest_state, saved_epochs
from jaxae.fitting import Epoch
from jaxae.history import append_row, cut_rows, whole_rows
from jaxae.models import abstract_model
from jaxae.runs import Run
from jaxae.training import TrainState

_log = logging.getLogger(__name__)


class Recorder:
    """Writes a run's epochs as they come, and saves its state from time to time.

    Args:
      run: whose folder no other process may write.
      state: what training begins with. Rows and checkpoints of later epochs are dropped.

    Raises:
      OSError: the folder cannot be written.
    """

    def __init__(self, run: Run, state: TrainState):
        """Tidy the run's folder."""
        self._run = run
        rows = whole_rows(run.metrics)[: int(state.epoch)]
        cut_rows(run.metrics, len(rows))
        losses = {row.epoch: row.test_loss for row in rows}
        self._writer = CheckpointWriter(run.checkpoints, run.checkpoint_config.keep, losses)
        self._last = (state, losses.get(int(state.epoch), math.inf))

    def record(self, epoch: Epoch) -> None:
        """Write an epoch's metrics; start to save its state if it is time to.

        Raises:
          OSError: the folder cannot be written.
        """
        append_row(self._run.metrics, epoch.metrics)
        self._last = (epoch.state, epoch.metrics.test_loss)
        if epoch.metrics.epoch % self._run.checkpoint_config.checkpoint_every == 0:
            self._writer.save(*self._last)

    def close(self) -> None:
        """Save the last state, if need be, and wait until it is whole.

        Raises:
          OSError: the folder cannot be written.
        """
        self._writer.save(*self._last)
        self._writer.close()


def state_to_resume(run: Run) -> TrainState:
    """Return the newest state that is whole and whose metrics are; log what is passed over.

    A run that was stopped before its first checkpoint starts anew.

    Raises:
      ValueError: there are checkpoints, but none is usable.
    """
    _, params = abstract_model(run.model_config, run.data.image_shape)
    like = jax.eval_shape(run.initial_state, params)
    saved, rows = saved_epochs(run.checkpoints), len(whole_rows(run.metrics))
    if not saved:
        return run.initial_state(nnx.state(run.new_model(), nnx.Param))
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
    return read_newest_state(run.checkpoints, usable, like)
