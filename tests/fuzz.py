"""Feed damaged and hostile files to every reader: `python -m tests.fuzz --examples 20000`.

A reader may refuse, with a ValueError or OSError of one line that names the file, or give what the
file says, which is found out here by other means. Anything else ends the program with status 1 and
the file that did it: another exception, more than 1 GiB, more than a minute.
"""

import argparse
import faulthandler
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz_readers import READERS, Reader, hostile_files

_LIMIT = 1 << 30
_SECONDS = 60


@dataclass
class Tally:
    """What became of the files that one reader was given."""

    refused: int = 0
    read: int = 0
    slowest: float = 0.0


def try_file(reader: Reader, path: Path, tally: Tally) -> None:
    """Read one file; raise AssertionError, or what the reader raised, unless it did well."""
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    start = time.perf_counter()
    try:
        result = reader.read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        assert str(path) in text, f"the file is not named: {text!r}"
        assert "\n" not in text and len(text) < len(str(path)) + 1000, f"not one line: {text!r}"
        tally.refused += 1
    else:
        reader.verify(path, result)
        tally.read += 1
    finally:
        faulthandler.cancel_dump_traceback_later()
        tally.slowest = max(tally.slowest, time.perf_counter() - start)


def fuzz(reader: Reader, folder: Path, examples: int, start: int) -> Tally:
    """Try the reader's valid files, the hostile ones, and so many that hypothesis makes."""
    tally = Tally()
    path = folder / reader.file_name
    for content in reader.valid:
        path.write_bytes(content)
        try_file(reader, path, tally)
    assert tally.read == len(reader.valid), f"{reader.name} refuses a valid file"
    for write in hostile_files(reader):
        write(path)
        try_file(reader, path, tally)
        path.unlink()

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(mutated(reader.valid), reader.structured, st.binary(max_size=200)))
    def one(content: bytes) -> None:
        path.write_bytes(content)
        try_file(reader, path, tally)

    one()
    return tally


@st.composite
def mutated(draw: st.DrawFn, valid: list[bytes]) -> bytes:
    """A valid file after one to five changes, each of which may move all that follows."""
    content = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(content)))
        until = draw(st.integers(at, min(len(content), at + 16)))
        new = draw(st.binary(max_size=16) | st.sampled_from(_SPICES))
        match draw(st.sampled_from(("overwrite", "insert", "delete", "cut", "repeat"))):
            case "overwrite":
                content[at : at + len(new)] = new
            case "insert":
                content[at:at] = new
            case "delete":
                del content[at:until]
            case "cut":
                del content[at:]
            case "repeat":
                content[at:at] = content[at:until]
    return bytes(content)


# Sizes at the edges of their types, and text that parsers stumble over.
_SPICES = [
    *(n.to_bytes(size, order) for n in (0, 1) for size in (4, 8) for order in ("little", "big")),
    *(b"\xff" * size for size in (1, 4, 8)),
    *(b"\x7f" + b"\xff" * 3, b"\xff" * 3 + b"\x7f", b"\x80\0\0\0", b"\0\0\0\x80"),
    *(b"-1", b"1e999", b"NaN", b"9" * 400, b"null", b"true", b"[]", b"{}", b'"', b"\\ud800"),
    *(b"\n", b"\r", b"\x1b[2J", b"[" * 2000, b"-" * 2000, b"(" * 300),
]


def limit_memory() -> None:
    """Let the process allocate 1 GiB more than it has; mapped files do not count."""
    import resource

    status = Path("/proc/self/status").read_text()
    (has,) = (int(line.split()[1]) << 10 for line in status.splitlines() if "VmData" in line)
    resource.setrlimit(resource.RLIMIT_DATA, (has + _LIMIT, has + _LIMIT))


def main() -> int:
    """Fuzz every reader, print a table; return 0 if all did well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    warnings.simplefilter("error")  # A warning is a line that nobody asked for.
    if sys.platform == "linux":
        limit_memory()
    print(f"seed {args.seed}\n\n| reader | files tried | refused | read, and right | slowest |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for reader in READERS:
            tally = fuzz(reader, Path(folder), args.examples, args.seed)
            print(
                f"| {reader.name} | {tally.refused + tally.read:,} | {tally.refused:,} "
                f"| {tally.read:,} | {tally.slowest * 1000:.0f} ms |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
