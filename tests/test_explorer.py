"""What the explorer's file holds, and the runs that it refuses."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxae
from jaxae import Dataset, ModelConfig, Source, create_model
from jaxae.explorer.network import apply, layers_of
from jaxae.explorer.pictures import spread
from jaxae.explorer.rounding import rounded
from tests.commands import jaxae as command
from tests.commands import refusal

CONFIGS = [
    ModelConfig(hidden_dim=(9, 7), activation="tanh"),
    ModelConfig(model="vae", latent_dim=3, hidden_dim=8),
    ModelConfig(architecture="conv", hidden_dim=8),
    ModelConfig(architecture="conv", model="vae", hidden_dim=(8, 5), activation="gelu"),
]


def read(path: Path) -> dict[str, Any]:
    """Return the data of a page."""
    (data,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"))
    found: dict[str, Any] = json.loads(data)
    return found


def unpacked(packed: dict[str, Any]) -> Any:
    planes = zlib.decompress(base64.b64decode(packed["data"]), -zlib.MAX_WBITS)
    dtype = np.dtype(packed["type"]).newbyteorder("<")
    bytes_ = np.frombuffer(planes, np.uint8).reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(bytes_).view(dtype).reshape(packed["shape"])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("shape", [(8, 6), (5, 7, 3)], ids=str)
def test_the_layers_compute_what_the_model_does(
    config: ModelConfig, shape: tuple[int, ...]
) -> None:
    model = create_model(config, shape, 0)
    encoder, decoder = layers_of(model)
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(5, *shape)).astype(np.float32)
    z = rng.normal(size=(5, config.latent_dim)).astype(np.float32)
    np.testing.assert_allclose(
        apply(encoder, images.reshape(5, -1)), jaxae.encode(model, images), atol=1e-5
    )
    np.testing.assert_allclose(apply(decoder, z), jaxae.decode(model, z).reshape(5, -1), atol=1e-5)


def test_kernels_are_rounded_within_the_tolerance() -> None:
    model = create_model(ModelConfig(hidden_dim=64), (12, 12), 0)
    _, decoder = layers_of(model)
    rng = np.random.default_rng(0)
    x, check = (rng.normal(0, 5, (n, 2)).astype(np.float32) for n in (2000, 500))
    found, step = rounded(decoder, x, check, tolerance=1e-3, damping=1e-6)
    assert np.abs(apply(found, check) - apply(decoder, check)).max() <= 1e-3
    small, large = found
    assert small is decoder[0]
    np.testing.assert_array_equal(large.kernel % step, 0)
    nearest = np.round(decoder[1].kernel / step) * step
    plain = [small, large._replace(kernel=nearest)]
    error = np.abs(apply(plain, check) - apply(decoder, check)).max()
    assert error > 2 * np.abs(apply(found, check) - apply(decoder, check)).max()


def test_pictured_examples_are_spread_over_the_cloud() -> None:
    rng = np.random.default_rng(0)
    cloud = np.concatenate([rng.normal(0, 0.01, (5000, 2)), rng.uniform(-1, 1, (50, 2))])
    found = spread([cloud], 400)
    assert 200 < len(found) <= 400
    np.testing.assert_array_equal(found, np.unique(found))
    assert np.mean(np.isin(np.arange(5000, 5050), found)) > 0.9
    np.testing.assert_array_equal(spread([cloud[:5]], 400), np.arange(5))


def test_the_file_holds_the_runs(runs: Path, tiny: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "new" / "explorer.html"
    assert command("explore", runs / "ae", runs / "vae", "--out", path) == 0
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text(encoding="utf-8"))
    found = read(path)
    assert found["rows"] is None and found["total"] == 360 and found["train"] == 300
    expected = np.concatenate([tiny.train.labels, tiny.test.labels])
    np.testing.assert_array_equal(unpacked(found["labels"]), expected)
    np.testing.assert_array_equal(unpacked(found["pictured"]), np.arange(360))
    images = np.concatenate([np.asarray(tiny.train.images), np.asarray(tiny.test.images)])
    np.testing.assert_array_equal(unpacked(found["pictures"]), images)
    for side, name in zip(found["sides"], ("ae", "vae"), strict=True):
        source = Source(runs / name)
        z = unpacked(side["z"]).T * side["step"] + side["origin"]
        extent = np.ptp(source.embedding.z, axis=0).max()
        np.testing.assert_allclose(z, source.embedding.z, atol=extent / 2**14)
        box = jaxae.Box(*side["box"])
        assert side["radius"] == pytest.approx(jaxae.analysis.gap_radius(box))


def test_a_sample_is_stated_and_keeps_the_numbers(
    trained: Path, tiny: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "explorer.html"
    assert command("explore", trained, "--out", path, "--max-points=50") == 0
    found = read(path)
    rows = unpacked(found["rows"])
    assert len(rows) == 50 == len(np.unique(rows)) and found["total"] == 360
    labels = np.concatenate([tiny.train.labels, tiny.test.labels])
    np.testing.assert_array_equal(unpacked(found["labels"]), labels[rows])


def test_runs_that_cannot_be_explored_are_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "explorer.html")
    three = [runs / "ae"] * 3
    assert "3 runs were given; expected one or two" in refusal(capsys, "explore", *three, *out)
    line = refusal(capsys, "explore", runs / "ae", *out, "--max-points=0")
    assert "max_points is 0; expected 1 or more" in line
    assert "is not" in refusal(capsys, "explore", tmp_path / "none", *out)
    assert not list(tmp_path.iterdir())
