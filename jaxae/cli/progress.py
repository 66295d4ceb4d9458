"""Show the progress of a long job: a bar on a terminal; elsewhere, a line per epoch of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import jaxae

Block = TypeVar("Block", bound=Sized)


class TrainingProgress:
    """A context manager that shows each epoch's losses and speed, and the time left.

    Args:
      console: where to show it.
      epochs: the number of epochs in the whole run.
    """

    def __init__(self, console: Console, epochs: int):
        """Prepare the bar without showing it."""
        self._console = console
        self._epochs = epochs
        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("train", total=epochs, numbers="compiling")

    def __enter__(self) -> Self:
        """Start the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the bar, and leave it on the screen."""
        self._bar.stop()

    def show(self, row: jaxae.EpochMetrics) -> None:
        """Show the metrics of an epoch that has ended."""
        numbers = (
            f"loss {row.train_loss:.2f}, test {row.test_loss:.2f}, "
            f"{row.images_per_second:,.0f} images/s"
        )
        if self._console.is_terminal:
            self._bar.update(self._task, completed=row.epoch, numbers=numbers)
        else:
            self._console.print(
                f"epoch {row.epoch}/{self._epochs}: {numbers}, "
                f"{(self._epochs - row.epoch) * row.seconds:.0f} s left"
            )


def counted(blocks: Iterable[Block], title: str, total: int, console: Console) -> Iterator[Block]:
    """Yield blocks unchanged; on a terminal, show a bar that counts their rows until the last one.

    Args:
      blocks: arrays, or anything else that has a length.
      title: the text beside the bar.
      total: the number of rows in all blocks.
      console: where to show the bar.
    """
    if not console.is_terminal:
        yield from blocks
        return
    columns = TextColumn(title), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        for block in blocks:
            yield block
            progress.advance(task, len(block))
