"""`python -m benchmarks run | report | compare | scaling | list`."""

import argparse
import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contestants import CONTESTANTS
from benchmarks.measuring.machine import processors
from benchmarks.scaling import SWEEPS
from benchmarks.tasks import QUICK_FRAMEWORKS, QUICK_TASKS, TASKS, applies

# The commands import what they need when they run: `list` must work where nothing is installed.
if TYPE_CHECKING:
    from benchmarks.measuring.results import Results

_DEFAULT = Path("runs/bench.json")
_DEFAULT_SCALING = Path("runs/scaling.json")
_ADDED = "add to results of another machine, number of threads, version or commit too"


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status.

    1 says that `compare` found a slowdown, or that `run` could not measure all that was asked for;
    2 that the input is bad.
    """
    options = _parser().parse_args(args)
    try:
        status: int = options.command(options)
        return status
    except (ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"benchmarks: {error}; pip install -e '.[bench]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; the same command goes on", file=sys.stderr)
        return 130


_SCALING = """Train jaxae's autoencoder in fresh processes, one setting swept at a time, in shuffled
rounds, and write a table for each sweep and a log-log plot with fitted exponents.

{}

Devices of a CPU are its own processors under several names, and processes share them: these two
sweeps show what keeping them in step costs. An interrupted run goes on where it stopped. On two
cores all of it takes about 25 minutes."""
_LISTED = "\n".join(
    f"  {sweep.name:<10} {sweep.title}: {', '.join(map(str, sweep.values))}"
    for sweep in SWEEPS.values()
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare frameworks on the same autoencoder: parity first, then time.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add = commands.add_parser("run", help="measure; an interrupted run goes on where it stopped")
    add.add_argument(
        "--quick",
        action="store_true",
        help=f"two rounds of {', '.join(QUICK_TASKS)} by {', '.join(QUICK_FRAMEWORKS)}",
    )
    add.add_argument("--frameworks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument("--tasks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument("--rounds", type=int, help="processes for each row (default: 6, quick: 2)")
    add.add_argument(
        "--threads",
        type=int,
        default=processors(),
        help="for every framework (default: %(default)s)",
    )
    add.add_argument(
        "--out", type=Path, default=_DEFAULT, metavar="FILE", help="results (default: %(default)s)"
    )
    add.add_argument("--mixed", action="store_true", help=_ADDED)
    add.set_defaults(command=_run)

    add = commands.add_parser("report", help="write tables and plots of results, of run or scaling")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--out", type=Path, metavar="DIR", help="default: a folder named as FILE")
    add.set_defaults(command=_report)

    add = commands.add_parser("compare", help="exit with 1 where NEW is slower than OLD")
    add.add_argument("old", type=Path, metavar="OLD")
    add.add_argument("new", type=Path, metavar="NEW")
    add.add_argument(
        "--factor", type=float, default=1.05, help="slowdown to tolerate (default: %(default)s)"
    )
    add.add_argument(
        "--other-machine", action="store_true", help="compare results of different machines too"
    )
    add.set_defaults(command=_compare)

    add = commands.add_parser(
        "scaling",
        help="measure how jaxae's own cost grows, and report it",
        description=_SCALING.format(_LISTED),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument(
        "--quick", action="store_true", help="two rounds of fewer points, in a few minutes"
    )
    add.add_argument("--sweeps", nargs="+", metavar="NAME", help="default: all of the above")
    add.add_argument("--rounds", type=int, help="trainings at each point (default: 6, quick: 2)")
    add.add_argument(
        "--out",
        type=Path,
        default=_DEFAULT_SCALING,
        metavar="FILE",
        help="results; the report goes into a folder of that name (default: %(default)s)",
    )
    add.add_argument("--mixed", action="store_true", help=_ADDED)
    add.set_defaults(command=_scaling)

    commands.add_parser("list", help="what frameworks and tasks there are").set_defaults(
        command=_list
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    defaults = (QUICK_FRAMEWORKS, QUICK_TASKS) if options.quick else (CONTESTANTS, TASKS)
    frameworks = _known(options.frameworks or list(defaults[0]), CONTESTANTS, "framework")
    tasks = _known(options.tasks or list(defaults[1]), TASKS, "task")
    rounds = (2 if options.quick else 6) if options.rounds is None else options.rounds
    if rounds < 1 or not 1 <= options.threads <= processors():
        raise ValueError(
            f"rounds {rounds}, threads {options.threads}; "
            f"expected 1 round or more and 1 to {processors()} threads"
        )
    from rich.console import Console

    from benchmarks.measuring.results import Results
    from benchmarks.measuring.runner import run

    console = Console(highlight=False, soft_wrap=True)
    results, threads = Results(options.out), options.threads
    left_out = run(results, frameworks, tasks, rounds, threads, console, options.mixed)
    left_out += _no_part(options, tasks)
    console.print(f"{options.out}; python -m benchmarks report {options.out}")
    for line in left_out:
        print(f"benchmarks: not measured: {line}", file=sys.stderr)
    return int(bool(left_out))


def _no_part(options: argparse.Namespace, tasks: Sequence[str]) -> list[str]:
    """Frameworks that were named and take no part in a task that was named, or in any at all."""
    lines = []
    for name in dict.fromkeys(options.frameworks or ()):
        outside = [task for task in tasks if not applies(TASKS[task], name)]
        if outside and (options.tasks or len(outside) == len(tasks)):
            lines.append(f"{name} takes no part in {', '.join(outside)}")
    return lines


def _report(options: argparse.Namespace) -> int:
    from benchmarks.reporting import report
    from benchmarks.scaling import report as scaling_report

    results = _existing(options.file)
    swept = any(task in SWEEPS for task, _ in results.names())
    write = scaling_report.write_report if swept else report.write_report
    for path in write(results, options.out or options.file.with_suffix("")):
        print(path)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from benchmarks.stats import changes, differing_machine

    old, new = _existing(options.old), _existing(options.new)
    if not 1 <= options.factor < math.inf:
        raise ValueError(f"factor is {options.factor}; expected a number from 1 up")
    differing = differing_machine(old, new)
    if differing and not options.other_machine:
        raise ValueError(
            f"other machines ({'; '.join(differing)}); pass --other-machine to compare"
        )
    found = changes(old, new, options.factor)
    if not found:
        raise ValueError(f"{options.old} and {options.new} have no row in common")
    for change in found:
        print(change)
    if untold := [change for change in found if change.p_value is None]:
        print(f"{len(untold)} of {len(found)} rows have too few rounds to tell")
    if len(untold) == len(found):
        return 2
    return int(any(change.slower for change in found))


def _scaling(options: argparse.Namespace) -> int:
    names = _known(options.sweeps or list(SWEEPS), SWEEPS, "sweep")
    rounds = (2 if options.quick else 6) if options.rounds is None else options.rounds
    if rounds < 1:
        raise ValueError(f"rounds {rounds}; expected 1 or more")
    from rich.console import Console

    from benchmarks.measuring.results import Results
    from benchmarks.scaling.report import write_report
    from benchmarks.scaling.runner import run

    sweeps = [SWEEPS[name] for name in dict.fromkeys(names)]
    if options.quick:
        sweeps = [replace(sweep, values=sweep.quick) for sweep in sweeps]
    results = Results(options.out)
    run(results, sweeps, rounds, Console(highlight=False, soft_wrap=True), options.mixed)
    for path in write_report(results, options.out.with_suffix("")):
        print(path)
    return 0


def _list(_: argparse.Namespace) -> int:
    from benchmarks.contestants.listing import listing

    for line in listing():
        print(line)
    return 0


def _existing(path: Path) -> "Results":
    from benchmarks.measuring.results import Results

    if not path.is_file():
        raise ValueError(f"{path}: no such file of results; make one by python -m benchmarks run")
    return Results(path)


def _known(names: Sequence[str], known: Collection[str], kind: str) -> list[str]:
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {kind} {name!r}; expected of {', '.join(known)}")
    return list(names)


if __name__ == "__main__":
    sys.exit(main())
