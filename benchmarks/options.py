"""The commands of `python -m benchmarks` and their options."""

import argparse
from pathlib import Path

from benchmarks.contestants import QUICK_FRAMEWORKS
from benchmarks.measuring.machine import processors
from benchmarks.scaling import SWEEPS
from benchmarks.tasks.suite import QUICK_TASKS

_SCALING = """Train jaxae's autoencoder in fresh processes, varying one setting at a time, in
shuffled rounds. Write a table for each sweep and a log-log plot with fitted exponents.

{}

Devices of a CPU, and processes on it, share its processors: these two sweeps show what keeping them
in step costs. Run the command again to continue an interrupted run. All sweeps take about 25
minutes on two cores."""
_LISTED = "\n".join(
    f"  {sweep.name:<10} {sweep.title}: {', '.join(map(str, sweep.values))}"
    for sweep in SWEEPS.values()
)


def parser() -> argparse.ArgumentParser:
    """The parser of every command; `command` is its name."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare frameworks on the same autoencoder: first parity, then speed.",
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND", dest="command")

    add = commands.add_parser("run", help="measure; continues an interrupted run")
    quick = f"{', '.join(QUICK_TASKS)} with {', '.join(QUICK_FRAMEWORKS)}, in five minutes"
    _add_measuring(add, quick, Path("runs/bench.json"), "results", "10, with --quick 9")
    add.add_argument("--frameworks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument("--tasks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument(
        "--threads",
        type=int,
        default=processors(),
        help="for every framework (default: %(default)s)",
    )

    add = commands.add_parser("report", help="write tables and plots of results of run or scaling")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--out", type=Path, metavar="DIR", help="default: FILE without its suffix")

    add = commands.add_parser(
        "compare",
        help="exit with status 1 if NEW, or this work tree, is slower",
        usage="%(prog)s [options] (OLD NEW | --ref COMMIT)",
    )
    add.add_argument("files", type=Path, nargs="*", metavar="OLD NEW", help="files of results")
    add.add_argument("--ref", metavar="COMMIT", help="measure COMMIT and this work tree in turn")
    add.add_argument(
        "--factor", type=float, default=1.05, help="slowdown to tolerate (default: %(default)s)"
    )
    add.add_argument(
        "--other-machine", action="store_true", help="compare files of different machines"
    )
    ref = add.add_argument_group("with --ref")
    ref.add_argument("--frameworks", nargs="+", metavar="NAME", help="default: flax")
    ref.add_argument("--tasks", nargs="+", metavar="NAME", help="default: train encode decode")
    ref.add_argument(
        "--rounds", type=int, help="number of rounds (default: 11, or what the rows need)"
    )
    ref.add_argument("--threads", type=int, help="number of threads (default: all)")

    add = commands.add_parser(
        "scaling",
        help="measure and report how jaxae's own cost grows",
        description=_SCALING.format(_LISTED),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("--sweeps", nargs="+", metavar="NAME", help="default: all of the above")
    where = "results; the report goes into a folder of the same name"
    quick = "two rounds of fewer values, in a few minutes"
    _add_measuring(add, quick, Path("runs/scaling.json"), where, "6, with --quick 2")

    commands.add_parser("list", help="list frameworks and tasks")
    return made


def _add_measuring(
    add: argparse.ArgumentParser, quick: str, out: Path, where: str, rounds: str
) -> None:
    add.add_argument("--quick", action="store_true", help=quick)
    add.add_argument("--rounds", type=int, help=f"number of rounds (default: {rounds})")
    add.add_argument(
        "--out", type=Path, default=out, metavar="FILE", help=f"{where} (default: %(default)s)"
    )
    mixed = "add to results of another machine, number of threads, version or commit"
    add.add_argument("--mixed", action="store_true", help=mixed)
