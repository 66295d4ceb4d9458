"""The explorer of two small runs, open in Chromium."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jaxae
from jaxae import Dataset, Source
from tests.browsers import Page, chromium

HOSTILE = ("</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", 'high, "low"')


class Explorer(NamedTuple):
    """An open page with two runs, ae and vae."""

    page: Page
    path: Path
    sources: list[Source]

    def at(self, side: int, x: float, y: float) -> tuple[float, float]:
        left, top = self.page.run(
            "toScreen(app.data.sides[arguments[0]], ...arguments[1])", side, [x, y]
        )
        return left, top

    def draw_path(self, *ends: tuple[float, float]) -> None:
        """Draw a path between two pixels, and wait for its geodesic."""
        self.page.find("[name=tool][value=path]").click()
        for end in ends:
            self.page.move(self.canvas(), end, drag=True)
        self.page.wait("app.path.search === null && !app.frame")

    def canvas(self, side: int = 0) -> Any:
        return self.page.driver.find_elements("css selector", ".plane")[side]


@contextmanager
def opened(runs: Path, data: Dataset, folder: Path) -> Iterator[Explorer]:
    """Write the explorer of two runs, with hostile names of classes, and start a browser."""
    data = dataclasses.replace(data, class_names=HOSTILE)
    sources = [Source(runs / name, data=data) for name in ("ae", "vae")]
    path = folder / "explorer.html"
    jaxae.explorer.write(sources, path)
    with chromium() as page:
        yield Explorer(page, path, sources)
