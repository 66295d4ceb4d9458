"""Lock a folder against other processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from jaxae._utils.files import make_folder

LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for this process while the block runs; create it if it is missing.

    The operating system releases the lock when the process ends, even if it was killed.

    Raises:
      ValueError: another process has locked the folder.
      OSError: the folder cannot be created or written.
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
