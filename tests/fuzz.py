"""Feed damaged and hostile files to every reader: `python -m tests.fuzz --files 100000`.

A reader may refuse, with a ValueError or OSError of one line that names the file, or give what the
file says, which is found out here by other means. Anything else ends the program with status 1 and
the file that did it: another exception, more than 1 GiB, more than a minute of CPU time.

With `--tally FILE` the counts are kept there and added to: run it again to go on, after an
interruption too. Files come in blocks, each from a seed of its own; one that a process has tried
before is not tried or counted again.
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
from tests.fuzz_readers import READERS, Reader, hostile_files, random_bytes

_LIMIT = 1 << 30
_SECONDS = 60
_BLOCK = 1000
_HUNG = 1200  # Seconds, on the clock, after which a block counts as hung: the machine may be busy.


@dataclasses.dataclass
class Tally:
    """What became of the files that one reader was given.

    Attributes:
      blocks: how many blocks were tried whole.
      refused: files that were refused.
      read: files that were read, and right.
      slowest: CPU seconds.
    """

    blocks: int = 0
    refused: int = 0
    read: int = 0
    slowest: float = 0.0

    @property
    def files(self) -> int:
        """How many files were tried."""
        return self.refused + self.read


def try_file(reader: Reader, path: Path, tally: Tally) -> None:
    """Read one file; raise AssertionError, or what the reader raised, unless it did well."""
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
    assert seconds < _SECONDS, f"it took {seconds:.0f} s"
    tally.slowest = max(tally.slowest, seconds)


def try_whole_and_hostile(reader: Reader, folder: Path, tally: Tally) -> None:
    """Try the reader's valid files, and those made to hurt it."""
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
    """Try a block of files that are not among those seen."""
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
    """Make a file: a damaged one, one that is right in form, or noise."""
    match rng.randrange(20):
        case 0:
            return random_bytes(rng, 200)
        case n if n < 10:
            return reader.structured(rng)
    return mutated(rng, reader.valid)


def mutated(rng: random.Random, valid: list[bytes]) -> bytes:
    """A valid file after one to five changes, each of which may move all that follows."""
    content = bytearray(rng.choice(valid))
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(content))
        until = rng.randint(at, min(len(content), at + 16))
        new = random_bytes(rng, 16) if rng.random() < 0.5 else rng.choice(_SPICES)
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


# Sizes at the edges of their types, and text that parsers stumble over.
_SPICES = [
    *(n.to_bytes(size, order) for n in (0, 1) for size in (4, 8) for order in ("little", "big")),
    *(b"\xff" * size for size in (1, 4, 8)),
    *(b"\x7f" + b"\xff" * 3, b"\xff" * 3 + b"\x7f", b"\x80\0\0\0", b"\0\0\0\x80"),
    *(b"-1", b"1e999", b"NaN", b"9" * 400, b"null", b"true", b"[]", b"{}", b'"', b"\\ud800"),
    *(b"\n", b"\r", b"\x1b[2J", b"[" * 2000, b"-" * 2000, b"(" * 300),
]


def fuzz(
    tallies: dict[str, Tally], files: int, seconds: float, seed: int, save: Path | None
) -> None:
    """Add to the tallies, block by block, until there are so many files or the time is over."""
    end = time.monotonic() + seconds
    seen: dict[str, set[int]] = {reader.name: set() for reader in READERS}
    # Opening files takes most of the time, and least of it in memory.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        while sum(tally.files for tally in tallies.values()) < files and time.monotonic() < end:
            reader = min(READERS, key=lambda reader: tallies[reader.name].files)
            tally = tallies[reader.name]
            faulthandler.dump_traceback_later(_HUNG, exit=True)
            try:
                if tally.files == 0:
                    try_whole_and_hostile(reader, Path(folder), tally)
                name = f"{seed} {reader.name} {tally.blocks}"
                try_block(reader, Path(folder), tally, name, seen[reader.name])
            finally:
                faulthandler.cancel_dump_traceback_later()
            if save is not None:
                done = {name: dataclasses.asdict(tally) for name, tally in tallies.items()}
                write_json(save, {"seed": seed, "readers": done})


def limit_memory() -> None:
    """Let the process allocate 1 GiB more than it has; mapped files do not count."""
    import resource

    status = Path("/proc/self/status").read_text()
    (has,) = (int(line.split()[1]) << 10 for line in status.splitlines() if "VmData" in line)
    resource.setrlimit(resource.RLIMIT_DATA, (has + _LIMIT, has + _LIMIT))


def main() -> int:
    """Fuzz every reader, print a table; return 0 if all did well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="in all, over all readers")
    parser.add_argument("--minutes", type=float, default=120, help="stop after so long")
    parser.add_argument("--tally", type=Path, help="keep the counts here, and add to them")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of a new tally")
    args = parser.parse_args()
    logging.disable()  # What a reader assumes is logged.
    warnings.simplefilter("error")  # A warning is a line that nobody asked for.
    if sys.platform == "linux":
        limit_memory()
    seed, tallies = args.seed, {reader.name: Tally() for reader in READERS}
    if args.tally is not None and args.tally.exists():
        kept = json.loads(args.tally.read_text())
        seed = kept["seed"]
        tallies |= {name: Tally(**counts) for name, counts in kept["readers"].items()}
    fuzz(tallies, args.files, 60 * args.minutes, seed, args.tally)
    print(f"seed {seed}\n\n| reader | files tried | refused | read, and right | slowest (CPU) |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, tally in tallies.items():
        print(
            f"| {name} | {tally.files:,} | {tally.refused:,} | {tally.read:,} "
            f"| {tally.slowest * 1000:.0f} ms |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
