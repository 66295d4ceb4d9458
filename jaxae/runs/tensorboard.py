"""A run's metrics as TensorBoard reads them."""

import os
from collections.abc import Sequence
from pathlib import Path

from jaxae.training import EpochMetrics

_INSTALL = "pip install 'jaxae[interchange]'"


class TensorBoard:
    """An event file in a folder, with one point per epoch in plots named as in metrics.jsonl.

    Args:
      folder: what `tensorboard --logdir` is to be given; made if need be.
      history: the epochs of a run that is resumed. They are written if the folder is new; points
        of later epochs that it holds are no longer shown.

    Raises:
      ValueError: tensorboardX is not installed.
      OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, history: Sequence[EpochMetrics] = ()):
        """Open a new event file beside those that are there."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ValueError(f"TensorBoard's files need tensorboardX: {_INSTALL}") from error
        # Files are named by the second, and the process tells two of one second apart.
        suffix = f".{os.getpid()}"
        missing = () if folder.is_dir() and any(folder.iterdir()) else history
        self._writer = SummaryWriter(
            str(folder), purge_step=len(history) + 1, flush_secs=1, filename_suffix=suffix
        )
        for row in missing:
            self.log(row)

    def log(self, metrics: EpochMetrics) -> None:
        """Add one epoch; it is in the file within about a second."""
        for name, value in metrics.as_json().items():
            if name != "epoch":
                self._writer.add_scalar(name, value, metrics.epoch)

    def close(self) -> None:
        """Write what is left and close the file."""
        self._writer.close()
