"""`jaxae export`: programs run by ONNX Runtime and JAX, and the files that the command writes."""

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxae import ModelConfig, decode, encode
from jaxae._utils.text import printable
from jaxae.interchange import onnx, stablehlo
from tests.commands import jaxae, python
from tests.exported import batch, random_model, write_run
from tests.kinds import KINDS

BATCHES = (1, 7, 300)
PROGRAMS = ("encoder", "decoder")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    write_run(path, ModelConfig(3, 16))
    return path


# ONNX and StableHLO.


@pytest.mark.parametrize(
    ("kind", "image_shape"),
    [*((kind, (8, 6)) for kind in KINDS), ("deep", (7, 5)), ("deep", (7, 5, 3))],
)
@pytest.mark.slow
def test_onnx_runtime_computes_the_same_for_batches_of_any_size(
    tmp_path: Path, kind: str, image_shape: tuple[int, ...]
) -> None:
    pytest.importorskip("jax2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = random_model(KINDS[kind], image_shape)
    files = onnx.write(tmp_path / "model.onnx", model)
    assert files == [tmp_path / "model-encoder.onnx", tmp_path / "model-decoder.onnx"]
    encoder, decoder = map(onnxruntime.InferenceSession, files)
    for n in (0, *BATCHES):
        images, z = batch(n, *image_shape), batch(n, 2)
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
for path in map(Path, sys.argv[1:]):
    program = export.deserialize(path.read_bytes())
    assert program.platforms == ("cpu", "cuda", "tpu"), program.platforms
    inputs = np.load(path.with_suffix(".npz"))
    np.savez(path.with_suffix(".out.npz"), **{n: program.call(inputs[n]) for n in inputs})
assert not any(name.startswith(("jaxae.", "flax")) for name in sys.modules)
"""


@pytest.mark.slow
def test_stablehlo_runs_without_jaxae(tmp_path: Path) -> None:
    pytest.importorskip("flatbuffers")
    expected = {}
    for name, kind, image_shape in (
        *((k, k, (8, 6)) for k in KINDS),
        ("colour", "deep", (8, 6, 3)),
    ):
        model = random_model(KINDS[kind], image_shape)
        files = stablehlo.write(tmp_path / f"{name}.hlo", model)
        assert files == [tmp_path / f"{name}-{program}.hlo" for program in PROGRAMS]
        for file, compute, shape in zip(files, (encode, decode), (image_shape, (2,)), strict=True):
            given: dict[str, Any] = {str(n): batch(n, *shape) for n in BATCHES}
            np.savez(file.with_suffix(".npz"), **given)
            expected[file] = {n: compute(model, array) for n, array in given.items()}
    done = python("-c", WITHOUT_JAXAE, *expected)
    assert done.returncode == 0, done.stderr
    for file, arrays in expected.items():
        with np.load(file.with_suffix(".out.npz")) as found:
            for n, array in arrays.items():
                np.testing.assert_allclose(found[n], array, atol=1e-5, strict=True)


# The command.


@pytest.mark.slow
def test_the_command_writes_both_programs_and_prints_only_their_names(
    run: Path, tmp_path: Path
) -> None:
    for package in ("jax2onnx", "flatbuffers"):
        pytest.importorskip(package)
    formats = ("onnx", "stablehlo")
    script = """
import sys
from jaxae.cli import app, running
running.set_up(debug=False)
run, *outs = sys.argv[1:]
for out in outs:
    assert app.main(["export", run, "--format", out.rpartition(".")[2], "--out", out]) == 0
"""
    done = python("-c", script, run, *(tmp_path / f / f"model.{f}" for f in formats))
    assert (done.returncode, done.stderr) == (0, "")
    files = [tmp_path / f / f"model-{name}.{f}" for f in formats for name in PROGRAMS]
    assert done.stdout.splitlines() == list(map(str, files))
    assert {path for f in formats for path in (tmp_path / f).iterdir()} == set(files)


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
