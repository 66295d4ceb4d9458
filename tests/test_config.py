"""The configuration of a run: defaults of the lecture and the documentation, and bad values."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from jaxae import CheckpointConfig, ModelConfig, TrainConfig
from jaxae._utils.files import read_text
from jaxae.config import DataConfig, ProcessConfig, RunConfig
from jaxae.runs.config_file import parse_config

LECTURE: list[tuple[Any, dict[str, Any]]] = [
    (
        ModelConfig,
        {
            "latent_dim": 2,
            "hidden_dim": 512,
            "model": "ae",
            "architecture": "dense",
            "activation": "relu",
        },
    ),
    (
        TrainConfig,
        {
            "epochs": 20,
            "batch_size": 128,
            "learning_rate": 0.001,
            "schedule": "constant",
            "seed": 0,
            "kl_weight": 1.0,
            "input_noise": 0.0,
            "likelihood": "squared",
            "binarize": False,
            "kl_warmup": 0,
            "flatten": 0.0,
            "precision": "float32",
            "stream": False,
            "validation": 0,
        },
    ),
    (CheckpointConfig, {"checkpoint_every": 5, "keep": 2, "checkpoint_steps": 10_000}),
    (ProcessConfig, {"coordinator": None, "process_id": None, "process_count": None}),
]


@pytest.mark.parametrize(("config", "defaults"), LECTURE)
def test_defaults_are_the_lectures(config: Any, defaults: dict[str, Any]) -> None:
    assert dataclasses.asdict(config()) == defaults


LEAST = math.ulp(0.0)


@pytest.mark.parametrize(
    ("config", "field", "accepted", "refused"),
    [
        *(
            (config, field, [1, 2, 10**9], [0, -1, 1.0, 1.5, True, "1", None])
            for config, field in (
                *((ModelConfig, name) for name in ("latent_dim", "hidden_dim")),
                *((TrainConfig, name) for name in ("epochs", "batch_size")),
                *((CheckpointConfig, name) for name in ("checkpoint_every", "keep")),
                (CheckpointConfig, "checkpoint_steps"),
            )
        ),
        (ModelConfig, "hidden_dim", [(8, 4), (9,) * 100], [(8, 0), (True, 8), (8, 4.0), ("8", 4)]),
        (ModelConfig, "model", ["ae", "vae"], ["gan", "AE", "", None]),
        (ModelConfig, "architecture", ["dense", "conv"], ["flat", "", None]),
        (ModelConfig, "activation", ["relu", "gelu", "silu", "tanh"], ["GELU", "", None]),
        (TrainConfig, "learning_rate", [LEAST, 1e-3, 1, 1e30], [0, -LEAST, math.nan, math.inf]),
        (TrainConfig, "schedule", ["constant", "onecycle"], ["linear", "", None]),
        (TrainConfig, "precision", ["float32", "bfloat16", "tf32"], ["float64", "", None]),
        (TrainConfig, "seed", [0, 1, 2**32 - 1], [-1, 2**32, 1.0, True, None]),
        (TrainConfig, "validation", [0, 1, 10**9], [-1, 0.5, 1.0, True, "1", None]),
        (TrainConfig, "kl_weight", [0, LEAST, 4.0], [-LEAST, math.nan, math.inf]),
        (TrainConfig, "kl_warmup", [0, 1, 20], [-1, 21, 0.5, 1.0, True, "1", None]),
        (TrainConfig, "flatten", [0, LEAST, 4.0], [-LEAST, math.nan, math.inf]),
        (TrainConfig, "input_noise", [0, LEAST, 4.0], [-LEAST, math.nan, math.inf]),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(
    config: Any, field: str, accepted: list[Any], refused: list[Any]
) -> None:
    for value in accepted:
        assert getattr(config(**{field: value}), field) == value
    for value in refused:
        with pytest.raises(ValueError, match=f"^{field} is "):
            config(**{field: value})


@pytest.mark.parametrize(
    ("told", "good"),
    [
        ((None, None, None), True),
        ((None, None, 1), True),
        (("host:1234", 0, 1), True),
        (("host:1234", 1, 2), True),
        ((None, None, 2), False),
        ((None, 0, 1), False),
        (("host:1234", 0, None), False),
        (("host:1234", None, 2), False),
        (("host", 0, 2), False),
        ((":1234", 0, 2), False),
        (("host:port", 0, 2), False),
        (("host:1234", 2, 2), False),
        (("host:1234", -1, 2), False),
        (("host:1234", 0, 0), False),
    ],
)
def test_processes_are_told_whole_or_not_at_all(told: tuple[Any, Any, Any], good: bool) -> None:
    if good:
        assert dataclasses.astuple(ProcessConfig(*told)) == told
    else:
        with pytest.raises(ValueError, match=r"^(coordinator|process_id)"):
            ProcessConfig(*told)


DATA = DataConfig("blobs", "nowhere", "0" * 64, (8, 6), 300)


@pytest.mark.parametrize("numbers", [0, 101])
def test_a_bad_number_of_hidden_layers_is_refused(numbers: int) -> None:
    with pytest.raises(ValueError, match=rf"^hidden_dim has {numbers} numbers; expected 1 to 100"):
        ModelConfig(hidden_dim=(2,) * numbers)


def test_one_hidden_layer_is_given_by_a_number_or_a_tuple() -> None:
    assert ModelConfig(hidden_dim=(16,)) == ModelConfig(hidden_dim=16) == ModelConfig(2, 16)
    assert ModelConfig(hidden_dim=(16,)).hidden_dim == 16
    assert ModelConfig(hidden_dim=16).widths == (16,)
    assert ModelConfig(hidden_dim=(16, 8)).widths == (16, 8)


def test_convolutions_may_be_named_as_they_were_before_they_were_an_architecture() -> None:
    config = RunConfig(ModelConfig(), TrainConfig(), DATA)
    written = json.loads(json.dumps(dataclasses.asdict(config)))
    written["model"] = {"latent_dim": 3, "hidden_dim": 16, "model": "conv"}
    assert parse_config(written).model == ModelConfig(3, 16, "ae", "conv")
    del written["model"]["model"]
    assert parse_config(written).model == ModelConfig(3, 16, "ae", "dense")


def test_a_config_comes_back_from_json() -> None:
    config = RunConfig(
        ModelConfig(3, (16, 8), "vae", "conv"),
        TrainConfig(7, 64, 0.5, "onecycle", 9, 2.0, 0.25, "bfloat16", True, 50),
        DATA,
        CheckpointConfig(7, 3),
    )
    assert parse_config(json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("validation", [300, 301, 10**9])
def test_a_run_without_an_image_to_train_on_is_refused(validation: int) -> None:
    assert RunConfig(ModelConfig(), TrainConfig(validation=299), DATA).epoch_examples == 1
    with pytest.raises(ValueError, match=rf"^validation is {validation}, of 300 training images"):
        RunConfig(ModelConfig(), TrainConfig(validation=validation), DATA)


def test_a_kernel_does_not_fit_into_a_smaller_image() -> None:
    data = dataclasses.replace(DATA, image_shape=(8, 2))
    RunConfig(ModelConfig(), TrainConfig(), data)
    with pytest.raises(ValueError, match=r"^architecture is conv, images are 8×2; expected"):
        RunConfig(ModelConfig(architecture="conv"), TrainConfig(), data)


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": 1}, {"source": None}, {"checksum": b"0"}),
        *(
            {"image_shape": shape}
            for shape in ((8,), (8, 6, 1), (8, 6, 4), (8, 6, 3, 1), (8, 0), (-8, 6), (8, 6.0))
        ),
        *({"train_examples": n} for n in (0, -1, 300.0, True, "300")),
    ],
)
def test_what_no_data_set_has_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not describe a data set"):
        dataclasses.replace(DATA, **changes)


def test_small_files_are_read_and_larger_ones_refused(tmp_path: Path) -> None:
    file, mebibyte = tmp_path / "config.json", 1024 * 1024
    file.write_bytes(b"x" * mebibyte)
    assert read_text(file) == "x" * mebibyte
    file.write_bytes(b"x" * (mebibyte + 1))
    with pytest.raises(ValueError, match=r"larger than 1,048,576 bytes"):
        read_text(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(file)
