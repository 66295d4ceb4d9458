"""Write a file whole or not at all; read one that should be small."""

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LARGEST_TEXT = 1 << 20  # Far above any real one, which has some forty lines.


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends without error.

    The file is on the disk before it is renamed, and the new name before this returns: a power cut
    leaves the old file or the new one.

    Args:
      path: the final name; its folder is created if need be, and is gone again after an error. A
        file there is replaced.

    Raises:
      OSError: the folder cannot be written, or a folder stands under the final name.

    Yields:
      A path in the same folder with the same suffix, to be written inside the block.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file")
    made = make_folder(path.parent)
    partial = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        partial.touch(exist_ok=False)
        yield partial
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # Another process may have put something there.
                folder.rmdir()
        raise


def make_folder(path: Path) -> list[Path]:
    """Make a folder, and those above it that are missing; a power cut does not undo it.

    Raises:
      OSError: a folder cannot be made.

    Returns:
      The folders that were missing, the innermost first.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)
    return missing


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    Raises:
      OSError: it cannot be written.
    """
    if path.is_dir():
        if os.name == "nt":  # Windows opens no folders.
            return
        flags = os.O_RDONLY
    else:
        flags = os.O_RDWR  # Windows syncs no file that is open for reading.
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no fsync for folders.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(handle)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, indented, whole or not at all.

    Raises:
      OSError: as `atomic`.
    """
    with atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")


def read_text(path: Path) -> str:
    """Read a small file of UTF-8, such as a config.json.

    Raises:
      ValueError: it is larger than 1 MiB, or not UTF-8.
      OSError: it cannot be opened.
    """
    # One byte more than allowed is enough to tell; the size on disk may grow, or lie.
    with path.open("rb") as stream:
        content = stream.read(_LARGEST_TEXT + 1)
    if len(content) > _LARGEST_TEXT:
        raise ValueError(f"it is larger than {_LARGEST_TEXT:,} bytes")
    return content.decode()
