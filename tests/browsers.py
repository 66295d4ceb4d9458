"""Debian's Chromium, driven by Selenium, without a network; a picture by Debian's Firefox."""

import base64
import importlib.resources
import io
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import websocket
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

import jaxae
from jaxae.analysis import Embedding

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1400,1300",
)
_PATIENCE = 30.0  # seconds


class Page:
    """A page in a browser.

    Attributes:
      driver: Selenium's driver of the browser.
    """

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver

    def open(self, path: Path, state: str = "") -> None:
        """Open a file, and wait until the page has read its data."""
        self.driver.get("about:blank")
        self.driver.get(f"{path.resolve().as_uri()}#{state}")
        self.wait("document.body.dataset.ready")

    def run(self, script: str, *args: Any) -> Any:
        """Return the value of a JavaScript expression; args are its `arguments`."""
        return self.driver.execute_script(f"return {script}", *args)

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def pixels(self, canvas: str) -> npt.NDArray[np.float64]:
        """Return what a canvas, given as an expression, shows: (height, width, RGBA), 0 to 1."""
        _, _, data = self.run(f"{canvas}.toDataURL()").partition(",")
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGBA")) / 255

    def settle(self) -> None:
        """Wait for the next frame, in which the page draws."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def move(self, element: WebElement, *stops: tuple[float, float], drag: bool = False) -> None:
        """Move the pointer from stop to stop, in pixels from an element's corner."""
        width, height = element.rect["width"], element.rect["height"]
        actions = ActionChains(self.driver, duration=0)
        for k, (left, top) in enumerate(stops):
            place = (round(left - width / 2), round(top - height / 2))
            actions.move_to_element_with_offset(element, *place)
            if drag and k == 0:
                actions.click_and_hold()
        if drag:
            actions.release()
        actions.perform()
        self.settle()

    def problems(self) -> list[str]:
        """What the browser's console has, since the last call."""
        found = [str(entry["message"]) for entry in self.driver.get_log("browser")]
        # The tests read canvases more often than the page does.
        return [message for message in found if "willReadFrequently" not in message]

    def violations(self) -> list[str]:
        """The rules of axe-core that the page violates."""
        axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js")
        self.driver.execute_script(axe.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "axe.run().then((result) => arguments[0](result.violations))"
        )
        return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found]


@contextmanager
def chromium() -> Iterator[Page]:
    """Start Chromium."""
    options = Options()
    options.binary_location = path_of("chromium")
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With the path given, Selenium downloads no driver.
    driver = webdriver.Chrome(options=options, service=Service(path_of("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()


def check_computations(page: Page, side: int, embedding: Embedding) -> None:
    """Check that an explorer decodes 200 points, and encodes 200 images, as jaxae does."""

    def computed(layers: str, rows: npt.NDArray[Any]) -> Any:
        evaluated = f"[...evaluate(app.data.sides[{side}].{layers}, Float32Array.from(x))]"
        return page.run(f"arguments[0].map((x) => {evaluated})", rows.tolist())

    rng = np.random.default_rng(0)
    low, high = embedding.z.min(axis=0), embedding.z.max(axis=0)
    z = rng.uniform(low, high, (200, 2)).astype(np.float32)
    expected = jaxae.decode(embedding.model, z).reshape(200, -1)
    np.testing.assert_allclose(computed("decoder", z), expected, atol=2e-3)
    images = np.asarray(embedding.dataset.train.images)[:200]
    encoded = computed("encoder", images.reshape(200, -1) / 255)
    extent = float(np.ptp(embedding.z, axis=0).max())
    np.testing.assert_allclose(encoded, jaxae.encode(embedding.model, images), atol=1e-2 * extent)


def firefox_picture(path: Path, profile: Path) -> Image.Image:
    """Open an explorer in Firefox, wait until it shows its data, and return a picture of it.

    Debian has no driver for Firefox, so this speaks WebDriver BiDi with the browser itself.
    """
    options = ("--headless", "--remote-debugging-port=0", "--profile", str(profile))
    firefox = subprocess.Popen(
        [path_of("firefox-esr"), *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert firefox.stderr
    try:
        lines = (line.decode() for line in firefox.stderr)
        address = next(line.split()[-1] for line in lines if "BiDi listening on" in line)
        socket = websocket.create_connection(
            f"{address}/session", timeout=_PATIENCE, suppress_origin=True
        )

        def ask(method: str, **params: Any) -> Any:
            socket.send(json.dumps({"id": 1, "method": method, "params": params}))
            answer = json.loads(socket.recv())
            assert answer["type"] == "success", answer
            return answer["result"]

        ask("session.new", capabilities={})
        context = ask("browsingContext.getTree")["contexts"][0]["context"]
        ask("browsingContext.navigate", context=context, url=path.as_uri(), wait="complete")
        ready = "document.body.dataset.ready && !app.frame"
        drawn = f"new Promise((done) => setInterval(() => {ready} && done(true), 20))"
        ask("script.evaluate", expression=drawn, target={"context": context}, awaitPromise=True)
        data = ask("browsingContext.captureScreenshot", context=context)["data"]
        socket.close()
        return Image.open(io.BytesIO(base64.b64decode(data)))
    finally:
        firefox.terminate()
        firefox.wait(_PATIENCE)
        firefox.stderr.close()


def path_of(program: str) -> str:
    """Return the path of a program.

    Raises:
      FileNotFoundError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        packages = "chromium chromium-driver firefox-esr"
        raise FileNotFoundError(f"{program} is missing; apt-get install {packages}")
    return found
