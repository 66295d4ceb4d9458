"""Write a file whole or not at all."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends without error.

    Args:
      path: the final name; its folder is created if need be. A file there is replaced.

    Raises:
      OSError: the folder cannot be written, or a folder stands under the final name.

    Yields:
      A path in the same folder with the same suffix, to be written inside the block.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file")
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
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, indented, whole or not at all.

    Raises:
      OSError: as `atomic`.
    """
    with atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
