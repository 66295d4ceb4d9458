"""The provenance in a figure's file, and the hash of parameters."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from matplotlib.figure import Figure

import jaxae
from jaxae import ModelConfig
from jaxae.drawing.provenance import metadata_for, parameters_hash, read_provenance, versions


def model(seed: int = 0) -> Any:
    return jaxae.create_model(ModelConfig(2, 4), (2, 2), seed)


def test_the_parameters_hash_is_over_names_shapes_and_float32_values() -> None:
    """The hash is spelled out, since existing files contain it."""
    made, digest = model(), hashlib.sha256()
    for part, layer in (
        ("decoder", "hidden"),
        ("decoder", "pixels"),
        ("encoder", "hidden"),
        ("encoder", "latent"),
    ):
        for kind in ("bias", "kernel"):
            values = np.asarray(getattr(getattr(getattr(made, part), layer), kind)[...])
            digest.update(f"{part}.{layer}.{kind}{values.shape}".encode() + values.tobytes())
    assert parameters_hash(made) == digest.hexdigest()


def test_any_change_of_the_parameters_changes_the_hash() -> None:
    assert parameters_hash(model()) == parameters_hash(model()) != parameters_hash(model(1))
    for index, leaf in enumerate(jax.tree.leaves(nnx.state(model(), nnx.Param))):
        changed = model()
        state = nnx.state(changed, nnx.Param)
        leaves, tree = jax.tree.flatten(state)
        leaves[index] = leaf.at[(-1,) * leaf.ndim].add(np.float32(1e-6))
        nnx.update(changed, jax.tree.unflatten(tree, leaves))
        assert parameters_hash(changed) != parameters_hash(model())


def test_the_same_values_in_another_layer_change_the_hash() -> None:
    one, other = model(), model()
    one.encoder.hidden.bias[...] += 1
    other.decoder.hidden.bias[...] += 1  # Of the same shape, and 0 before.
    assert parameters_hash(one) != parameters_hash(other)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_a_file_gives_back_what_was_written_into_it(tmp_path: Path, suffix: str) -> None:
    said = {"figure": "grid", "sources": [{"path": "../größe & <run>"}], "options": {"n": 1.5}}
    file = tmp_path / f"x{suffix}"
    jaxae.save_figure(Figure(), file, metadata_for(suffix, said))
    assert read_provenance(file) == said


def test_metadata_of_another_tool_is_not_provenance(tmp_path: Path) -> None:
    for words in ("my holiday", json.dumps({"camera": "x"}), json.dumps([1])):
        Figure().savefig(tmp_path / "x.png", metadata={"Description": words})
        with pytest.raises(ValueError, match="does not say what it was drawn from"):
            read_provenance(tmp_path / "x.png")


def test_other_types_of_files_hold_no_provenance() -> None:
    for refused in (lambda: metadata_for(".jpg", {}), lambda: read_provenance(Path("x.jpg"))):
        with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
            refused()


def test_a_missing_file_is_not_reported_as_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_provenance(tmp_path / "x.png")


def test_versions_cover_every_package_that_draws() -> None:
    found = versions()
    assert found["jax"] == jax.__version__ and found["numpy"] == np.__version__
    expected = {"python", "jaxae", "jax", "jaxlib", "flax", "numpy", "matplotlib"}
    assert found.keys() == expected
