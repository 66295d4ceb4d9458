"""TensorBoard's event files, read back by TensorFlow."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jaxae import EpochMetrics, Run
from jaxae.cli.app import main
from jaxae.runs.tensorboard import TensorBoard

pytestmark = pytest.mark.slow
HISTORY = [EpochMetrics(n, 50.0 / n, 60.0 / n, 0.5 + n, 1000.0 * n) for n in (1, 2, 3)]


def points(folder: Path) -> list[tuple[str, int, float]]:
    """Return what TensorBoard shows: name, step and value of each point that no file purges."""
    tensorflow: Any = pytest.importorskip("tensorflow")
    shown: list[tuple[str, int, float]] = []
    for file in sorted(folder.iterdir()):
        for event in tensorflow.compat.v1.train.summary_iterator(str(file)):
            if event.session_log.status == event.session_log.START:
                shown = [point for point in shown if point[1] < event.step]
            shown += [(point.tag, event.step, point.simple_value) for point in event.summary.value]
    return shown


def expected(history: list[EpochMetrics]) -> list[tuple[str, int, Any]]:
    names = ("train_loss", "test_loss", "seconds", "images_per_second")
    return [
        (name, row.epoch, pytest.approx(getattr(row, name), rel=1e-6))
        for row in history
        for name in names
    ]


def test_each_epoch_can_be_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path / "events")
    for row in HISTORY:
        board.log(row)
    board.close()
    assert points(tmp_path / "events") == expected(HISTORY)


def test_an_epoch_is_in_the_file_soon_and_without_a_close(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path)
    board.log(HISTORY[0])
    deadline = time.monotonic() + 20
    while (found := points(tmp_path)) != expected(HISTORY[:1]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == expected(HISTORY[:1])
    board.close()


def test_epochs_that_are_trained_again_are_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path)
    for row in HISTORY[:2]:
        board.log(row)
    board.close()
    # Files are named after the second in which they are opened.
    monkeypatch.setattr(time, "time", lambda: 4e9)
    again = [row._replace(train_loss=1.0) for row in HISTORY]
    board = TensorBoard(tmp_path, HISTORY[:1])
    for row in again[1:]:
        board.log(row)
    board.close()
    assert points(tmp_path) == expected([HISTORY[0], *again[1:]])


def test_epochs_from_before_the_folder_was_made_are_written_too(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path / "events", HISTORY[:2])
    board.log(HISTORY[2])
    board.close()
    assert points(tmp_path / "events") == expected(HISTORY)


def test_without_its_package_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match=r"pip install 'jaxae\[interchange\]'"):
        TensorBoard(tmp_path / "events")
    assert not (tmp_path / "events").exists()


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        TensorBoard(tmp_path / "file" / "events")


def test_train_writes_them_on_request(blobs: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    run = tmp_path / "run"
    options = ["--data-dir", str(blobs), "--epochs", "2", "--hidden-dim", "16"]
    assert main(["train", "--tensorboard", "--run-dir", str(run), *options]) == 0
    assert points(run / "tensorboard") == expected(Run.open(run).history())
