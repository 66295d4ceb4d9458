"""Show how a long job goes: a bar on a terminal; anywhere else plain lines of training only."""

from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxae.training import EpochMetrics

Block = TypeVar("Block", bound=Sized)


class TrainingProgress:
    """A context that shows each epoch's losses, its speed, and the time left.

    Args:
      console: where to show it.
      epochs: how many there will be.
    """

    def __init__(self, console: Console, epochs: int):
        """Prepare; nothing is shown yet."""
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
        """Leave the bar as it stands."""
        self._bar.stop()

    def show(self, row: EpochMetrics) -> None:
        """Show one more epoch."""
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
    """Pass blocks on, with a bar on a terminal that counts their rows and goes when they end.

    Args:
      blocks: what the job makes.
      title: what the job does.
      total: rows of all blocks.
      console: where to show it.
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
