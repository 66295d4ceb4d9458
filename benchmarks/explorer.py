"""Measure how soon the explorer's page shows its cloud, and how many frames a second it draws.

python -m benchmarks.explorer runs/mnist runs/vae > benchmarks/results/MACHINE/explorer.md

Chromium opens the page of one run or two from the disk, without a window and without a GPU, so the
processors rasterise, too. The driver sends the events of a mouse, about one for each frame.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from rich.console import Console

import jaxae
from benchmarks.measuring.identity import Machine, describe
from benchmarks.measuring.machine import processors, warn_if_busy
from benchmarks.measuring.provenance import provenance
from benchmarks.reporting.markdown import table
from tests.browsers import Page, chromium

_OPENED = 9  # times
_MOVED = 5  # times, of each kind
_STEPS = 240  # of a move: four seconds at 60 frames a second, the most that Chromium draws

# The time at which the cloud has been drawn, in milliseconds since the page was asked for.
_WATCH_OPENING = """
requestAnimationFrame(function look() {
  if (document.body?.dataset.ready && !app.frame) window.drawnAt = performance.now();
  else requestAnimationFrame(look);
});
"""
# The times of all frames, and of those in which the page draws: after a move. On a busy machine the
# driver sends fewer moves than there are frames.
_WATCH_FRAMES = """
[window.all, window.drawn] = [[], []];
window.watching = requestAnimationFrame(function look() {
  all.push(performance.now());
  if (app.frame) drawn.push(all.at(-1));
  window.watching = requestAnimationFrame(look);
});
"""


def main(args: Sequence[str] | None = None) -> None:
    """Print the conditions and a table as Markdown."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explorer", description="Measure the explorer's page."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="one run, or two")
    runs = parser.parse_args(args).runs
    busy = warn_if_busy(processors(), Console(stderr=True, soft_wrap=True))
    try:
        with tempfile.TemporaryDirectory() as folder, chromium() as page:
            path = Path(folder) / "explorer.html"
            jaxae.explorer.write([jaxae.Source(run) for run in runs], path)
            rows = [*_opening(page, path), *_moving(page)]
            version, width = page.driver.capabilities["browserVersion"], page.run("innerWidth")
            size, points = path.stat().st_size / 1e6, page.run("app.data.count")
    except (ValueError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    conditions = {
        "command": f"python -m benchmarks.explorer {' '.join(map(str, runs))}",
        "machine": Machine(describe(), {}, processors()).name,
        "browser": f"Chromium {version}, headless, no GPU",
        "page": f"{size:.2f} MB, {points:,} points in each of {len(runs)} planes, "
        f"{width} pixels wide",
        "commit": provenance().get("commit", "unknown"),
        **busy,
    }
    lines = "".join(f"- {name}: {value}\n" for name, value in conditions.items())
    columns = ["", "median", "best", "worst"]
    sys.stdout.write(f"# Speed of the explorer\n\n{lines}\n{table(columns, rows)}")


def _opening(page: Page, path: Path) -> list[list[str]]:
    """Open the page again and again; return the rows of the first paint and of the cloud."""
    page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH_OPENING})
    times = []
    for _ in range(_OPENED):
        page.open(path)
        page.wait("window.drawnAt")
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        times.append(page.run(f"[{paint}, drawnAt]"))
    names = ("first contentful paint, ms", "cloud drawn, ms")
    columns = zip(*times, strict=True)
    return [_row(name, column, high=False) for name, column in zip(names, columns, strict=True)]


def _moving(page: Page) -> list[list[str]]:
    """Point, drag and zoom; return the rows of frames a second and of the longest frame."""
    canvas = page.find(".plane")
    width, height = canvas.rect["width"], canvas.rect["height"]
    stops = [
        (width * (0.5 + 0.3 * math.sin(k / 20)), height * (0.5 + 0.3 * math.sin(k / 13)))
        for k in range(_STEPS)
    ]
    kinds: dict[str, Callable[[], None]] = {
        "pointer": lambda: page.move(canvas, *stops),
        "drag": lambda: page.move(canvas, *stops, drag=True),
        "wheel": lambda: _zoom(page),
    }
    rows = []
    for name, move in kinds.items():
        rates, drawing, longest = [], [], []
        for _ in range(_MOVED):
            page.driver.execute_script(_WATCH_FRAMES)
            move()
            times, drawn = page.run("(cancelAnimationFrame(watching), [all, drawn])")
            during = [time for time in times if drawn[0] <= time <= drawn[-1]]
            rates.append(_rate(during))
            drawing.append(_rate(drawn))
            longest.append(max(b - a for a, b in pairwise(during)))
            page.find("#reset").click()
            page.settle()
        rows.append(_row(f"{name}: frames a second", rates, high=True))
        rows.append(_row(f"{name}: of these, after a move", drawing, high=True))
        rows.append(_row(f"{name}: longest frame, ms", longest, high=False))
    return rows


def _rate(times: Sequence[float]) -> float:
    """Events a second, of times in milliseconds."""
    return 1000 * (len(times) - 1) / (times[-1] - times[0])


def _zoom(page: Page) -> None:
    """Turn the wheel over the first plane, as long as the other moves take."""
    x, y = page.run(
        "(({left, top, width, height}) => [left + width / 2, top + height / 2])"
        "(document.querySelector('.plane').getBoundingClientRect())"
    )
    gesture = {"x": x, "y": y, "yDistance": 10 * _STEPS, "speed": 600}  # pixels and pixels/s
    page.driver.execute_cdp_cmd(
        "Input.synthesizeScrollGesture", gesture | {"gestureSourceType": "mouse"}
    )


def _row(name: str, values: Sequence[float], high: bool) -> list[str]:
    """A row of the table; the best value is the highest, or the lowest."""
    best, *_, worst = sorted(values, reverse=high)
    return [name, *(f"{value:.0f}" for value in (statistics.median(values), best, worst))]


if __name__ == "__main__":
    main()
