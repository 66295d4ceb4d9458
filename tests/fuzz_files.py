"""What the fuzzed readers share: the Reader class, hostile files, and generators of JSON."""

import io
import json
import math
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np


@dataclass(frozen=True)
class Reader:
    """One reader and its test files.

    Attributes:
      name: its name in the table.
      file_name: the name of the files that it is given.
      valid: contents of valid files.
      structured: generates a well-formed file with arbitrary values.
      read: the reader.
      verify: raises AssertionError unless a result is what the file says.
      bombs: generates files that attack this reader.
    """

    name: str
    file_name: str
    valid: list[bytes]
    structured: Callable[[random.Random], bytes]
    read: Callable[[Path], Any]
    verify: Callable[[Path, Any], None]
    bombs: Callable[[], tuple[bytes, ...]] = tuple


class Trap:
    """An object that ends the program when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[()]]:
        """Make unpickling call `spring`."""
        return spring, ()


def random_bytes(rng: random.Random, longest: int) -> bytes:
    """Generate at most `longest` bytes."""
    return rng.randbytes(rng.randint(0, longest))


def spring() -> NoReturn:
    """Raise an exception that no reader catches."""
    raise SystemExit("a pickle was opened")


def hostile_files(reader: Reader) -> Iterator[Callable[[Path], object]]:
    """Yield functions that write a hostile file to a path."""
    objects = np.array([Trap()], dtype=object)
    saved = io.BytesIO()
    np.save(saved, objects, allow_pickle=True)
    pickles = (pickle.dumps(Trap()), objects.dumps(), saved.getvalue())
    for content in (*pickles, _zip_bomb(), *reader.bombs()):
        yield partial(Path.write_bytes, data=content)
    for start in (b"", *reader.valid):
        yield partial(_write_sparse, start=start)


@cache
def _zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w") as entry:
            for _ in range(5 * 16):
                entry.write(bytes(1 << 24))
    return file.getvalue()


def _write_sparse(path: Path, start: bytes) -> None:
    # 4 GiB that take no space on the disk.
    with path.open("wb") as file:
        file.write(start)
        file.truncate(1 << 32)


def any_text(rng: random.Random, longest: int) -> str:
    """Generate at most `longest` characters: ASCII, Latin-1 or any of Unicode, surrogates too."""
    last = rng.choice((127, 127, 255, 0x10FFFF))
    return "".join(chr(rng.randint(0, last)) for _ in range(rng.randint(0, longest)))


def json_bombs() -> tuple[bytes, ...]:
    """Generate JSON of many lists and of deep nesting."""
    return b"[" + b"[]," * 20_000_000, b"[" * 1_000_000


def _any_json(rng: random.Random, depth: int = 2) -> Any:
    match rng.randrange(8 if depth else 6):
        case 0:
            return rng.choice((None, True, False))
        case 1:
            return rng.randint(-(2**70), 2**70)
        case 2:
            return rng.choice((10**400, -1, 0, 1, 2, 3, 0.5, 1e-3))
        case 3:
            return struct.unpack("<d", rng.randbytes(8))[0]
        case 4:
            return rng.choice((math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 2.0**53))
        case 5:
            return any_text(rng, 9)
        case 6:
            return [_any_json(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {any_text(rng, 5): _any_json(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def edited(rng: random.Random, value: Any) -> Any:
    """Replace, remove or add one to three values at any depth of a JSON value."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        place = value
        while isinstance(place, dict) and place:
            key = rng.choice(sorted(place))
            if isinstance(place[key], dict) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            match rng.choice(("replace", "replace", "remove", "add")):
                case "replace":
                    place[key] = _any_json(rng)
                case "remove":
                    del place[key]
                case "add":
                    place[any_text(rng, 5)] = _any_json(rng)
            break
    return value


def edited_json(value: Any) -> Callable[[random.Random], bytes]:
    """Return a generator of files that hold the value with some edits."""
    return lambda rng: json.dumps(edited(rng, value)).encode()
