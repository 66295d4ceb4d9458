"""The command line: its help, its messages, and the arguments that it refuses."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from jaxae import Run, __version__
from jaxae.cli import running
from jaxae.cli.app import COMMANDS, main
from jaxae.cli.console import say
from jaxae.cli.running import drop_unfinished_reads
from tests.commands import jaxae, python, refusal


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("in the way")
    return path


# Bad arguments.


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--epochs", 0), "epochs is 0"),
        (("--epochs", "many"), "--epochs.*'many'"),
        (("--epochs", 1.5), r"--epochs.*'1\.5'"),
        (("--batch-size", 0), "batch_size is 0"),
        (("--batch_size=-3",), "batch_size is -3"),
        (("--latent-dim", 0), "latent_dim is 0"),
        (("--hidden-dim", 0), "hidden_dim is 0"),
        (("--hidden-dim", 8, 0), "hidden_dim is 0"),
        (("--hidden-dim",), "hidden_dim has 0 numbers; expected 1 to 100"),
        (("--hidden-dim", *[2] * 101), "hidden_dim has 101 numbers; expected 1 to 100"),
        (("--hidden-dim", 8, "many"), "--hidden-dim: .*'many'"),
        (("--model", "conv"), "--architecture conv"),
        (("--model=conv",), "--architecture conv"),
        (("--model", "gan"), "--model.*'ae', 'vae'"),
        (("--architecture", "flat"), "--architecture.*'dense', 'conv'"),
        (("--learning-rate", -1), r"learning_rate is -1\.0"),
        (("--learning-rate", 0), r"learning_rate is 0\.0"),
        (("--learning-rate", "nan"), "learning_rate is nan"),
        (("--learning-rate", "inf"), "learning_rate is inf"),
        (("--seed", -1), "seed is -1"),
        (("--seed", 2**32), f"seed is {2**32}"),
        (("--schedule", "zigzag"), "--schedule.*'constant', 'onecycle'"),
        (("--device", "abacus"), "--device.*'auto', 'cpu', 'gpu', 'tpu'"),
        (("--device", "tpu"), "'tpu'.*JAX finds .*cpu"),
        (("--devices", "two"), r"--devices: 'two' is not one of INT \("),
        (("--bogus", 1), "--bogus"),
        (("--epochs",), "--epochs"),
        (("stray",), "stray"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_bad_option_of_train_is_named_and_makes_no_run(
    blobs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[object, ...],
    named: str,
) -> None:
    if args == ("--device", "tpu") and any(d.platform == "tpu" for d in jax.devices()):
        pytest.skip("there is a TPU")
    run = tmp_path / "runs" / "run"
    line = refusal(capsys, "train", "--data-dir", blobs, "--run-dir", run, *args)
    assert re.search(named, line)
    assert not run.parent.exists()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--dataset", "mnst"), "'mnst'"),
        (("--dataset", "./nowhere"), "--dataset ./nowhere is a folder; pass --data-dir ./nowhere"),
        (("--data-dir", "nowhere"), "nowhere: no such folder"),
        (("--data-dir", "."), "no train-images-idx3-ubyte"),
    ],
)
def test_missing_data_are_named_and_make_no_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, str],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXAE_DATA_DIR", str(tmp_path / "cache"))
    assert named in refusal(capsys, "train", *args)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), "expected a command: train, study, report, figures, "),
        (("fly",), "unknown command 'fly' (see jaxae --help)"),
        (("figures",), "expected a run's folder, or --verify and a figure's file (see jaxae fig"),
        (("encode", "run", "x.npy"), "Missing from jaxae encode: Z.npy (see jaxae encode --help)"),
        (("report", "run", "b"), "b (see jaxae report --help)"),
        (("trian",), "unknown command 'trian'; did you mean train? "),
        (("train", "--epohs", 3), "train has no option --epohs; did you mean --epochs? "),
        (("train", "--learning_rat=1"), "no option --learning_rat; did you mean --learning-rate? "),
        (("encode", "run", "--devcie", "cpu"), "--devcie; did you mean --device or --devices? "),
        (("report", "run", "--bogus"), "report has no option --bogus (see jaxae report --help"),
        (("report", "run", "--debgu"), "report has no option --debgu; did you mean --debug? "),
        (("train", "--fit-box"), "train has no option --fit-box; did you mean --box cloud? "),
        (("encode", "--fit_box"), "encode has no option --fit_box (see jaxae encode --help"),
        (("--verison",), "no option --verison before a command; did you mean --version? "),
    ],
)
def test_a_bad_command_line_is_answered_with_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], args: tuple[object, ...], expected: str
) -> None:
    assert expected in refusal(capsys, *args)


def test_a_tilde_after_an_equals_sign_is_the_home_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(run.parent))
    monkeypatch.setenv("USERPROFILE", str(run.parent))
    assert jaxae("train", "--resume", "--run-dir=~/run") == 0
    assert f"{run} is finished" in capsys.readouterr().out
    assert jaxae("export", run, "--format=safetensors", "--out=~/run.safetensors") == 0
    assert (run.parent / "run.safetensors").is_file()
    assert "~no one/run is not a run" in refusal(capsys, "report", "~no one/run")


@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_that_cannot_be_made_is_named(
    blobs: Path, a_file: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    line = refusal(capsys, "train", "--data-dir", blobs, "--run-dir", a_file / below)
    assert str(a_file) in line
    assert a_file.read_text() == "in the way"


def test_an_output_folder_that_cannot_be_made_is_named(
    trained: Path, a_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "images.npy", np.zeros((1, 8, 6), np.uint8))
    np.save(tmp_path / "z.npy", np.zeros((1, 2)))
    out = a_file / "below" / "out.npy"
    assert str(a_file) in refusal(capsys, "encode", trained, tmp_path / "images.npy", out)
    assert str(a_file) in refusal(capsys, "decode", trained, tmp_path / "z.npy", out)
    assert str(a_file) in refusal(capsys, "figures", trained, "--out", a_file / "figures")
    assert a_file.read_text() == "in the way"


# Messages.


def test_debug_shows_where_an_error_arose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("report", tmp_path)
    monkeypatch.setenv("JAXAE_DEBUG", "")
    plain = refusal(capsys, *args)
    assert "--debug" not in plain  # It says what to do.
    for debug, variable in (("--debug",), "0"), ((), "1"):
        monkeypatch.setenv("JAXAE_DEBUG", variable)
        assert jaxae(*args, *debug) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith("Traceback") and "in open" in "".join(lines)
        assert lines[-1] == plain


def test_an_error_raised_by_a_library_mentions_debug(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "open", lambda _: np.broadcast_to(np.ones(2), 3))
    assert refusal(capsys, "report", tmp_path).endswith(" (--debug shows where)")


@pytest.mark.parametrize(
    ("text", "module", "reported"),
    [
        ("Event loop is closed", "asyncio.base_events", False),
        ("cannot read", "orbax.checkpoint._src", False),
        ("cannot read", "asyncio.base_events", True),
        ("lost", "jaxae.runs.run", True),
    ],
)
def test_only_exceptions_of_unfinished_reads_are_dropped(
    monkeypatch: pytest.MonkeyPatch, text: str, module: str, reported: bool
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(sys, "__unraisablehook__", heard.append)
    try:
        exec("raise error", {"__name__": module, "error": RuntimeError(text)})
    except RuntimeError as error:
        args: Any = SimpleNamespace(exc_value=error, exc_traceback=error.__traceback__)
    drop_unfinished_reads(args)
    assert heard == [args] * reported


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test set up this process as that of a command."""
    ours = logging.getLogger("jaxae")
    for name, value in ("handlers", []), ("propagate", True):
        monkeypatch.setattr(ours, name, value)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler()])
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(running, "keep_compiled", lambda: None)
    with warnings.catch_warnings():
        yield


def test_a_warning_is_printed_once(own_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    running.set_up(debug=True)
    logging.getLogger("jaxae.latent.codec").warning("a mask?")
    assert capsys.readouterr().err == "jaxae: a mask?\n"


@pytest.mark.parametrize("debug", [True, False])
def test_a_failed_save_leaves_no_warning_of_what_never_started(
    own_logging: None, debug: bool
) -> None:
    async def write() -> None:
        """As a save of Orbax leaves it, sometimes, when the disk is full."""

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        running.set_up(debug)
        never_started = write()
        del never_started
        assert len(heard) == debug


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "-1 x 2 | ?"), ("cp1252", "-1 × 2 | ?"), ("utf-8", "−1 × 2 │ 漢")],
)
def test_characters_that_the_encoding_lacks_are_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    monkeypatch.setattr(sys, "argv", ["jaxae", "train", "--help"])
    with pytest.raises(SystemExit) as stopped:
        main()
    say("−1 × 2 │ 漢")
    sys.stdout.flush()
    assert not stopped.value.code
    assert "--checkpoint-steps" in written.getvalue().decode(encoding)
    assert "?" not in written.getvalue().decode(encoding).replace("| ?", "")
    assert written.getvalue().decode(encoding).splitlines()[-1] == shown


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_bad_value_is_explained_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    line = refusal(capsys, "train", "--seed", "x")
    assert line == (
        "jaxae: --seed: invalid literal for int() with base 10: 'x' (see jaxae train --help)"
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert jaxae("--version") == 0
    assert capsys.readouterr().out == f"jaxae {__version__}\n"


@pytest.mark.slow
def test_help_and_bad_options_do_not_import_jax() -> None:
    script = """
import sys
from jaxae.cli.app import COMMANDS, main

for line in ("--help", "train --help", "figures --help", "train --bogus", "train --epochs 0"):
    try:
        main(line.split())
    except SystemExit:
        pass
slow = {"jax", "flax", "optax", "orbax", "numpy", "scipy", "sklearn", "matplotlib"}
print("imported:", *sorted(slow & sys.modules.keys()))
"""
    done = python("-c", script)
    assert done.stdout.splitlines()[-1] == "imported:", done.stderr


@pytest.mark.slow
def test_the_program_refuses_with_one_line_and_status_2(tmp_path: Path) -> None:
    done = python("-m", "jaxae", "figures", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path} is not a run" in line


@pytest.mark.slow
@pytest.mark.parametrize("args", [("--version",), ("study", "--help")], ids=" ".join)
def test_the_program_ends_silently_when_nobody_reads_its_output(args: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "jaxae", *args]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


# Help.


REQUIRED = object()


HARDWARE = {"device": "auto", "devices": None}


DEFAULTS: dict[str, dict[str, Any]] = {
    "train": {
        "dataset": "mnist",
        "data-dir": None,
        **HARDWARE,
        "coordinator": None,
        "process-id": None,
        "process-count": None,
        "stream": False,
        "run-dir": None,
        "overwrite": False,
        "tensorboard": False,
        "box": None,
        "latent-dim": 2,
        "hidden-dim": 512,
        "model": "ae",
        "architecture": "dense",
        "activation": "relu",
        "epochs": 20,
        "batch-size": 128,
        "learning-rate": 0.001,
        "schedule": "constant",
        "seed": 0,
        "kl-weight": 1.0,
        "input-noise": 0.0,
        "likelihood": "squared",
        "binarize": False,
        "kl-warmup": 0,
        "flatten": 0.0,
        "precision": "float32",
        "validation": 0,
        "checkpoint-every": 5,
        "keep": 2,
        "checkpoint-steps": 10_000,
        "resume": False,
    },
    "figures": {
        "only": None,
        "classes": None,
        "format": "png",
        "width": None,
        "dpi": None,
        "palette": None,
        "out": None,
        "box": None,
        "data-dir": None,
        "checkpoint": "newest",
        "verify": None,
    },
    "encode": {"checkpoint": "newest", **HARDWARE},
    "decode": {"checkpoint": "newest", **HARDWARE},
    "export": {"format": REQUIRED, "out": REQUIRED, "checkpoint": "newest"},
    "import": {"like": None},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_in_a_commands_help_is_valid(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        jaxae(command, "--help")
    (line,) = re.findall("(?m)Examples?: (.*)$", capsys.readouterr().out)
    ran: list[object] = []
    monkeypatch.setattr(COMMANDS[command], "__call__", lambda options: ran.append(options))
    for example in line.split(", then "):
        program, *args = example.split()
        assert (program, args[0]) == ("jaxae", command)
        assert main(args) == 0
        assert isinstance(ran.pop(), COMMANDS[command])


def test_help_has_one_line_per_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        jaxae("--help")
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for command, kind in COMMANDS.items():
        assert f"• {command} {kind.__doc__.splitlines()[0]}" in out
    for expected in (
        "JAXAE_DEBUG=1",
        "JAX_ENABLE_COMPILATION_CACHE=0",
        "--version",
        "COMMAND --help",
    ):
        assert expected in out


@pytest.mark.parametrize("command", DEFAULTS)
def test_help_of_a_command_lists_every_option_with_its_default(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # Wider, and the options stand in two columns.
    with pytest.raises(SystemExit) as stopped:
        jaxae(command, "--help")
    assert not stopped.value.code
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    # An option starts its line; what follows, up to the next option, explains it.
    starts = re.split(r"(?m)^[│ ]*(?=-)", out)
    explained = {
        match.group(1): " ".join(text.replace("│", " ").split())
        for text in starts
        if (match := re.match(r"(?:-h, )?--([a-z][\w-]*)", text))
    }
    expected = {name.replace("_", "-"): value for name, value in DEFAULTS[command].items()}
    assert explained.keys() - {"help"} == expected.keys()
    for name, value in expected.items():
        default = "(required)" if value is REQUIRED else f"(default: {value})"
        assert default in explained[name]
