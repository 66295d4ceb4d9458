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
from benchmarks.options import parser
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
    options = parser().parse_args(args)
    try:
        return _COMMANDS[options.command](options)
    except (ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"benchmarks: {error}; pip install -e '.[bench]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    defaults = (QUICK_FRAMEWORKS, QUICK_TASKS) if options.quick else (CONTESTANTS, TASKS)
    frameworks = _known(options.frameworks or list(defaults[0]), CONTESTANTS, "framework")
    tasks = _known(options.tasks or list(defaults[1]), TASKS, "task")
    # Ten rounds can tell rows of a table of 26 from each other, nine those of a table of 13.
    rounds, threads = _rounds(options, 9 if options.quick else 10), _threads(options)
    from rich.console import Console

    from benchmarks.measuring.results import Results
    from benchmarks.measuring.runner import run
    from benchmarks.reporting import print_tables

    console = Console(highlight=False, soft_wrap=True)
    results = Results(options.out)

    def show(done: Sequence[str]) -> None:
        print_tables(results, done, console)

    left_out = run(results, frameworks, tasks, rounds, threads, console, options.mixed, show)
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


_COMMANDS = {
    "run": _run,
    "report": _report,
    "compare": _compare,
    "scaling": _scaling,
    "list": _list,
}

if __name__ == "__main__":
    sys.exit(main())
