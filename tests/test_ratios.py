"""Ratios and their intervals, against SciPy's tests and simulated measurements."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from benchmarks.measuring.results import Process
from benchmarks.stats import (
    LEVEL,
    Ratio,
    least_rounds,
    median_interval,
    median_seconds,
    paired_ratio,
    spread,
    unpaired_ratio,
)
from benchmarks.stats.ratios import Floats


def processes(*seconds: float) -> list[Process]:
    return [Process(number, (value,), {}) for number, value in enumerate(seconds)]


def simulated(rng: np.random.Generator, rows: int, rounds: int, slow: float = 1 / 8) -> Floats:
    """Seconds of identical rows: drift, heavy tails, and a share of processes in a slow state."""
    drift = rng.normal(0, 0.02, rounds)
    noise = 0.01 * rng.standard_t(3, (rows, rounds))
    state = np.where(rng.random((rows, rounds)) < slow, 1.38, 1.0)
    seconds: Floats = np.exp(drift + noise) * state
    return seconds


def test_statistics_of_numbers_by_hand() -> None:
    process = Process(0, (9.0, 1.0, 2.0), {})
    assert process.seconds == 2
    assert median_seconds(processes(1, 9, 2)) == 2
    assert spread(processes(1, 9, 2)) == 4
    # Of the nine ratios 4, 2, 4; 2, 1, 2; 400, 200, 400.
    assert unpaired_ratio(processes(4, 2, 400), processes(1, 2, 1)).median == 4


def test_a_ratio_pairs_the_processes_of_a_round() -> None:
    drift = np.linspace(1, 5, 8)  # A machine that slows down fivefold.
    ratio = paired_ratio(processes(*3 * drift), processes(*drift)[::-1])
    assert ratio is not None and ratio.significant
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((3, 3, 3))
    assert paired_ratio(processes(1.0), []) is None


@pytest.mark.parametrize("comparisons", [1, 3, 12])
@pytest.mark.parametrize("n", [5, 6, 9, 10, 11, 30])
def test_the_interval_of_a_median_is_scipys(n: int, comparisons: int) -> None:
    values = np.random.default_rng(n).standard_cauchy(n)
    theirs = scipy_stats.quantile_test(values, p=0.5).confidence_interval(1 - LEVEL / comparisons)
    median, low, high = median_interval(values, comparisons)
    assert median == np.median(values)
    if n < least_rounds(comparisons):
        assert low is None and high is None and math.isnan(theirs.low)
    else:
        assert (low, high) == (theirs.low, theirs.high)


@pytest.mark.parametrize(("m", "n", "comparisons"), [(4, 4, 1), (5, 9, 2), (9, 9, 40), (12, 10, 1)])
def test_the_interval_of_independent_samples_contains_what_mann_and_whitneys_test_accepts(
    m: int, n: int, comparisons: int
) -> None:
    rng = np.random.default_rng(m)
    new, old = 1.3 * rng.lognormal(0, 0.2, m), rng.lognormal(0, 0.2, n)
    ratio = unpaired_ratio(processes(*new), processes(*old), comparisons)
    assert ratio.low is not None and ratio.high is not None
    inside = {ratio.low * 0.999: False, ratio.low * 1.001: True}
    inside |= {ratio.high * 0.999: True, ratio.high * 1.001: False}
    for value, accepted in inside.items():
        p_value = scipy_stats.mannwhitneyu(new / value, old, method="exact").pvalue
        assert (p_value > LEVEL / comparisons) == accepted


@pytest.mark.parametrize("comparisons", [1, 4])
def test_the_verdict_is_that_of_the_test(comparisons: int) -> None:
    rng = np.random.default_rng(comparisons)
    verdicts = set()
    for _ in range(100):
        new, old = rng.lognormal(0.1, 0.1, 10), rng.lognormal(0, 0.1, 10)
        paired = paired_ratio(processes(*new), processes(*old), comparisons)
        unpaired = unpaired_ratio(processes(*new), processes(*old), comparisons)
        assert paired is not None
        p_values = (
            scipy_stats.binomtest(int(np.sum(new > old)), 10).pvalue,
            scipy_stats.mannwhitneyu(new, old, method="exact").pvalue,
        )
        for ratio, p_value in zip((paired, unpaired), p_values, strict=True):
            assert ratio.significant == (p_value <= LEVEL / comparisons)
            verdicts.add(ratio.verdict)
    assert verdicts == {"slower", "≈"}


def test_nine_rounds_serve_twelve_comparisons_and_ten_serve_25() -> None:
    assert [least_rounds(m) for m in (1, 12, 13, 25, 26)] == [6, 9, 10, 10, 11]
    for rounds, verdict in ((8, "too few rounds"), (9, "slower")):
        ratio = paired_ratio(processes(*[2.0] * rounds), processes(*[1.0] * rounds), 12)
        assert ratio is not None and ratio.verdict == verdict
    # Nine processes against nine reach 2 / C(18, 9) = 4.1e-5.
    nine = processes(*[2.0] * 9), processes(*[1.0] * 9)
    assert [unpaired_ratio(*nine, m).verdict for m in (1215, 1216)] == ["slower", "too few rounds"]


def test_ties_are_no_evidence_of_a_difference() -> None:
    same = processes(*[1.0] * 9)
    paired, unpaired = paired_ratio(same, same), unpaired_ratio(same, same)
    assert paired == Ratio(1, 1, 1, 9) and unpaired == paired and unpaired.verdict == "≈"


@pytest.mark.parametrize(
    ("low", "high", "verdict", "text"),
    [
        (1.012, 1.2, "slower", "1.10 [1.01, 1.20]"),
        (1.0004, 1.2, "slower", "1.1000 [1.0004, 1.2000]"),
        (0.9, 0.998, "faster", "1.100 [0.900, 0.998]"),
        (0.99, 1.2, "≈", "1.10 [0.99, 1.20] ≈"),
        (1.0, 1.2, "≈", "1.10 [1.00, 1.20] ≈"),
        (None, None, "too few rounds", "1.10 ≈"),
    ],
)
def test_the_printed_interval_agrees_with_the_verdict(
    low: float | None, high: float | None, verdict: str, text: str
) -> None:
    ratio = Ratio(1.1, low, high, 8)
    assert (ratio.verdict, str(ratio)) == (verdict, text)
    assert ratio.significant == (verdict in ("slower", "faster"))


def test_identical_code_differs_in_at_most_one_table_of_twenty() -> None:
    """All rows of a table are compared with the same baseline, as in a report."""
    rng = np.random.default_rng(0)
    tables, false = 200, 0
    for _ in range(tables):
        base, *others = (processes(*row) for row in simulated(rng, 13, rounds=9))
        ratios = [paired_ratio(row, base, len(others)) for row in others]
        assert all(ratio is not None and ratio.low is not None for ratio in ratios)
        false += any(ratio is not None and ratio.significant for ratio in ratios)
    # With a chance of 5 % each, more would have a chance below 1 in 1000.
    assert false <= scipy_stats.binom.isf(1e-3, tables, LEVEL)


def test_the_same_code_under_a_second_name_differs_in_none_of_twenty_tables() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        again, base = (processes(*row) for row in simulated(rng, 2, rounds=10))
        ratio = paired_ratio(again, base, 12)
        assert ratio is not None and ratio.verdict == "≈"


@pytest.mark.parametrize(("slow", "percent"), [(0, 90), (1 / 30, 80), (1 / 8, 50)])
def test_a_difference_of_5_percent_is_found(slow: float, percent: int) -> None:
    """In a table of 3 rows and 11 rounds, as of `compare --ref`, one round may disagree."""
    rng = np.random.default_rng(2)
    paired = unpaired = 0
    for _ in range(100):
        seconds, base = simulated(rng, 2, 11, slow)
        both = processes(*1.05 * seconds), processes(*base)
        ratio = paired_ratio(*both, 3)
        paired += ratio is not None and ratio.verdict == "slower"
        unpaired += unpaired_ratio(*both, 3).verdict == "slower"
    assert min(paired, unpaired) >= percent, (paired, unpaired)
