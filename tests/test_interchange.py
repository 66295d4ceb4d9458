"""Exported files: used by PyTorch, ONNX Runtime and JAX without jaxae, and imported again."""

import dataclasses
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
from flax import nnx

from jaxae import Autoencoder, ModelConfig, Run, TrainConfig, create_model, decode, encode
from jaxae._utils.text import printable
from jaxae.cli.app import main
from jaxae.config import DataConfig, RunConfig
from jaxae.distributed.mesh import make_mesh
from jaxae.interchange import onnx, stablehlo
from jaxae.interchange import safetensors as format_safetensors
from jaxae.runs.recorder import Recorder

PAGE = (Path(__file__).parents[1] / "docs" / "interchange.md").read_text()
# It expects mnist.safetensors in the working directory.
_BLOCK = r"```python\n(from collections import OrderedDict\n.*?)```"
(PYTORCH,) = re.findall(_BLOCK, PAGE, re.DOTALL)

KINDS = ("ae", "vae", "conv")
BATCHES = (1, 7, 300)
PROGRAMS = ("encoder", "decoder")


def random_model(config: ModelConfig, image_shape: tuple[int, int]) -> Autoencoder:
    """Return a model whose parameters all differ; in a new model the biases are zero."""
    model = create_model(config, image_shape, seed=0)
    rng = np.random.default_rng(0)
    params = nnx.state(model, nnx.Param)
    nnx.update(model, jax.tree.map(lambda p: p + 0.1 * rng.normal(size=p.shape), params))
    return model


def config_of(config: ModelConfig, image_shape: tuple[int, int]) -> RunConfig:
    return RunConfig(config, TrainConfig(), DataConfig("blobs", "nowhere", "0", image_shape, 300))


def parameters(model: Autoencoder) -> dict[str, bytes]:
    state = nnx.to_flat_state(nnx.state(model, nnx.Param))
    return {".".join(map(str, path)): np.asarray(param[...]).tobytes() for path, param in state}


def batch(n: int, *shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(n).random((n, *shape), np.float32)


def jaxae(*args: object) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind of model, for images of 8×6."""
    config = ModelConfig(latent_dim=3, hidden_dim=16, model=request.param)
    path = tmp_path_factory.mktemp("runs") / "run"
    made = Run.create(path, config_of(config, (8, 6)), mesh=make_mesh(jax.devices()[:1]))
    state = made.initial_state(nnx.state(random_model(config, (8, 6)), nnx.Param))
    Recorder(made, state).close()
    return path


# safetensors.


def test_exporting_and_importing_a_run_keeps_every_bit(run: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "model.safetensors", tmp_path / "deep" / "again"
    assert jaxae("export", run, "--format", "safetensors", "--out", file) == 0
    assert jaxae("import", file, again) == 0
    old, new = Run.open(run), Run.open(again)
    assert (new.config.model, new.config.train, new.config.data) == (
        *(old.config.model, old.config.train, old.config.data),
    )
    assert new.history() == []
    assert json.loads((again / "config.json").read_text())["imported_from"] == file.name
    was, now = old.load_model(), new.load_model()
    assert type(now) is type(was)
    assert parameters(now) == parameters(was)
    images = batch(5, 8, 6)
    np.testing.assert_array_equal(encode(now, images), encode(was, images), strict=True)
    np.testing.assert_array_equal(decode(now, batch(5, 3)), decode(was, batch(5, 3)), strict=True)


def test_exporting_an_imported_run_gives_the_same_file(run: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert jaxae("export", run, "--format", "safetensors", "--out", first) == 0
    assert jaxae("import", first, tmp_path / "again") == 0
    assert jaxae("export", tmp_path / "again", "--format", "safetensors", "--out", second) == 0
    assert first.read_bytes() == second.read_bytes()


DENSE = {
    "encoder.hidden.weight": (16, 48),
    "encoder.hidden.bias": (16,),
    "encoder.latent.weight": (3, 16),
    "encoder.latent.bias": (3,),
    "decoder.hidden.weight": (16, 3),
    "decoder.hidden.bias": (16,),
    "decoder.pixels.weight": (48, 16),
    "decoder.pixels.bias": (48,),
}
SHAPES = {
    "ae": DENSE,
    "vae": DENSE | {"encoder.log_variance.weight": (3, 16), "encoder.log_variance.bias": (3,)},
    "conv": DENSE
    | {
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
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_have_pytorchs_names_and_shapes(tmp_path: Path, kind: Any) -> None:
    config = ModelConfig(latent_dim=3, hidden_dim=16, model=kind)
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
    model = random_model(config, (8, 6))
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
def test_the_parameters_of_a_convolutional_model_fit_pytorchs_layers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    config = ModelConfig(hidden_dim=16, model="conv")
    model = random_model(config, (28, 28))
    format_safetensors.write(tmp_path / "conv", model, config_of(config, (28, 28)))
    nn = torch.nn
    layers: dict[str, Any] = {
        "encoder.first": nn.Conv2d(1, 16, 3, stride=2),
        "encoder.second": nn.Conv2d(16, 32, 3, stride=2),
        "encoder.hidden": nn.Linear(32 * 7 * 7, 16),
        "encoder.latent": nn.Linear(16, 2),
        "decoder.hidden": nn.Linear(2, 16),
        "decoder.features": nn.Linear(16, 32 * 7 * 7),
        "decoder.first": nn.Conv2d(32, 64, 3, padding=1),
        "decoder.pixels": nn.Conv2d(16, 4, 3, padding=1),
    }
    arrays = safetensors.numpy.load_file(tmp_path / "conv")
    for name, layer in layers.items():
        kinds = ("weight", "bias")
        layer.load_state_dict({kind: torch.from_numpy(arrays[f"{name}.{kind}"]) for kind in kinds})
    ends = nn.ZeroPad2d((0, 1, 0, 1))  # An even size is padded at its end for stride 2.
    images, z = batch(50, 28, 28), batch(50, 2)
    with torch.inference_mode():
        x = torch.from_numpy(images)[:, None]
        for name in ("encoder.first", "encoder.second"):
            x = layers[name](ends(x)).relu()
        encoded = layers["encoder.latent"](layers["encoder.hidden"](x.flatten(1)).relu())
        x = layers["decoder.features"](layers["decoder.hidden"](torch.from_numpy(z)).relu()).relu()
        x = nn.functional.pixel_shuffle(layers["decoder.first"](x.view(-1, 32, 7, 7)), 2).relu()
        decoded = nn.functional.pixel_shuffle(layers["decoder.pixels"](x), 2).sigmoid()[:, 0]
    np.testing.assert_allclose(encoded.numpy(), encode(model, images), atol=1e-5, strict=True)
    np.testing.assert_allclose(decoded.numpy(), decode(model, z), atol=1e-5, strict=True)


def whole_file(tmp_path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the metadata of a valid file."""
    config = ModelConfig(hidden_dim=4)
    file = tmp_path / "whole"
    format_safetensors.write(file, random_model(config, (8, 6)), config_of(config, (8, 6)))
    with safetensors.safe_open(file, framework="numpy") as opened:
        (about,) = opened.metadata().values()
    return safetensors.numpy.load_file(file), json.loads(about)


def section(name: str, **changes: object) -> dict[str, Any]:
    return {name: dataclasses.asdict(config_of(ModelConfig(hidden_dim=4), (8, 6)))[name] | changes}


@pytest.mark.parametrize(
    ("arrays", "about", "said"),
    [
        ({}, None, r"hidden_dim 4 .* 28×28 has 3,144 .* pass --like RUN"),
        ({"encoder.latent.weight": None}, None, "encoder.latent.weight is missing.*jaxae export"),
        ({"encoder.hidden.weight": np.zeros((), np.float32)}, None, "hidden_dim is 0"),
        ({}, "", "Expecting value"),
        ({}, "[]", "list"),
        ({}, "[" * 100_000, "recursion"),
        ({}, {"layout": 2}, "layout 2.*reads 1"),
        ({}, {"model": None}, "NoneType"),
        ({}, section("model", model="gan"), "'gan'.*ae, vae, conv"),
        ({}, section("model", model="vae"), "encoder.log_variance"),
        ({}, section("model", hidden_dim=5), r"\(5"),
        ({}, section("model", hidden_dim=10**30), "has 5,?0.* parameters"),
        ({}, section("model", latent_dim=2**40), "has .* parameters"),
        ({}, section("data", image_shape=[2**20, 2**20]), "has .* parameters"),
        ({}, section("data", image_shape=[8, -6]), "does not describe a data set"),
        ({}, section("train", learning_rate=-1), "learning_rate is -1"),
        ({"decoder.hidden.bias": None}, {}, "decoder.hidden.bias missing for model ae"),
        (
            {"decoder.more.bias": np.zeros(3, np.float32)},
            {},
            "decoder.more.bias unknown for model ae",
        ),
        ({"decoder.hidden.bias": np.zeros(4, np.float16)}, {}, "decoder.hidden.bias is F16"),
        ({"decoder.hidden.bias": np.zeros((2, 2), np.float32)}, {}, r"\(2, 2\).*\(4,\)"),
        ({"decoder.hidden.bias": np.zeros(400, np.float32)}, {}, r"\(400,\).*\(4,\)"),
    ],
)
def test_an_invalid_file_is_refused_and_creates_no_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any],
    about: dict[str, Any] | str | None,
    said: str,
) -> None:
    whole, sections = whole_file(tmp_path)
    text = json.dumps(sections | about) if isinstance(about, dict) else about
    file = tmp_path / "changed.safetensors"
    safetensors.numpy.save_file(
        {name: array for name, array in (whole | arrays).items() if array is not None},
        file,
        None if text is None else {"jaxae": text},
    )
    assert jaxae("import", file, tmp_path / "runs" / "run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jaxae: {file}: ") and re.search(said, line)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_saved_again_by_pytorch_gives_the_same_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    torch = pytest.importorskip("safetensors.torch")
    config = ModelConfig(hidden_dim=8, latent_dim=3, model=kind)
    model = random_model(config, (28, 28))
    format_safetensors.write(tmp_path / "whole", model, config_of(config, (28, 28)))
    torch.save_file(torch.load_file(tmp_path / "whole"), tmp_path / "again")
    assert jaxae("import", tmp_path / "again", tmp_path / "run") == 0
    run = Run.open(tmp_path / "run")
    assert (run.config.model, run.config.train) == (config, TrainConfig())
    assert (run.config.data.name, run.config.data.image_shape, run.config.data.train_examples) == (
        *("mnist", (28, 28), 60_000),
    )
    assert parameters(run.load_model()) == parameters(model)
    (said,) = caplog.messages
    for part in ("again does not say", kind, "hidden_dim=8", "latent_dim=3", "mnist", "default"):
        assert part in said


def test_settings_missing_from_a_file_are_taken_from_a_run(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert jaxae("export", run, "--format", "safetensors", "--out", tmp_path / "whole") == 0
    arrays = safetensors.numpy.load_file(tmp_path / "whole")
    safetensors.numpy.save_file(arrays, tmp_path / "again", {"format": "pt"})
    assert jaxae("import", tmp_path / "again", tmp_path / "new", "--like", run) == 0
    was, now = Run.open(run), Run.open(tmp_path / "new")
    for name in ("model", "train", "data"):
        assert getattr(now.config, name) == getattr(was.config, name)
    assert parameters(now.load_model()) == parameters(was.load_model())
    assert not caplog.messages


def test_import_refuses_a_folder_that_is_not_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_file(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").write_text("precious")
    assert jaxae("import", tmp_path / "thesis", tmp_path / "run") == 2
    assert f"{tmp_path / 'thesis'} is a folder" in capsys.readouterr().err
    for there in (tmp_path / "thesis", tmp_path / "whole"):
        assert jaxae("import", tmp_path / "whole", there) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{there} exists already" in line
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["text"]


def test_an_imported_run_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    whole_file(tmp_path)
    before = os.umask(0o077)
    try:
        assert jaxae("import", tmp_path / "whole", tmp_path / "runs" / "run") == 0
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "runs").rglob("*")]
    assert modes and not any(mode & 0o077 for mode in modes)


def test_an_imported_run_cannot_be_resumed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jaxae("export", run, "--format", "safetensors", "--out", tmp_path / "x") == 0
    assert jaxae("import", tmp_path / "x", tmp_path / "again") == 0
    capsys.readouterr()
    assert jaxae("train", "--run-dir", tmp_path / "again", "--resume") == 2
    assert "was imported from x" in capsys.readouterr().err


def test_a_failed_import_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_file(tmp_path)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Recorder, "close", full)
    assert jaxae("import", tmp_path / "whole", tmp_path / "run") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


# ONNX and StableHLO.


@pytest.mark.parametrize(
    ("kind", "image_shape"), [("ae", (8, 6)), ("vae", (8, 6)), ("conv", (8, 6)), ("conv", (7, 5))]
)
@pytest.mark.slow
def test_onnx_runtime_computes_the_same_for_batches_of_any_size(
    tmp_path: Path, kind: Any, image_shape: tuple[int, int]
) -> None:
    pytest.importorskip("jax2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = random_model(ModelConfig(latent_dim=3, hidden_dim=16, model=kind), image_shape)
    files = onnx.write(tmp_path / "model.onnx", model)
    assert files == [tmp_path / "model-encoder.onnx", tmp_path / "model-decoder.onnx"]
    encoder, decoder = map(onnxruntime.InferenceSession, files)
    for n in (0, *BATCHES):
        images, z = batch(n, *image_shape), batch(n, 3)
        (encoded,) = encoder.run(["z"], {"images": images})
        (decoded,) = decoder.run(["images"], {"z": z})
        np.testing.assert_allclose(encoded, encode(model, images), atol=1e-5, strict=True)
        np.testing.assert_allclose(decoded, decode(model, z), atol=1e-5, strict=True)


# Importing jaxae fails, also indirectly.
WITHOUT_JAXAE = """
import sys
from pathlib import Path
sys.modules["jaxae"] = None
import numpy as np
from jax import export
for name in ("encoder", "decoder"):
    program = export.deserialize(Path(f"model-{name}.hlo").read_bytes())
    assert program.platforms == ("cpu", "cuda", "tpu"), program.platforms
    for n in map(int, sys.argv[1:]):
        np.save(f"{name}-{n}-out.npy", program.call(np.load(f"{name}-{n}.npy")))
assert not any(name.startswith(("jaxae.", "flax")) for name in sys.modules)
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_stablehlo_runs_without_jaxae(tmp_path: Path, kind: Any) -> None:
    pytest.importorskip("flatbuffers")
    model = random_model(ModelConfig(latent_dim=3, hidden_dim=16, model=kind), (8, 6))
    files = stablehlo.write(tmp_path / "model.hlo", model)
    assert files == [tmp_path / "model-encoder.hlo", tmp_path / "model-decoder.hlo"]
    for n in BATCHES:
        np.save(tmp_path / f"encoder-{n}.npy", batch(n, 8, 6))
        np.save(tmp_path / f"decoder-{n}.npy", batch(n, 3))
    command = [sys.executable, "-c", WITHOUT_JAXAE, *map(str, BATCHES)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for n in BATCHES:
        encoded, decoded = (np.load(tmp_path / f"{name}-{n}-out.npy") for name in PROGRAMS)
        expected = encode(model, batch(n, 8, 6)), decode(model, batch(n, 3))
        np.testing.assert_allclose(encoded, expected[0], atol=1e-5, strict=True)
        np.testing.assert_allclose(decoded, expected[1], atol=1e-5, strict=True)


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize("format", ["onnx", "stablehlo"])
@pytest.mark.slow
def test_the_command_writes_both_programs_and_prints_only_their_names(
    run: Path, tmp_path: Path, format: str
) -> None:
    pytest.importorskip({"onnx": "jax2onnx", "stablehlo": "flatbuffers"}[format])
    out = tmp_path / "new" / f"model.{format}"
    command = ["export", run, "--format", format, "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "jaxae", *map(str, command)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    files = [out.with_name(f"model-{name}.{format}") for name in PROGRAMS]
    assert done.stdout.splitlines() == list(map(str, files))
    assert sorted(out.parent.iterdir()) == sorted(files)


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize(
    ("format", "package"), [("onnx", "jax2onnx"), ("stablehlo", "flatbuffers")]
)
def test_a_missing_package_is_reported_with_the_command_that_installs_it(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    format: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert jaxae("export", run, "--format", format, "--out", tmp_path / "new" / "model") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"the format {format} needs {package}: pip install 'jaxae[interchange]'" in line
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("safetensors", ["run.safetensors"]),
        ("stablehlo", ["run-decoder.stablehlo", "run-encoder.stablehlo"]),
    ],
)
def test_an_export_to_a_folder_is_named_after_the_run(
    run: Path, tmp_path: Path, format: str, names: list[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert jaxae("export", run, "--format", format, "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize(
    ("format", "name"),
    [("onnx", "x.safetensors"), ("stablehlo", "x.ONNX"), ("safetensors", "x.stablehlo")],
)
def test_the_suffix_of_another_format_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str, name: str
) -> None:
    out = tmp_path / "new" / name
    assert jaxae("export", run, "--format", format, "--out", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(out) in line and f"expected {out.parent}/x.{format}" in line
    assert not out.parent.exists()


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize("format", ["safetensors", "stablehlo"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_export_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, number: signal.Signals
) -> None:
    out, written = tmp_path / "new" / f"model.{format}", []
    last = 1 if format == "safetensors" else 2
    write = Path.write_bytes

    def write_and_stop(path: Path, data: bytes) -> int:
        written.append(path)
        count = write(path, data[:10])
        if len(written) == last:
            signal.raise_signal(number)
        return count

    monkeypatch.setattr(Path, "write_bytes", write_and_stop)
    with pytest.raises(SystemExit) as stopped:
        jaxae("export", run, "--format", format, "--out", out)
    assert stopped.value.code == 128 + number
    assert len(written) == last and not out.parent.exists()
    assert signal.getsignal(number) is signal.SIG_DFL


# Names are never markup.


@pytest.mark.parametrize("run", ["ae"], indirect=True)
@pytest.mark.parametrize("name", ["[red]a[/red]", ":smile:", "[/]", "a\x1b[2Jb", "a\nb", "\u202ea"])
def test_a_file_name_is_printed_verbatim_on_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    capsys.readouterr()
    assert jaxae("export", run, "--format", "safetensors", "--out", tmp_path / name) == 0
    shown = f"{tmp_path}/{printable(name)}"
    assert capsys.readouterr().out == f"{shown}\n"
    assert jaxae("import", tmp_path / f"{name} gone", tmp_path / "run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_printable_escapes_only_control_sequences() -> None:
    assert printable("[red] é 数 $x$ :a:") == "[red] é 数 $x$ :a:"
    assert printable("a\x1b[2J\r\nb\udc80\u202e") == r"a\x1b[2J\r\nb\udc80\u202e"
