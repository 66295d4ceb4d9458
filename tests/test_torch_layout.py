"""Parameters in safetensors files, used by PyTorch."""

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy

from jaxae import ModelConfig, decode, encode
from jaxae.interchange import safetensors as format_safetensors
from tests.exported import batch, config_of, random_model
from tests.kinds import KINDS

PAGE = (Path(__file__).parents[1] / "docs" / "interchange.md").read_text()
# It expects mnist.safetensors in the working directory.
_BLOCK = r"```python\n(from collections import OrderedDict\n.*?)```"
(PYTORCH,) = re.findall(_BLOCK, PAGE, re.DOTALL)

DENSE = {
    "encoder.hidden.weight": (16, 48),
    "encoder.hidden.bias": (16,),
    "encoder.latent.weight": (2, 16),
    "encoder.latent.bias": (2,),
    "decoder.hidden.weight": (16, 2),
    "decoder.hidden.bias": (16,),
    "decoder.pixels.weight": (48, 16),
    "decoder.pixels.bias": (48,),
}
CONV = DENSE | {
    "encoder.first.weight": (16, 1, 3, 3),
    "encoder.first.bias": (16,),
    "encoder.second.weight": (32, 16, 3, 3),
    "encoder.second.bias": (32,),
    "encoder.hidden.weight": (16, 128),
    "decoder.features.weight": (128, 16),
    "decoder.features.bias": (128,),
    "decoder.first.weight": (64, 32, 3, 3),
    "decoder.first.bias": (64,),
    "decoder.pixels.weight": (4, 16, 3, 3),
    "decoder.pixels.bias": (4,),
}
SHAPES = {
    "ae": DENSE,
    "vae": DENSE | {"encoder.log_variance.weight": (2, 16), "encoder.log_variance.bias": (2,)},
    "conv": CONV,
    "deep": CONV
    | {
        "encoder.deeper.0.weight": (9, 16),
        "encoder.deeper.0.bias": (9,),
        "encoder.latent.weight": (2, 9),
        "encoder.log_variance.weight": (2, 9),
        "encoder.log_variance.bias": (2,),
        "decoder.hidden.weight": (9, 2),
        "decoder.hidden.bias": (9,),
        "decoder.deeper.0.weight": (16, 9),
        "decoder.deeper.0.bias": (16,),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_have_pytorchs_names_and_shapes(tmp_path: Path, kind: str) -> None:
    config = KINDS[kind]
    file = tmp_path / "model.safetensors"
    format_safetensors.write(file, random_model(config, (8, 6)), config_of(config, (8, 6)))
    arrays = safetensors.numpy.load_file(file)
    assert {name: array.shape for name, array in arrays.items()} == SHAPES[kind]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.slow
def test_the_pages_pytorch_module_computes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    model = random_model(ModelConfig(), (28, 28))
    record_ = config_of(ModelConfig(), (28, 28))
    format_safetensors.write(tmp_path / "mnist.safetensors", model, record_)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(PYTORCH, names)
    images, z = batch(50, 28, 28), batch(50, 2)
    with torch.inference_mode():
        theirs = names["model"]["encoder"](torch.from_numpy(images)).numpy()
        decoded = names["model"]["decoder"](torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(theirs, encode(model, images), atol=1e-5, strict=True)
    np.testing.assert_allclose(decoded, decode(model, z), atol=1e-5, strict=True)


@pytest.mark.slow
def test_the_heads_of_a_vae_fit_pytorchs_linear_layers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    config = ModelConfig(latent_dim=3, hidden_dim=16, model="vae")
    model: Any = random_model(config, (8, 6))
    format_safetensors.write(tmp_path / "vae", model, config_of(config, (8, 6)))
    nn = torch.nn
    heads = {"latent": nn.Linear(16, 3), "log_variance": nn.Linear(16, 3)}
    encoder = nn.ModuleDict({"hidden": nn.Linear(48, 16), **heads})
    arrays = safetensors.numpy.load_file(tmp_path / "vae")
    prefix = "encoder."
    encoder.load_state_dict(
        {
            name.removeprefix(prefix): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
    )
    images = batch(9, 8, 6)
    with torch.inference_mode():
        h = encoder["hidden"](torch.from_numpy(images).flatten(1)).relu()
        theirs = [encoder[name](h).numpy() for name in heads]
    ours = jax.vmap(model.encoder.posterior)(images)
    for mine, yours in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(yours, mine, atol=1e-5, strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_parameters_of_a_convolutional_model_fit_pytorchs_layers(
    tmp_path: Path, channels: int
) -> None:
    torch = pytest.importorskip("torch")
    config = ModelConfig(hidden_dim=(16, 9), architecture="conv")
    shape = (28, 28) if channels == 1 else (28, 28, channels)
    model = random_model(config, shape)
    format_safetensors.write(tmp_path / "conv", model, config_of(config, shape))
    nn = torch.nn
    layers: dict[str, Any] = {
        "encoder.first": nn.Conv2d(channels, 16, 3, stride=2),
        "encoder.second": nn.Conv2d(16, 32, 3, stride=2),
        "encoder.hidden": nn.Linear(32 * 7 * 7, 16),
        "encoder.deeper.0": nn.Linear(16, 9),
        "encoder.latent": nn.Linear(9, 2),
        "decoder.hidden": nn.Linear(2, 9),
        "decoder.deeper.0": nn.Linear(9, 16),
        "decoder.features": nn.Linear(16, 32 * 7 * 7),
        "decoder.first": nn.Conv2d(32, 64, 3, padding=1),
        "decoder.pixels": nn.Conv2d(16, 4 * channels, 3, padding=1),
    }
    arrays = safetensors.numpy.load_file(tmp_path / "conv")
    for name, layer in layers.items():
        kinds = ("weight", "bias")
        layer.load_state_dict({kind: torch.from_numpy(arrays[f"{name}.{kind}"]) for kind in kinds})
    ends = nn.ZeroPad2d((0, 1, 0, 1))  # An even size is padded at its end for stride 2.
    images, z = batch(50, *shape), batch(50, 2)
    with torch.inference_mode():
        x = torch.from_numpy(images).reshape(50, 28, 28, channels).permute(0, 3, 1, 2)
        for name in ("encoder.first", "encoder.second"):
            x = layers[name](ends(x)).relu()
        x = x.flatten(1)
        for name in ("encoder.hidden", "encoder.deeper.0"):
            x = layers[name](x).relu()
        encoded, x = layers["encoder.latent"](x), torch.from_numpy(z)
        for name in ("decoder.hidden", "decoder.deeper.0", "decoder.features"):
            x = layers[name](x).relu()
        x = nn.functional.pixel_shuffle(layers["decoder.first"](x.view(-1, 32, 7, 7)), 2).relu()
        decoded = nn.functional.pixel_shuffle(layers["decoder.pixels"](x), 2).sigmoid()
        decoded = decoded.permute(0, 2, 3, 1).reshape(images.shape)
    np.testing.assert_allclose(encoded.numpy(), encode(model, images), atol=1e-5, strict=True)
    np.testing.assert_allclose(decoded.numpy(), decode(model, z), atol=1e-5, strict=True)
