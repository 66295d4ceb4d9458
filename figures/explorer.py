"""Take the picture of the explorer in the README: `python -m figures.explorer`, or `make figures`.

It needs Debian's packages chromium and chromium-driver.
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import jaxae
from figures.draw import AE, FOLDER, RUNS, VAE
from tests.browsers import chromium

# A held point in a gap, and a path from a 7 to a 1.
_STATE = "layer=gaps&probe=0+13+-4&path=0+11+2+13+-10"
_SEVEN = ((0.3, 0.25), (0.7, 0.25), (0.6, 0.5), (0.45, 0.8))  # drawn, as fractions of the box
_SIZE = (1200, 700)  # pixels of the window
_HEIGHT = 998  # pixels of the picture, which shows more than the window


def main() -> None:
    """Write the explorer of both runs into a temporary file, draw a 7 in it, and take a picture."""
    sources = [jaxae.Source(RUNS / AE), jaxae.Source(RUNS / VAE)]
    with tempfile.TemporaryDirectory() as folder, chromium() as page:
        path = Path(folder) / "explorer.html"
        jaxae.explorer.write(sources, path)
        command = page.driver.execute_cdp_cmd
        window = {"width": _SIZE[0], "height": _SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        command("Emulation.setDeviceMetricsOverride", window)
        command("Emulation.setScrollbarsHidden", {"hidden": True})
        page.open(path, _STATE)
        pad = page.find("#pad")
        side = pad.rect["width"]
        page.move(pad, *((side * x, side * y) for x, y in _SEVEN), drag=True)
        page.wait("!app.path.search && !app.frame")  # The geodesic is found.
        clip = {"x": 0, "y": 0, "width": _SIZE[0], "height": _HEIGHT, "scale": 1}
        taken = command("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    picture = FOLDER / "explorer.png"
    with Image.open(io.BytesIO(base64.b64decode(taken["data"]))) as image:
        image.convert("RGB").quantize(256, kmeans=1).save(picture, optimize=True)
    print(picture)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"figures.explorer: {error}")
