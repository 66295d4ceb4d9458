"""metrics.jsonl: one row per epoch, from epoch 1 on without a gap."""

import itertools
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from jaxae._utils.files import sync
from jaxae._utils.text import reason
from jaxae.config import RunConfig
from jaxae.runs.config_file import DAMAGED
from jaxae.training import EpochMetrics

_LONGEST_ROW = 1 << 12  # Bytes; real rows have about 150.


def append_row(file: Path, row: EpochMetrics) -> None:
    """Append a row and sync it, so that no checkpoint is on the disk before its row.

    Raises:
      OSError: the file cannot be written.
    """
    new = not file.exists()
    with file.open("a") as stream:
        stream.write(json.dumps(row.as_json()) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    if new:
        sync(file.parent)


def read_rows(file: Path) -> list[EpochMetrics]:
    """Read all rows; none if there is no file.

    Raises:
      ValueError: a row is truncated, damaged, or not that of the next epoch.
    """
    rows, damage = _read(file)
    if damage:
        raise ValueError(f"{file} is damaged: {damage}")
    return rows


def intact_rows(file: Path) -> list[EpochMetrics]:
    """Read the rows before the first that is truncated, damaged, or not that of the next epoch."""
    return _read(file)[0]


def cut_rows(file: Path, epochs: int) -> None:
    """Delete everything after the row of an epoch.

    Raises:
      OSError: the file cannot be written.
    """
    if not file.is_file():
        return
    with file.open("r+b") as stream:
        kept = sum(map(len, itertools.islice(stream, epochs)))
        if kept < file.stat().st_size:
            stream.truncate(kept)
            os.fsync(stream.fileno())


def losses_to_choose_by(config: RunConfig, rows: Sequence[EpochMetrics]) -> dict[int, float]:
    """Return the loss that is lowest at a run's best checkpoint, by epoch; empty without one."""
    if config.best_by is None:
        return {}
    losses = {row.epoch: getattr(row, config.best_by) for row in rows}
    return {epoch: loss for epoch, loss in losses.items() if loss is not None}


def _read(file: Path) -> tuple[list[EpochMetrics], str]:
    rows: list[EpochMetrics] = []
    if not file.is_file():
        return rows, ""
    with file.open("rb") as stream:
        while line := stream.readline(_LONGEST_ROW):
            try:
                rows.append(_parse(line, len(rows) + 1))
            except DAMAGED as error:
                return rows, f"row {len(rows) + 1}: {reason(error)}"
    return rows, ""


def _parse(line: bytes, epoch: int) -> EpochMetrics:
    # Even a row that parses is incomplete without its newline.
    if not line.endswith(b"\n"):
        raise ValueError(f"it is truncated, or longer than {_LONGEST_ROW:,} bytes")
    row = EpochMetrics(**json.loads(line))
    numbers = (*row[:5], *row.as_json().values())  # Not every run has more than five.
    if not all(type(value) in (int, float) and math.isfinite(value) for value in numbers):
        raise ValueError("a value is not a finite number")
    if type(row.epoch) is not int or row.epoch != epoch:
        raise ValueError(f"it belongs to epoch {row.epoch}")
    return row
