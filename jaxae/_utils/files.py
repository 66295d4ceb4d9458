"""Write files atomically and durably; read small text files."""

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MAX_TEXT_BYTES = 1 << 20  # Files that jaxae writes have some forty lines.


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it when the block ends without an error.

    The file is synced before it is renamed, and its folder afterwards, so a power cut leaves either
    the old file or the new one.

    Args:
      path: the final name; an existing file is replaced. Missing folders are created, and removed
        again after an error.

    Yields:
      The temporary path, in the same folder and with the same suffix, for the block to write to.

    Raises:
      OSError: the folder cannot be written, or `path` is a folder.
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
    """Create a folder and its missing parents, and sync them.

    Returns:
      The folders that were created, the innermost first.

    Raises:
      OSError: a folder cannot be created.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)
    return missing


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk.

    Raises:
      OSError: it cannot be written.
    """
    if path.is_dir():
        if os.name == "nt":  # Windows cannot open a folder.
            return
        flags = os.O_RDONLY
    else:
        flags = os.O_RDWR  # Windows cannot sync a file that is open read-only.
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot sync a folder.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(handle)


def write_json(path: Path, content: object) -> None:
    """Write an indented JSON file atomically.

    Raises:
      OSError: see `atomic`.
    """
    with atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")


def read_text(path: Path) -> str:
    """Read a small UTF-8 file, such as config.json.

    Raises:
      ValueError: it is larger than 1 MiB, or not UTF-8.
      OSError: it cannot be opened.
    """
    # Reading one byte too many is safer than asking for the size, which may change or be wrong.
    with path.open("rb") as stream:
        content = stream.read(_MAX_TEXT_BYTES + 1)
    if len(content) > _MAX_TEXT_BYTES:
        raise ValueError(f"it is larger than {_MAX_TEXT_BYTES:,} bytes")
    return content.decode()
