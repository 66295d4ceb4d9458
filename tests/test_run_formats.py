"""Runs written by earlier versions open, and resume as they would have then."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from jaxae import CheckpointConfig, ModelConfig, Run, TrainConfig
from tests.commands import jaxae, resumed
from tests.idx_files import write_blobs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]
FIXTURE = Path(__file__).parent / "fixtures" / "run-v1"


def test_a_run_of_format_1_opens(tmp_path: Path) -> None:
    run = Path(shutil.copytree(FIXTURE, tmp_path / "run"))
    model = Run.open(run).load_model()
    expected = np.load(FIXTURE.parent / "run-v1-parameters.npz", allow_pickle=False)
    found = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    flat = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(found)}
    assert flat.keys() == set(expected)
    for name in expected:
        np.testing.assert_array_equal(flat[name], expected[name], strict=True)


def test_a_run_of_format_1_keeps_its_random_streams(tmp_path: Path) -> None:
    """Without a checkpoint it restarts, and training gives the same parameters as before."""
    run, data = Path(shutil.copytree(FIXTURE, tmp_path / "run")), tmp_path / "blobs"
    shutil.rmtree(run / "checkpoints")
    write_blobs(data)
    assert jaxae("train", f"--run-dir={run}", "--resume", f"--data-dir={data}") == 0
    assert json.loads((run / "config.json").read_text())["format"] == 1
    expected = np.load(FIXTURE.parent / "run-v1-parameters.npz", allow_pickle=False)
    state = resumed(run)
    for path, leaf in jax.tree.leaves_with_path(nnx.to_pure_dict(state.params)):
        # Another machine may round differently; another order of the images shows at 1e-4.
        np.testing.assert_allclose(leaf, expected[jax.tree_util.keystr(path)], atol=1e-6)
    assert state.key == jax.random.key(0)


def test_a_run_of_format_1_can_be_resumed(tmp_path: Path) -> None:
    run, data = Path(shutil.copytree(FIXTURE, tmp_path / "run")), tmp_path / "blobs"
    write_blobs(data)
    assert jaxae("train", f"--run-dir={run}", "--resume", f"--data-dir={data}", "--epochs=3") == 0
    state = resumed(run)
    assert (int(state.epoch), int(state.step)) == (3, 9)
    assert [row.epoch for row in Run.open(run).history()] == [1, 2, 3]


def test_a_new_run_has_separate_random_streams_and_format_2(trained: Path) -> None:
    run = Run.open(trained)
    assert run.config.format == json.loads((trained / "config.json").read_text())["format"] == 2
    assert resumed(trained).key == jax.random.fold_in(jax.random.key(0), 2**32 - 2)


def test_fields_that_a_config_lacks_have_their_defaults(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    for section, field in (("train", "kl_weight"), ("train", "input_noise"), ("model", "model")):
        del config[section][field]
    del config["checkpoints"]
    (run / "config.json").write_text(json.dumps(config))
    opened = Run.open(run)
    assert opened.config.checkpoints == CheckpointConfig()
    assert (opened.config.train, opened.config.model) == (
        TrainConfig(epochs=2),
        ModelConfig(hidden_dim=16),
    )
