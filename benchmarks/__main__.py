"""`python -m benchmarks run | report | compare | scaling | list`."""

import argparse
import difflib
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contestants import CONTESTANTS, QUICK_FRAMEWORKS, applies
from benchmarks.measuring.machine import processors
from benchmarks.scaling import SWEEPS
from benchmarks.tasks import TASKS
from benchmarks.tasks.suite import QUICK_TASKS

# Commands import what they need when they run, so that `list` works without the bench extra.
if TYPE_CHECKING:
    from benchmarks.measuring.results import Results


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    1 means that `compare` found a slowdown, or that `run` could not measure everything; 2 means
    bad input.
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
        print("benchmarks: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare frameworks on the same autoencoder: first parity, then speed.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add = commands.add_parser("run", help="measure; continues an interrupted run")
    quick = f"{', '.join(QUICK_TASKS)} with {', '.join(QUICK_FRAMEWORKS)}, in four minutes"
    _add_measuring(add, quick, Path("runs/bench.json"), "results", "10, with --quick 9")
    add.add_argument("--frameworks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument("--tasks", nargs="+", metavar="NAME", help="default: all; see list")
    add.add_argument(
        "--threads",
        type=int,
        default=processors(),
        help="for every framework (default: %(default)s)",
    )
    add.set_defaults(command=_run)

    add = commands.add_parser("report", help="write tables and plots of results of run or scaling")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--out", type=Path, metavar="DIR", help="default: FILE without its suffix")
    add.set_defaults(command=_report)

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
    add.set_defaults(command=_compare)

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
    add.set_defaults(command=_scaling)

    commands.add_parser("list", help="list frameworks and tasks").set_defaults(command=_list)
    return parser


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


def _run(options: argparse.Namespace) -> int:
    defaults = (QUICK_FRAMEWORKS, QUICK_TASKS) if options.quick else (CONTESTANTS, TASKS)
    frameworks = _known(options.frameworks or list(defaults[0]), CONTESTANTS, "framework")
    tasks = _known(options.tasks or list(defaults[1]), TASKS, "task")
    # Ten rounds can tell rows of a table of 26 from each other, nine those of a table of 13.
    rounds, threads = _rounds(options, 9 if options.quick else 10), _threads(options)
    from rich.console import Console

    from benchmarks.measuring.results import Results
    from benchmarks.measuring.runner import run

    console = Console(highlight=False, soft_wrap=True)
    results = Results(options.out)
    left_out = run(results, frameworks, tasks, rounds, threads, console, options.mixed)
    left_out += _no_part(options, tasks)
    console.print(f"{options.out}; python -m benchmarks report {options.out}")
    for line in left_out:
        print(f"benchmarks: not measured: {line}", file=sys.stderr)
    return int(bool(left_out))


def _no_part(options: argparse.Namespace, tasks: Sequence[str]) -> list[str]:
    """The frameworks that were named but take no part in a task that was named, or in any."""
    lines = []
    for name in dict.fromkeys(options.frameworks or ()):
        outside = [task for task in tasks if not applies(TASKS[task], name)]
        if outside and (options.tasks or len(outside) == len(tasks)):
            lines.append(f"{name} takes no part in {', '.join(outside)}")
    return lines


def _report(options: argparse.Namespace) -> int:
    from rich.console import Console

    from benchmarks import reporting
    from benchmarks.scaling import report as scaling

    results = _existing(options.file)
    swept = any(task in SWEEPS for task, _ in results.names())
    write = scaling.write_report if swept else reporting.write_report
    paths = write(results, options.out or options.file.with_suffix(""))
    if not swept:
        reporting.print_verdict(results, Console(highlight=False))
    for path in paths:
        print(path)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from benchmarks import comparing

    measuring = (options.frameworks, options.tasks, options.rounds, options.threads)
    if options.ref is None:
        if len(options.files) != 2 or any(value is not None for value in measuring):
            raise ValueError(
                "compare needs OLD NEW, or --ref COMMIT and the options that go with it"
            )
        old, new = map(_existing, options.files)
        return comparing.compare_files(old, new, options.factor, options.other_machine)
    if options.files or options.other_machine:
        raise ValueError("compare --ref measures on this machine; it needs no files")
    frameworks = _known(options.frameworks or comparing.FRAMEWORKS, CONTESTANTS, "framework")
    tasks = _known(options.tasks or comparing.TASKS, TASKS, "task")
    for name in frameworks:
        if outside := [task for task in tasks if not applies(TASKS[task], name)]:
            raise ValueError(f"{name} takes no part in {', '.join(outside)}")
    default = comparing.enough_rounds(len(frameworks) * len(tasks))
    rounds, threads = _rounds(options, default), _threads(options)
    return comparing.compare_with_commit(
        options.ref, frameworks, tasks, rounds, threads, options.factor
    )


def _scaling(options: argparse.Namespace) -> int:
    names = _known(options.sweeps or list(SWEEPS), SWEEPS, "sweep")
    rounds = _rounds(options, 2 if options.quick else 6)
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

    print("\n".join(listing()))
    return 0


def _rounds(options: argparse.Namespace, default: int) -> int:
    rounds: int = default if options.rounds is None else options.rounds
    if rounds < 1:
        raise ValueError(f"rounds {rounds}; expected 1 or more")
    return rounds


def _threads(options: argparse.Namespace) -> int:
    threads: int = processors() if options.threads is None else options.threads
    if not 1 <= threads <= processors():
        raise ValueError(f"threads {threads}; expected 1 to {processors()}")
    return threads


def _existing(path: Path) -> "Results":
    from benchmarks.measuring.results import Results

    if not path.is_file():
        raise ValueError(f"{path}: no such file; write one with python -m benchmarks run")
    return Results(path)


def _known(names: Sequence[str], known: Collection[str], kind: str) -> list[str]:
    for name in names:
        if name not in known:
            near = " or ".join(difflib.get_close_matches(name, known))
            hint = f"did you mean {near}?" if near else f"expected one of {', '.join(known)}"
            raise ValueError(f"unknown {kind} {name!r}; {hint}")
    return list(names)


if __name__ == "__main__":
    sys.exit(main())
