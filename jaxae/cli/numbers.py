"""Print the numbers of a report as tables in Markdown."""

from jaxae._utils.tables import markdown
from jaxae.analysis import NUMBERS, Report
from jaxae.cli.common import say


def show_numbers(report: Report) -> None:
    """Print a report's numbers, those of classes in a table of their own."""
    whole = [
        [name, str(report.numbers[name]), unit, words]
        for name, (unit, words) in NUMBERS.items()
        if name in report.numbers
    ]
    say(*markdown(["number", "value [95 % interval]", "unit", "what it is"], whole), "")
    names = list(dict.fromkeys(n.partition("/")[0] for n in report.numbers if "/" in n))
    rows = [
        [own, *(_cell(report, f"{name}/{own}") for name in names)] for own in report.class_names
    ]
    say(*markdown(["class", *names], rows), "")
    say(f"separate (purity of 0.9 or more): {', '.join(report.separate) or 'none'}")
    pairs = ", ".join(f"{a} and {b} {share:.2f}" for a, b, share in report.mixed)
    say(f"mixed (0.1 or more of each other's neighbours): {pairs or 'none'}", "")
    for reason in dict.fromkeys(report.undefined.values()):
        names = [name for name, own in report.undefined.items() if own == reason]
        say(f"undefined: {', '.join(names)} ({reason})")


def _cell(report: Report, name: str) -> str:
    return f"{report.numbers[name].value:.3g}" if name in report.numbers else "—"
