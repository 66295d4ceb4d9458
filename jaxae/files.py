"""Write a file whole or not at all; read one that should be small."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LARGEST_TEXT = 1 << 20  # Far above any real one, which has some forty lines.


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends without error.

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
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes files private; a result gets the usual permissions.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        for folder in missing:
            with suppress(OSError):  # Another process may have put something there.
                folder.rmdir()
        raise


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
