"""Magnification and geodesics in the explorer, against those of `jaxae.geometry`."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from selenium.webdriver.common.keys import Keys

import jaxae
from jaxae import ModelConfig, create_model
from jaxae.explorer.contents import as_json
from jaxae.explorer.network import layers_of
from tests.explorers import Explorer

pytestmark = pytest.mark.slow

# Search for a geodesic without pauses, with a decoder and a cloud instead of those of a side.
SEARCH = """
const [layers, cloud, pairs, done] = arguments;
unpackLayers(layers).then((decoder) => {
  const [x, y] = [0, 1].map((k) => cloud.map((point) => point[k]));
  const side = { ...app.data.sides[0], decoder, x, y, hull: null, making: null, graph: null };
  done(pairs.map(([start, end]) => {
    const search = geodesic(side, start, end);
    for (;;) {
      const { done, value } = search.next();
      if (done) return [value.curve, value.length, value.straight];
    }
  }));
});
"""


@pytest.mark.parametrize("side", [0, 1])
def test_the_magnification_is_that_of_jaxae(explorer: Explorer, side: int) -> None:
    page, embedding = explorer.page, explorer.sources[side].embedding
    rng = np.random.default_rng(0)
    z = rng.uniform(embedding.z.min(axis=0), embedding.z.max(axis=0), (50, 2)).astype(np.float32)
    found = page.run(
        "arguments[1].map(([x, y]) => magnificationAt(app.data.sides[arguments[0]], x, y))",
        side,
        z.tolist(),
    )
    decoder = embedding.model.decoder
    median = np.median(jaxae.geometry.log_magnification(decoder, embedding.z))
    expected = np.asarray(jaxae.geometry.log_magnification(decoder, z)) - median
    np.testing.assert_allclose(np.log(found), expected, atol=2e-3)
    at = int(np.argmax(expected))
    x, y = z[at].tolist()
    page.run(f"setProbe({{side: {side}, x: {x}, y: {y}}})")
    page.settle()
    digits = f"{np.exp(expected[at]):.2g}"
    facts = page.run("app.data.sides[arguments[0]].facts.textContent", side)
    assert f"magnification{digits}" in facts and "× the median" in facts
    page.wait(f"app.data.sides[{side}].status.textContent.includes('magnification')")


def test_geodesics_are_as_short_as_those_of_jaxae(explorer: Explorer) -> None:
    model = create_model(ModelConfig(hidden_dim=12, activation="tanh"), (8, 6), 0)
    decoder = model.decoder
    # Initial parameters are too small for curves that are much shorter than straight lines.
    for layer, factor in ((decoder.hidden, 2.5), (decoder.pixels, 6.0)):
        layer.kernel[...] *= factor
    cloud = np.random.default_rng(0).normal(size=(200, 2)).clip(-2, 2).astype(np.float32)
    ends = cloud[:12].reshape(6, 2, 2)
    expected = jaxae.geometry.geodesic(decoder, ends[:, 0], ends[:, 1], within=cloud)
    layers = [as_json(layer, 1.0) for layer in layers_of(model)[1]]
    found = explorer.page.driver.execute_async_script(SEARCH, layers, cloud.tolist(), ends.tolist())
    curves, lengths, straight = (np.array(of) for of in zip(*found, strict=True))
    np.testing.assert_allclose(curves[:, [0, -1]], ends, atol=1e-6)
    np.testing.assert_allclose(straight, expected.straight_length, rtol=1e-4)
    own = jaxae.geometry.curve_length(decoder, curves)
    np.testing.assert_allclose(lengths, own, rtol=1e-4)
    assert (own <= expected.straight_length * (1 + 1e-4)).all()
    assert (own <= 1.02 * expected.length).all() and expected.gain.max() > 0.1
    hull = ConvexHull(cloud)
    outside = curves @ hull.equations[:, :2].T + hull.equations[:, 2]
    assert outside.max() < 0.02 * np.ptp(cloud)


def test_an_end_of_the_path_is_dragged_and_the_geodesic_shown(explorer: Explorer) -> None:
    page, source = explorer.page, explorer.sources[0]
    explorer.draw_path((150, 150), (300, 250))
    start = page.run("app.path.start")
    page.find("[name=tool][value=probe]").click()
    page.move(explorer.canvas(), (300, 250), (320, 220), (400, 260), drag=True)
    path = page.run("({...app.path, search: null, found: null})")
    assert path["moving"] is None and path["start"] == start
    end = page.run("toPlane(app.data.sides[0], 400, 260)")
    np.testing.assert_allclose(path["end"], end, atol=1 / page.run("app.data.sides[0].view.scale"))
    page.wait("app.path.search === null")
    curve, length, straight = (
        page.run(f"app.path.found.{name}") for name in ("curve", "length", "straight")
    )
    decoder = source.embedding.model.decoder
    line = np.linspace(path["start"], path["end"], 64)
    expected = [float(jaxae.geometry.curve_length(decoder, points)) for points in (line, curve)]
    assert [straight, length] == pytest.approx(expected, rel=1e-3)
    words = page.find(".strip").text
    assert f"{straight:.3g} pixels" in words
    assert f"{length:.3g} pixels, {1 - length / straight:.0%}".replace("%", " %") in words
    strip = page.pixels("document.querySelector('.geodesic canvas')")[..., 0]
    shown = strip.reshape(8, 12, 6).transpose(1, 0, 2)
    points = np.array(page.run("pathPoints().geodesic"))
    decoded = jaxae.decode(source.embedding.model, points)
    np.testing.assert_allclose(shown, decoded, atol=6e-3)
    steps = np.linalg.norm(np.diff(decoded.reshape(12, -1), axis=0), axis=1)
    assert steps.max() < 1.2 * steps.min()


def test_keys_draw_a_path_and_the_address_holds_it(explorer: Explorer) -> None:
    page, canvas = explorer.page, explorer.canvas()
    page.find("[name=tool][value=path]").click()
    page.run("app.data.sides[0].canvas.focus()")
    canvas.send_keys(Keys.ARROW_LEFT, Keys.ENTER, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.run("app.path.moving") == "end"
    canvas.send_keys(Keys.SHIFT, Keys.ARROW_UP, Keys.NULL, Keys.ENTER)
    canvas.send_keys(Keys.ENTER, Keys.ARROW_UP)  # Picks the end up again.
    assert page.run("app.path.moving") == "end"
    canvas.send_keys(Keys.ENTER)
    path = page.run("[app.path.start, app.path.end, app.path.moving]")
    scale = page.run("app.data.sides[0].view.scale")
    right, up = (np.array(path[1]) - path[0]) * scale
    assert (right, up, path[2]) == (pytest.approx(16), pytest.approx(58), None)
    page.wait("location.hash.includes('path')")
    page.open(explorer.path, page.run("location.hash.slice(1)"))
    np.testing.assert_allclose(page.run("[app.path.start, app.path.end]"), path[:2], rtol=1e-4)
    page.wait("app.path.search === null")
    assert "shorter" in page.find(".geodesic [role=status]").text
    page.find(".strip button").click()
    assert page.run("app.path") is None


def test_without_a_latent_plane_there_is_no_geometry(explorer: Explorer) -> None:
    page = explorer.page
    page.run("(app.data.sides[0].magnification = null)")
    explorer.draw_path((100, 100), (300, 250))
    assert page.run("app.path.found") is None
    assert not page.find(".geodesic").is_displayed() and page.find(".straight").is_displayed()
    assert "magnification" not in page.find(".readout dl").text
