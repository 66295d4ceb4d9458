"""Power cuts, on a simulated disk that keeps only what was synced."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

from jaxae._utils.files import atomic, make_folder, write_json
from jaxae._utils.locking import locked
from jaxae.runs.checkpoints import CheckpointWriter
from jaxae.runs.metrics_file import append_row, cut_rows
from jaxae.training.loop import EpochMetrics

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="reads from /proc which file is synced"
)


class Disk:
    """A folder in which files keep their contents, and folders their entries, as last synced.

    An entry that was not synced may also survive, because file systems may write it early.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        """Consider existing files as synced."""
        self._root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._watched: dict[Path, set[bytes | None]] = {}
        self._open: list[int] = []
        for path in (root, *root.rglob("*")):
            self._keep(path)
        for name in ("fsync", "replace", "unlink", "mkdir", "rmdir", "truncate"):
            monkeypatch.setattr(os, name, self._seen(name, getattr(os, name)))

    def _seen(self, name: str, call: Any) -> Any:
        def act(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            if name == "fsync":
                self._keep(Path(f"/proc/self/fd/{args[0]}").resolve())
            for path, found in self._watched.items():
                found |= self.survivors(path)
            return result

        return act

    def _keep(self, path: Path) -> None:
        self._open.append(os.open(path, os.O_RDONLY))  # Otherwise its inode number may be reused.
        if path.is_dir():
            entries = {entry.name: entry.stat().st_ino for entry in path.iterdir()}
            self._names[path.stat().st_ino] = entries
        else:
            self._contents[path.stat().st_ino] = path.read_bytes()

    def survivors(self, path: Path) -> set[bytes | None]:
        """Return the contents that a power cut may leave at a path; None stands for no file."""
        found: set[int | None] = {self._root.stat().st_ino}
        for place in (*reversed(path.parents), path):
            if place != self._root and place.is_relative_to(self._root):
                now = place.stat().st_ino if place.exists() else None
                found = {self._names.get(folder or 0, {}).get(place.name) for folder in found}
                found.add(now)
        return {None if number is None else self._contents.get(number, b"") for number in found}

    @contextmanager
    def watching(self, path: Path) -> Iterator[set[bytes | None]]:
        """Collect the contents that a power cut during the with block may leave at a path."""
        found = self._watched[path] = self.survivors(path)
        yield found
        del self._watched[path]

    def close(self) -> None:
        """Close the files."""
        for handle in self._open:
            os.close(handle)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    (tmp_path / "old").write_bytes(b"old")
    disk = Disk(tmp_path, monkeypatch)
    yield disk
    monkeypatch.undo()
    disk.close()


def test_the_simulated_disk_loses_what_was_not_synced(disk: Disk, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with disk.watching(old) as found:
        new.write_bytes(b"new")
        os.replace(new, old)
    assert found == {b"old", b""} == disk.survivors(old)
    old.write_bytes(b"now")
    with old.open() as file:
        os.fsync(file.fileno())
    assert disk.survivors(old) == {b"old", b"now"}


@pytest.mark.parametrize("name", ["old", "new", "folder/in/folder/new"])
def test_writing_leaves_the_old_file_or_the_new_one_and_in_the_end_the_new_one(
    disk: Disk, tmp_path: Path, name: str
) -> None:
    path, before = tmp_path / name, b"old" if name == "old" else None
    with disk.watching(path) as found:
        write_json(path, "new")
    assert found == {before, b'"new"\n'}
    assert disk.survivors(path) == {b'"new"\n'}


def test_a_locked_folder_survives(disk: Disk, tmp_path: Path) -> None:
    with locked(tmp_path / "runs" / "new"):
        assert None not in disk.survivors(tmp_path / "runs" / "new")


def test_created_folders_are_returned_innermost_first(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "a" / "b"
    assert (make_folder(b), make_folder(b)) == ([b, a], [])


def row(epoch: int) -> EpochMetrics:
    return EpochMetrics(epoch, 2.5, 3.0, 0.1, 9.0)


def test_each_row_is_synced_when_it_is_written(disk: Disk, tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for epoch in range(1, 4):
        append_row(file, row(epoch))
        assert disk.survivors(file) == {file.read_bytes()}
        assert len(file.read_bytes().splitlines()) == epoch


def test_cutting_rows_never_risks_the_others(disk: Disk, tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for epoch in range(1, 4):
        append_row(file, row(epoch))
    lines = file.read_bytes().splitlines(keepends=True)
    with disk.watching(file) as found:
        cut_rows(file, 2)
    assert found <= {b"".join(lines), b"".join(lines[:2])}
    assert disk.survivors(file) == {b"".join(lines[:2])}


@pytest.mark.parametrize("epochs", [3, 4])
def test_a_file_is_not_rewritten_if_nothing_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    file = tmp_path / "metrics.jsonl"
    for epoch in range(1, 4):
        append_row(file, row(epoch))
    before = file.read_bytes()
    os.utime(file, (1e9, 1e9))
    cut_rows(file, epochs)
    assert (file.read_bytes(), file.stat().st_mtime) == (before, 1e9)
    cut_rows(tmp_path / "none", epochs)
    assert not (tmp_path / "none").exists()


def test_a_checkpoint_is_synced_before_an_older_one_is_deleted(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    writer = CheckpointWriter(folder, keep=1, newest=0)
    deleted = []
    remove = shutil.rmtree

    def delete(path: Path) -> None:
        deleted.append(path.name)
        assert_whole(folder / "2")
        remove(path)

    def assert_whole(state: Path) -> None:
        files = [path for path in state.rglob("*") if path.is_file()]
        assert files
        for file in files:
            assert disk.survivors(file) == {file.read_bytes()}, file

    monkeypatch.setattr(shutil, "rmtree", delete)
    for number in (1, 2):
        writer.save(number, {"a": jnp.arange(3)})
    writer.close()
    assert deleted == ["1"]
    assert_whole(folder / "2")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_files_can_be_written_where_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync = os.fsync

    def fsync_files(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync_files)
    if code == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            write_json(tmp_path / "file", 1)
    else:
        write_json(tmp_path / "file", 1)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_synced_does_not_replace_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output"):
        write_json(path, "new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_a_new_file_has_the_permissions_of_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    before = os.umask(umask)
    try:
        # Changing the umask would affect the files of other threads.
        monkeypatch.delattr(os, "umask")
        with atomic(tmp_path / "file") as partial:
            partial.write_bytes(b"new")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask
