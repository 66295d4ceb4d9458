"""Processes that found the machine in a slow state: they are kept, repeated, and do not count."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.measuring import state
from benchmarks.measuring.results import Results
from benchmarks.measuring.rounds import Job, Outcomes, measure_jobs
from benchmarks.measuring.spawn import WorkerError


@pytest.mark.parametrize(
    ("known", "times", "expected"),
    [
        ([0.02] * 10, (0.02, 0.03), 1.5),  # Slow at the end.
        ([0.02] * 10, (0.04, 0.02), 2.0),  # Slow at the start.
        ([0.01, 0.02, 0.09] * 4, (0.02, 0.02), 1.0),  # Relative to the median.
        ([0.02] * 9, (0.04, 0.04), 1.0),  # Too few to know the median.
        ([0.02] * 10, (), 1.0),
    ],
)
def test_a_slowdown_is_relative_to_the_median_of_the_kernel(
    known: list[float], times: tuple[float, ...], expected: float
) -> None:
    outcome = dict(zip(state.KEYS, times, strict=False))
    assert state.slowdown([outcome, {}], known) == pytest.approx(expected)


def test_the_kernel_takes_a_moment() -> None:
    assert 1e-5 < state.kernel_seconds() < 10


def jobs_of(groups: Sequence[str], rounds: int) -> list[Job]:
    return [
        Job(number, group, (f"{group}-a", f"{group}-b"), name)
        for group in groups
        for number in range(rounds)
        for name in ("one", "two")
    ]


class Machine:
    """Answers every job in a second; the kernel of round 5 takes as long as is said, in turn."""

    def __init__(self, *slow: float):
        self.slow, self.ran = list(slow), 0

    def __call__(self, job: Job) -> Outcomes:
        self.ran += 1
        is_slow = self.slow and job.round == 5 and job.framework == "one"
        time = self.slow.pop(0) if is_slow else 0.02
        # No two processes take exactly as long.
        reference = {key: time + 1e-9 * self.ran for key in state.KEYS}
        return {task: {"values": [1.0 * self.ran], "loops": 1} | reference for task in job.tasks}


@pytest.mark.parametrize(
    ("slow", "flagged", "counts"),
    [
        ((), [], 11.0),
        ((0.03,), [11.0], 13.0),
        ((0.03, 0.03), [11.0, 13.0], 14.0),
        # The last of three tries counts.
        ((0.03, 0.03, 0.03), [11.0, 13.0], 14.0),
        # Idle machines vary by 5 %.
        ((0.021,), [], 11.0),
    ],
)
def test_a_process_on_a_slow_machine_is_repeated_and_kept(
    slow: tuple[float, ...], flagged: list[float], counts: float, tmp_path: Path
) -> None:
    machine, printed = Machine(*slow), io.StringIO()
    results = Results(tmp_path / "r.json")
    measure_jobs(results, jobs_of(["g"], 6), machine, {}, Console(file=printed, width=200))
    assert machine.ran == 12 + len(flagged)
    results = Results(tmp_path / "r.json")
    assert [p.seconds for p in results.slow_processes("g-a", "one")] == flagged
    assert [p.round for p in results.processes("g-a", "one")] == list(range(6))
    assert results.processes("g-a", "one")[-1].seconds == counts
    assert results.has("g-a", "one", 5)
    assert printed.getvalue().count("round 6, g one") == 1 + len(flagged)


def test_nothing_is_repeated_on_a_busy_machine(tmp_path: Path) -> None:
    machine, results = Machine(*[0.03] * 3), Results(tmp_path / "r.json")
    busy = {"busy": "load average 3.0 on 2 processors"}
    measure_jobs(results, jobs_of(["g"], 6), machine, busy, Console(file=io.StringIO()))
    assert machine.ran == 12 and results.slow_processes("g-a", "one") == []


def test_a_round_that_was_interrupted_while_repeating_is_measured_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    results.add("train", "flax", {"values": [1.0], "loops": 1, "round": 0, "slow": 1})
    assert not results.has("train", "flax", 0) and results.names() == []


def test_tables_are_shown_after_the_first_round_of_a_group_and_when_it_is_done(
    tmp_path: Path,
) -> None:
    done = 0
    shown: list[tuple[int, tuple[str, ...]]] = []

    def measure(job: Job) -> Outcomes:
        nonlocal done
        done += 1
        if job.framework == "two" and job.group == "h":
            raise WorkerError("signal SIGSEGV")
        return {task: {"values": [1.0], "loops": 1} for task in job.tasks}

    def show(tasks: Sequence[str]) -> None:
        shown.append((done, tuple(tasks)))

    results, console = Results(tmp_path / "r.json"), Console(file=io.StringIO())
    measure_jobs(results, jobs_of(["g", "h"], 3), measure, {}, console, show=show)
    # A framework that failed is not measured again, but its group is shown all the same.
    expected = [(2, "g"), (6, "g"), (8, "h"), (10, "h")]
    assert shown == [(count, (f"{group}-a", f"{group}-b")) for count, group in expected]
