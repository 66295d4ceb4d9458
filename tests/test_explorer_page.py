"""The explorer in browsers: it opens from the disk, and does what it says."""

import base64
import csv
import io
import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
from matplotlib.path import Path as Outline
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import jaxae
from jaxae import ModelConfig, create_model
from jaxae.explorer.contents import as_json
from jaxae.explorer.network import layers_of
from jaxae.plots.colours import TEN
from tests.browsers import Page, check_computations, firefox_picture
from tests.explorers import HOSTILE, Explorer

pytestmark = pytest.mark.slow


def test_names_are_shown_as_text(explorer: Explorer) -> None:
    page = explorer.page
    labels = page.run("[...document.querySelectorAll('#classes label')].map((l) => l.textContent)")
    assert labels == list(HOSTILE)
    assert page.run("document.querySelectorAll('img').length") == 0
    assert "360 embeddings in 3 classes" in page.find("#summary").text


@pytest.mark.parametrize("side", [0, 1])
def test_the_page_encodes_and_decodes_as_jaxae_does(explorer: Explorer, side: int) -> None:
    check_computations(explorer.page, side, explorer.sources[side].embedding)


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(architecture="conv", hidden_dim=8, activation="gelu"),
        ModelConfig(hidden_dim=(8, 6), activation="silu"),
        ModelConfig(hidden_dim=8, activation="tanh"),
    ],
    ids=str,
)
def test_the_page_evaluates_every_layer(explorer: Explorer, config: ModelConfig) -> None:
    model = create_model(config, (5, 7, 3), 0)
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(1, 5, 7, 3)).astype(np.float32)
    z = rng.normal(size=(1, 2)).astype(np.float32)
    expected = (jaxae.encode(model, image), jaxae.decode(model, z))
    for layers, x, y in zip(layers_of(model), (image, z), expected, strict=True):
        found = explorer.page.driver.execute_async_script(
            "const [layers, x, done] = arguments;"
            "unpackLayers(layers).then((read) => done([...evaluate(read, Float32Array.from(x))]))",
            [as_json(layer, 1.0) for layer in layers],
            x.ravel().tolist(),
        )
        np.testing.assert_allclose(found, y.ravel(), atol=1e-4)
    found = explorer.page.driver.execute_async_script(
        "const [layers, z, done] = arguments;"
        "const axes = [[1, 0], [0, 1]].map((axis) => Float32Array.from(axis));"
        "unpackLayers(layers).then((read) => differentiate(read, Float32Array.from(z), axes))"
        ".then(({ value, slopes }) => done([value, ...slopes].map((column) => [...column])))",
        [as_json(layer, 1.0) for layer in layers_of(model)[1]],
        z.ravel().tolist(),
    )
    slopes = jax.jacfwd(model.decoder)(z[0]).reshape(-1, 2)
    np.testing.assert_allclose(np.transpose(found[1:]), slopes, atol=1e-5)
    np.testing.assert_allclose(found[0], expected[1].ravel(), atol=1e-4)


def test_the_pointer_decodes_and_finds_the_nearest(explorer: Explorer) -> None:
    page, source = explorer.page, explorer.sources[0]
    x, y = source.embedding.z.mean(axis=0)
    page.move(explorer.canvas(), explorer.at(0, float(x), float(y)))
    probe = page.run("app.probe")
    assert probe["side"] == 0
    # The pointer moves by whole pixels.
    assert abs(probe["x"] - x) * page.run("app.data.sides[0].view.scale") < 2
    distance = np.hypot(*(source.embedding.z - [probe["x"], probe["y"]]).T)
    assert page.run("app.found.distance") == pytest.approx(distance.min(), rel=0.05)
    assert page.run("app.found.index") in np.argsort(distance)[:3]
    page.wait("app.data.sides[0].status.textContent")
    words = page.run("app.data.sides[0].status.textContent")
    in_gap = distance.min() > jaxae.analysis.gap_radius(jaxae.LECTURE_BOX)
    assert HOSTILE[page.run("app.data.labels[app.found.index]")] in words
    assert ("in a gap" in words) == in_gap
    shown = page.pixels("app.data.sides[0].decoded")
    decoded = jaxae.decode(source.embedding.model, [[probe["x"], probe["y"]]])[0]
    np.testing.assert_allclose(shown[..., 0], decoded, atol=6e-3)


def test_a_point_far_from_the_cloud_is_in_a_gap(explorer: Explorer) -> None:
    explorer.page.run("setProbe({side: 0, x: 100, y: 0})")
    explorer.page.settle()
    facts = explorer.page.find(".readout dl").text
    assert "in a gap" in facts


def test_keys_move_the_probe_and_zoom(explorer: Explorer) -> None:
    page = explorer.page
    canvas = explorer.canvas(1)
    page.run("app.data.sides[1].canvas.focus()")
    canvas.send_keys(Keys.ARROW_RIGHT)
    start = page.run("app.probe")
    assert start["side"] == 1
    canvas.send_keys(Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    moved = page.run("app.probe")
    scale = page.run("app.data.sides[1].view.scale")
    assert (moved["x"] - start["x"]) * scale == pytest.approx(16)
    assert (moved["y"] - start["y"]) * scale == pytest.approx(8)
    canvas.send_keys("+")
    assert page.run("app.data.sides[1].view.scale") == pytest.approx(1.25 * scale)
    canvas.send_keys("0")
    assert page.run("app.data.sides[1].view.scale") == pytest.approx(scale)
    assert page.run("app.held")
    canvas.send_keys(Keys.ESCAPE)
    assert not page.run("app.held")


def test_a_class_that_is_off_turns_grey(explorer: Explorer) -> None:
    page = explorer.page

    def colours() -> set[tuple[int, ...]]:
        pixels = 255 * page.pixels("app.data.sides[0].bitmap.canvas").reshape(-1, 4)
        return {tuple(map(int, c)) for c in np.unique(pixels[pixels[:, 3] > 120][:, :3], axis=0)}

    def near(hexa: str, found: set[tuple[int, ...]]) -> bool:
        wanted = np.array([int(hexa[k : k + 2], 16) for k in (1, 3, 5)])
        return any(np.abs(wanted - c).max() < 6 for c in found)

    assert all(near(colour, colours()) for colour in TEN[:3])
    page.find("#classes input").click()
    page.settle()
    found = colours()
    assert not near(TEN[0], found) and near(TEN[1], found) and near("#b9c0c8", found)
    page.find("#none").click()
    assert page.run("app.on") == [False] * 3
    page.find("#all").click()
    assert page.run("app.on") == [True] * 3


def test_names_at_the_same_place_are_moved_apart(explorer: Explorer) -> None:
    page = explorer.page
    page.run("(app.data.sides[0].medians = [[0, 0], [0, 0], [0, 0]])")
    names = page.run("namesOf(app.data.sides[0])")
    assert [name["name"] for name in names] == list(HOSTILE)
    left, top, width = (np.array([name[key] for name in names]) for key in ("left", "top", "width"))
    middle = explorer.at(0, 0, 0)
    for i, j in itertools.combinations(range(3), 2):
        beside = abs(left[i] - left[j]) > (width[i] + width[j]) / 2 - 1
        assert beside or abs(top[i] - top[j]) > 15
    assert np.hypot(left - middle[0], top - middle[1]).max() < 40


def test_the_wheel_zooms_at_the_pointer_and_a_drag_pans(explorer: Explorer) -> None:
    page, canvas = explorer.page, explorer.canvas()
    page.move(canvas, (300, 200))
    before = page.run("toPlane(app.data.sides[0], 300, 200)")
    scale = page.run("app.data.sides[0].view.scale")
    page.run(
        "app.data.sides[0].canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -200, clientX:"
        "app.data.sides[0].canvas.getBoundingClientRect().left + 300, clientY:"
        "app.data.sides[0].canvas.getBoundingClientRect().top + 200, cancelable: true}))"
    )
    assert page.run("app.data.sides[0].view.scale") == pytest.approx(scale * np.exp(0.3))
    pixel = 1 / page.run("app.data.sides[0].view.scale")
    np.testing.assert_allclose(page.run("toPlane(app.data.sides[0], 300, 200)"), before, atol=pixel)
    page.move(canvas, (300, 200), (320, 200), (340, 250), drag=True)
    np.testing.assert_allclose(page.run("toPlane(app.data.sides[0], 340, 250)"), before, atol=pixel)


def test_two_fingers_zoom(explorer: Explorer) -> None:
    page = explorer.page
    scale = page.run("app.data.sides[0].view.scale")
    page.driver.execute_script("window.scrollTo(0, 0)")
    box = page.run("app.data.sides[0].canvas.getBoundingClientRect().toJSON()")

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["left"] + left, "y": box["top"] + top, "id": k}
            for k, (left, top) in enumerate(places)
        ]
        page.driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )

    touch("touchStart", (200, 200))
    touch("touchStart", (200, 200), (300, 200))
    touch("touchMove", (200, 200), (400, 200))
    touch("touchEnd")
    assert page.run("app.data.sides[0].view.scale") == pytest.approx(2 * scale, rel=0.02)


def test_a_lasso_selects_what_it_encloses(explorer: Explorer) -> None:
    page, source = explorer.page, explorer.sources[0]
    page.find("[name=tool][value=lasso]").click()
    corners = [(60.0, 60.0), (400.0, 80.0), (380.0, 420.0), (90.0, 330.0)]
    page.move(explorer.canvas(), *corners, drag=True)
    outline = page.run("app.lasso.points")
    assert len(outline) >= 4
    inside = np.flatnonzero(Outline([*outline, outline[0]]).contains_points(source.embedding.z))
    rows = list(csv.DictReader(io.StringIO(page.run("csvOf()"))))
    selected = [int(row["index"]) + 300 * (row["split"] == "test") for row in rows]
    # Coordinates are rounded in the file.
    assert len(set(selected) ^ set(inside.tolist())) <= 1 and 10 < len(selected) < 360
    assert [row["class"] for row in rows] == [
        HOSTILE[label] for label in source.embedding.labels[selected]
    ]
    assert float(rows[0]["x ae"]) == pytest.approx(source.embedding.z[selected[0], 0], abs=1e-4)
    assert f"{len(rows)} selected" in page.find("#selected").text
    page.find("#unselect").click()
    assert page.run("app.selection.length") == 0


def test_a_drawing_is_centred_encoded_and_decoded(explorer: Explorer) -> None:
    page, source = explorer.page, explorer.sources[0]
    pad = page.find("#pad")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
    page.move(pad, (20, 20), (22, 40), (24, 90), drag=True)
    image = (255 * page.pixels("document.getElementById('entered')")[..., 0]).astype(np.uint8)
    y, x = np.indices(image.shape) + 0.5
    centre = [float((axis * image).sum() / image.sum()) for axis in (x, y)]
    np.testing.assert_allclose(centre, [3, 4], atol=0.6)
    assert np.ptp(np.flatnonzero(image.max(axis=1) > 60)) + 1 in (5, 6, 7)  # 20/28 of eight
    z = jaxae.encode(source.embedding.model, image[None])[0]
    extent = float(np.ptp(source.embedding.z, axis=0).max())
    np.testing.assert_allclose(page.run("app.drawing.at[0]"), z, atol=1e-2 * extent)
    assert page.run("document.querySelectorAll('#drawn > div').length") == 2
    assert page.run("document.querySelectorAll('#drawn figure').length") == 12
    page.find("#wipe").click()
    assert page.run("app.drawing") is None


def test_the_path_and_the_grid_are_decoded(explorer: Explorer) -> None:
    page, source = explorer.page, explorer.sources[0]
    explorer.draw_path((100, 100), (300, 250))
    start, end = (page.run(f"app.path.{name}") for name in ("start", "end"))
    points = np.linspace(start, end, 12).astype(np.float32)
    strip = page.pixels("document.querySelector('.strip canvas')")[..., 0]
    shown = strip.reshape(8, 12, 6).transpose(1, 0, 2)
    np.testing.assert_allclose(shown, jaxae.decode(source.embedding.model, points), atol=6e-3)
    page.find("#grid").click()
    page.run("setBox(app.data.sides[0], [-1, 2, -2, 1])")
    page.wait("app.data.sides[0].stale.length === 0")
    mosaic = page.pixels("app.data.sides[0].mosaic")[..., 0]
    tiles = mosaic.reshape(12, 8, 12, 6)[::-1].transpose(0, 2, 1, 3)
    expected = jaxae.latent_grid(source.embedding.model, jaxae.Box(-1, 2, -2, 1))
    np.testing.assert_allclose(tiles, np.reshape(expected, tiles.shape), atol=6e-3)


def test_the_box_is_dragged_and_resized(explorer: Explorer) -> None:
    page = explorer.page
    page.find("#grid").click()
    page.run("setBox(app.data.sides[0], [0, 0.1, -0.1, 0.05])")
    page.run("(app.data.sides[0].view = {x: 0.05, y: 0, scale: 1500})")
    page.settle()
    corner = explorer.at(0, 0.1, 0.05)
    page.move(explorer.canvas(), corner, (corner[0] + 15, corner[1] + 30), drag=True)
    np.testing.assert_allclose(page.run("app.data.sides[0].box"), [0, 0.11, -0.1, 0.03], atol=1e-3)
    edge = explorer.at(0, 0, -0.03)
    page.move(explorer.canvas(), edge, (edge[0] + 30, edge[1]), drag=True)
    box = page.run("app.data.sides[0].box")
    np.testing.assert_allclose(box, [0.02, 0.13, -0.1, 0.03], atol=1e-3)


def test_the_address_holds_the_view(explorer: Explorer) -> None:
    page = explorer.page
    page.find("#grid").click()
    page.find("[name=layer][value=gaps]").click()
    page.find("[name=split][value=test]").click()
    page.find("#classes input").click()
    page.run("(pan(app.data.sides[1], 40, 30), zoom(app.data.sides[1], 2))")
    page.move(explorer.canvas(1), (200, 210), drag=True)
    page.wait("location.hash.includes('probe')")
    state = "[app.on, app.split, app.layer, app.grid, app.held, app.probe, app.data.sides[1].view]"
    before = page.run(state)
    explorer.page.open(explorer.path, page.run("location.hash.slice(1)"))
    for found, expected in zip(page.run(state), before, strict=True):
        assert found == (
            pytest.approx(expected, rel=1e-4) if isinstance(expected, dict) else expected
        )
    page.open(explorer.path, "probe=9+1+1&view0=a&split=%22&off=x&path=1")
    assert page.run("app.split") == "all"


@pytest.mark.parametrize("state", ["view0=1e200+0+1", "view0=1e30+0+1", "probe=0+0+1e200"])
def test_an_address_far_from_the_cloud_leaves_the_page_usable(
    explorer: Explorer, state: str
) -> None:
    explorer.page.open(explorer.path, state)
    explorer.page.settle()
    assert explorer.page.run("app.found.index") >= 0


def test_ticks_end_where_numbers_are_too_large_to_count_by_ones(explorer: Explorer) -> None:
    assert len(explorer.page.run("ticksOf(1e17, 1e17 + 64, 7)")) == 7
    assert explorer.page.run("ticksOf(-1, 1.2, 4)") == [-1, -0.5, 0, 0.5, 1]


def summary_with(page: Page, of: str, changes: str) -> str:
    """The page's summary with other data, which are put back before the next frame is drawn."""
    script = f"""((of) => {{
      const before = {{ ...of }};
      Object.assign(of, {changes});
      const words = summarize();
      Object.assign(of, before);
      return words;
    }})({of})"""
    words: str = page.run(script)
    return words


def test_the_summary_says_which_plane_is_of_principal_components(explorer: Explorer) -> None:
    assert "principal" not in explorer.page.run("summarize()")
    changes = "{ plane: { isPca: true }, origin: [0, 0, 0] }"
    assert summary_with(explorer.page, "app.data.sides[1]", changes).endswith(
        " The plane of vae is that of the first two principal components of 3 latent dimensions."
    )


def test_the_summary_counts_one_class_as_one(explorer: Explorer) -> None:
    assert summary_with(explorer.page, "app.data", "{ classes: ['one'] }").endswith(" in 1 class.")


def test_the_right_button_leaves_the_path_alone(explorer: Explorer) -> None:
    page = explorer.page
    page.find("[name=tool][value=path]").click()
    ActionChains(page.driver).context_click(explorer.canvas()).perform()
    page.settle()
    assert page.run("app.path") is None
    ActionChains(page.driver).send_keys(Keys.ESCAPE).perform()


def test_the_view_is_saved_as_png_and_svg(explorer: Explorer) -> None:
    page = explorer.page
    explorer.draw_path((100, 100), (300, 250))
    saved = page.driver.execute_async_script(
        "const done = arguments[0];"
        "const read = (blob) => new Promise((resolve) => {"
        "  const reader = new FileReader();"
        "  reader.onload = () => resolve(reader.result.split(',')[1]);"
        "  reader.readAsDataURL(blob);"
        "});"
        "Promise.all([pngOf(), svgOf()]).then((blobs) => Promise.all(blobs.map(read))).then(done)"
    )
    png, svg = map(base64.b64decode, saved)
    width, height = page.run("[layout().width, layout().height]")
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (2 * width, 2 * height)
        pixels = np.asarray(image.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    middle = page.run("toScreen(app.data.sides[0], ...app.path.found.curve[30])")
    accent = (0x0B, 0x62, 0xB8)

    def drawn(pixels: Any, left: float, top: float) -> bool:
        near = pixels[round(2 * top) - 3 : round(2 * top) + 4, round(2 * left) - 3 :][:, :7]
        return bool((np.abs(near[..., :3].astype(int) - accent).max(axis=-1) < 12).any())

    assert drawn(pixels, middle[0], middle[1] + page.run("HEAD"))
    root = ElementTree.fromstring(svg)
    names = {"svg": "http://www.w3.org/2000/svg"}
    above = root.findall(".//svg:g[1]/svg:image", names)[-1].attrib["href"]
    with Image.open(io.BytesIO(base64.b64decode(above.partition(",")[2]))) as image:
        assert drawn(np.asarray(image.convert("RGB")), *middle)
    dots = sum(path.attrib["d"].count("h0") for path in root.iterfind(".//svg:path", names))
    assert dots == 2 * 360
    words = [text.text for text in root.iterfind(".//svg:text", names)]
    assert set(HOSTILE) <= {*words} and "ae: autoencoder" in words


def test_axe_finds_no_violation(explorer: Explorer) -> None:
    page = explorer.page
    page.run("document.querySelector('footer details').open = true")
    page.find("#grid").click()
    explorer.draw_path((100, 100), (300, 250))
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        assert page.violations() == []
        assert page.run("app.colours.paper") == ("#ffffff" if scheme == "light" else "#12161b")
    media = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def test_firefox_opens_the_page_and_takes_a_picture(explorer: Explorer, tmp_path: Path) -> None:
    with firefox_picture(explorer.path, tmp_path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for colour in TEN[:3]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.any(np.abs(pixels.astype(int) - wanted).max(axis=1) < 12), colour
