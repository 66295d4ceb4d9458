"""Event files for TensorBoard."""

import os
from collections.abc import Sequence
from pathlib import Path

from jaxae.training import EpochMetrics

_INSTALL = "pip install 'jaxae[interchange]'"


class TensorBoard:
    """An event file with one point per epoch, in plots that are named as in metrics.jsonl.

    Args:
      folder: the argument of `tensorboard --logdir`; created if it is missing.
      history: the epochs so far, of a run that resumes; they are written if the folder is new.
        TensorBoard hides points of later epochs in older files.

    Raises:
      ValueError: tensorboardX is not installed.
      OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, history: Sequence[EpochMetrics] = ()):
        """Open a new event file next to existing ones."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ValueError(f"TensorBoard event files need tensorboardX: {_INSTALL}") from error
        # File names have the time in seconds; the process ID makes them unique.
        suffix = f".{os.getpid()}"
        missing = () if folder.is_dir() and any(folder.iterdir()) else history
        self._writer = SummaryWriter(
            str(folder), purge_step=len(history) + 1, flush_secs=1, filename_suffix=suffix
        )
        for row in missing:
            self.log(row)

    def log(self, metrics: EpochMetrics) -> None:
        """Add one epoch, which reaches the file within about a second."""
        for name, value in metrics.as_json().items():
            if name != "epoch":
                self._writer.add_scalar(name, value, metrics.epoch)

    def close(self) -> None:
        """Write what is buffered and close the file."""
        self._writer.close()
