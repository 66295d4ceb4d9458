"""Feed damaged and hostile files to every reader: `python -m tests.fuzz --files 100000`.

A reader must either refuse a file with a one-line ValueError or OSError that names it, or return
what the file says, which is determined here independently. Anything else ends the program with
status 1 and prints the file: another exception, more than 1 GiB of memory, or more than a minute of
CPU time.

With `--tally FILE` the counts are stored in that file and added to, so the program can be
interrupted and run again. Files are generated in blocks, each from its own seed; a file that this
process has tried before is not tried or counted again.
"""

import argparse
import dataclasses
import faulthandler
import json
import logging
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

from jaxae._utils.files import write_json
from tests.fuzz_files import Reader, hostile_files, random_bytes
from tests.fuzz_readers import READERS

_MEMORY_BYTES = 1 << 30
_CPU_SECONDS = 60
_BLOCK = 1000
_HUNG = 1200  # Seconds of wall time until a block counts as hung: the machine may be busy.


@dataclasses.dataclass
class Tally:
    """Counts of the files that one reader was given.

    Attributes:
      blocks: complete blocks.
      refused: files that were refused.
      read: files that were read correctly.
      slowest: the longest CPU time for one file, in seconds.
    """

    blocks: int = 0
    refused: int = 0
    read: int = 0
    slowest: float = 0.0

    @property
    def files(self) -> int:
        """Number of files that were tried."""
        return self.refused + self.read


def try_file(reader: Reader, path: Path, tally: Tally) -> None:
    """Read one file; raise AssertionError, or the reader's own exception, if the reader fails."""
    start = time.process_time()
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
    seconds = time.process_time() - start
    assert seconds < _CPU_SECONDS, f"it took {seconds:.0f} s"
    tally.slowest = max(tally.slowest, seconds)


def try_valid_and_hostile(reader: Reader, folder: Path, tally: Tally) -> None:
    """Try the reader's valid files and the files made to attack it."""
    path = folder / reader.file_name
    for content in reader.valid:
        path.write_bytes(content)
        try_file(reader, path, tally)
    assert tally.read == len(reader.valid), f"{reader.name} refuses a valid file"
    for write in hostile_files(reader):
        write(path)
        try_file(reader, path, tally)
        path.unlink()


def try_block(reader: Reader, folder: Path, tally: Tally, seed: str, seen: set[int]) -> None:
    """Try a block of files whose hashes are not in `seen`."""
    rng = random.Random(seed)
    path = folder / reader.file_name
    last = tally.files + _BLOCK
    while tally.files < last:
        content = draw(rng, reader)
        if hash(content) in seen:
            continue
        seen.add(hash(content))
        path.write_bytes(content)
        try:
            try_file(reader, path, tally)
        except BaseException as error:
            error.add_note(f"{reader.name}: {content!r}")
            raise
    tally.blocks += 1


def draw(rng: random.Random, reader: Reader) -> bytes:
    """Generate a file: a damaged one, a well-formed one, or noise."""
    match rng.randrange(20):
        case 0:
            return random_bytes(rng, 200)
        case n if n < 10:
            return reader.structured(rng)
    return mutated(rng, reader.valid)


def mutated(rng: random.Random, valid: list[bytes]) -> bytes:
    """Apply one to five changes to a valid file; each may shift the bytes after it."""
    content = bytearray(rng.choice(valid))
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(content))
        until = rng.randint(at, min(len(content), at + 16))
        new = random_bytes(rng, 16) if rng.random() < 0.5 else rng.choice(_TOKENS)
        match rng.choice(("overwrite", "insert", "delete", "cut", "repeat", "flip")):
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
            case "flip" if at < len(content):
                content[at] ^= 1 << rng.randrange(8)
    return bytes(content)


# Integers at the limits of their types, and text that is difficult for parsers.
_TOKENS = [
    *(n.to_bytes(size, order) for n in (0, 1) for size in (4, 8) for order in ("little", "big")),
    *(b"\xff" * size for size in (1, 4, 8)),
    *(b"\x7f" + b"\xff" * 3, b"\xff" * 3 + b"\x7f", b"\x80\0\0\0", b"\0\0\0\x80"),
    *(b"-1", b"1e999", b"NaN", b"9" * 400, b"null", b"true", b"[]", b"{}", b'"', b"\\ud800"),
    *(b"\n", b"\r", b"\x1b[2J", b"[" * 2000, b"-" * 2000, b"(" * 300),
]


def fuzz(
    tallies: dict[str, Tally], files: int, seconds: float, seed: int, save: Path | None
) -> None:
    """Add blocks to the tallies until they count `files` files or the time is up."""
    end = time.monotonic() + seconds
    seen: dict[str, set[int]] = {reader.name: set() for reader in READERS}
    # Most of the time goes into opening files, which is fastest in memory.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        while sum(tally.files for tally in tallies.values()) < files and time.monotonic() < end:
            reader = min(READERS, key=lambda reader: tallies[reader.name].files)
            tally = tallies[reader.name]
            faulthandler.dump_traceback_later(_HUNG, exit=True)
            try:
                if tally.files == 0:
                    try_valid_and_hostile(reader, Path(folder), tally)
                name = f"{seed} {reader.name} {tally.blocks}"
                try_block(reader, Path(folder), tally, name, seen[reader.name])
            finally:
                faulthandler.cancel_dump_traceback_later()
            if save is not None:
                done = {name: dataclasses.asdict(tally) for name, tally in tallies.items()}
                write_json(save, {"seed": seed, "readers": done})


def limit_memory() -> None:
    """Limit the process to 1 GiB more than it has allocated; mapped files do not count."""
    import resource

    status = Path("/proc/self/status").read_text()
    (has,) = (int(line.split()[1]) << 10 for line in status.splitlines() if "VmData" in line)
    resource.setrlimit(resource.RLIMIT_DATA, (has + _MEMORY_BYTES, has + _MEMORY_BYTES))


def main() -> int:
    """Fuzz every reader and print a table; return 0 if no reader failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="in total, over all readers")
    parser.add_argument("--minutes", type=float, default=120, help="stop after this time")
    parser.add_argument("--tally", type=Path, help="store the counts here, and add to them")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="for a new tally")
    args = parser.parse_args()
    logging.disable()  # A reader logs the defaults that it assumes.
    warnings.simplefilter("error")  # A reader must not warn.
    if sys.platform == "linux":
        limit_memory()
    seed, tallies = args.seed, {reader.name: Tally() for reader in READERS}
    if args.tally is not None and args.tally.exists():
        stored = json.loads(args.tally.read_text())
        seed = stored["seed"]
        tallies |= {name: Tally(**counts) for name, counts in stored["readers"].items()}
    fuzz(tallies, args.files, 60 * args.minutes, seed, args.tally)
    print(f"seed {seed}\n\n| reader | files tried | refused | read correctly | slowest (CPU) |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, tally in tallies.items():
        print(
            f"| {name} | {tally.files:,} | {tally.refused:,} | {tally.read:,} "
            f"| {tally.slowest * 1000:.0f} ms |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
