"""One writer to a folder at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from jaxae._utils.files import make_folder

LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder, made if need be, for this process while the block runs.

    The operating system holds the lock, not the file, so it goes with the process: one that was
    killed blocks nobody.

    Raises:
      ValueError: another process holds the folder.
      OSError: the folder cannot be made or written.
    """
    make_folder(folder)
    try:
        with FileLock(folder / LOCK_NAME, timeout=0):
            yield
    except Timeout:
        raise ValueError(
            f"{folder} is in use by another process; wait until it ends, or choose another "
            "--run-dir"
        ) from None
