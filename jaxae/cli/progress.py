"""Show the progress of a long job: a bar on a terminal; elsewhere, a line per epoch of training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import jaxae
from jaxae.config import TrainConfig

Block = TypeVar("Block", bound=Sized)


@contextlib.contextmanager
def training_progress(
    config: TrainConfig, console: Console
) -> Iterator[Callable[[jaxae.EpochMetrics], None]]:
    """Show each epoch's losses and speed, and the time left, while the block runs.

    Args:
      config: how the run is trained: for how many epochs, and with which loss.
      console: where to show them.

    Yields:
      A function to call with the metrics of each epoch that has ended.
    """
    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(),
    )
    epochs = config.epochs
    unit = "" if config.likelihood == "squared" else " nats per image"
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("train", total=epochs, numbers="compiling")

        def show(row: jaxae.EpochMetrics) -> None:
            validation = row.validation_loss
            numbers = (
                f"loss {row.train_loss:.2f}, "
                + ("" if validation is None else f"validation {validation:.2f}, ")
                + f"test {row.test_loss:.2f}{unit}, {row.images_per_second:,.0f} images/s"
            )
            if console.is_terminal:
                bar.update(task, completed=row.epoch, numbers=numbers)
            else:
                left = (epochs - row.epoch) * row.seconds
                console.print(f"epoch {row.epoch}/{epochs}: {numbers}, {left:.0f} s left")

        yield show


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
