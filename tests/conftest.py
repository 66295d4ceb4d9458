"""Shared by all tests: strict settings of JAX, and a data set that trains in an instant."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxae import Dataset, Split
from jaxae.cli.app import main
from jaxae.cli.compiled import prune
from tests.idx_files import write_idx_folder

# A test that broadcasts by accident should fail.
jax.config.update("jax_numpy_rank_promotion", "raise")
# LLVM takes longer to optimize these programs than they run. This keeps XLA's own passes.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Eight devices on any machine, for the tests of several devices; the other tests use one.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_default_device", jax.devices("cpu")[0])

# Compiled programs are shared between tests, their processes, and calls of pytest.
_CACHE = Path(__file__).parents[1] / ".pytest_cache" / "d" / "compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
prune(_CACHE, 500 << 20)

# As in a terminal. In the background of a shell, this process and its children ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

_HEAVY = {"tensorflow", "torch"}


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Blurry blobs: 300 training and 60 test images of 8×6 pixels in 3 classes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:8, :6]

    def split(n: int) -> Split:
        labels = rng.integers(0, 3, n)
        centre = labels * 2.0 + rng.normal(0, 0.4, n)
        images = 255 * np.exp(
            -((y[None] - centre[:, None, None] - 1) ** 2) / 2 - (x[None] - 2.5) ** 2 / 3
        )
        return Split(images.astype(np.uint8), labels)

    return Dataset("blobs", split(300), split(60), ("low", "middle", "high"))


@pytest.fixture(scope="session")
def blobs(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data set as a folder of IDX files."""
    folder = tmp_path_factory.mktemp("data") / "blobs"
    write_idx_folder(folder, tiny.train, tiny.test)
    return folder


@pytest.fixture(scope="session")
def trained(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs, not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    options = ("--epochs=2", "--hidden-dim=16")
    assert main(["train", f"--data-dir={blobs}", f"--run-dir={run}", *options]) == 0
    return run


@pytest.fixture(scope="session")
def runs(trained: Path, blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs of two models, ae and a deeper vae, not to be changed."""
    folder = tmp_path_factory.mktemp("both")
    shutil.copytree(trained, folder / "ae")
    options = ("--model=vae", f"--data-dir={blobs}", "--epochs=2", "--hidden-dim", "16", "8")
    assert main(["train", f"--run-dir={folder / 'vae'}", *options]) == 0
    return folder


@pytest.fixture(scope="session")
def browsers() -> None:
    """Skip tests where a browser is missing; fail if REQUIRE_BROWSERS is set."""
    from tests.browsers import path_of

    try:
        for program in ("chromium", "chromedriver", "firefox-esr"):
            path_of(program)
    except FileNotFoundError as error:
        (pytest.fail if "REQUIRE_BROWSERS" in os.environ else pytest.skip)(str(error))


@pytest.fixture(scope="session")
def opened_explorer(
    browsers: None, runs: Path, tiny: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    from tests.explorers import opened  # Needs what drives browsers.

    with opened(runs, tiny, tmp_path_factory.mktemp("explorer")) as explorer:
        yield explorer


@pytest.fixture
def explorer(opened_explorer: Any) -> Iterator[Any]:
    """An explorer, opened again; the console must be empty at the end."""
    opened_explorer.page.open(opened_explorer.path)
    yield opened_explorer
    assert opened_explorer.page.problems() == []


@pytest.fixture(scope="session")
def study(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one seed, not to be changed."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    shutil.copytree(trained, folder / "seed-0")
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `jaxae train` and `jaxae study` draw no figures, which takes longer than the training."""
    for command in ("train", "study"):
        monkeypatch.setattr(f"jaxae.cli.{command}.draw_all", lambda *_, **__: None)


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Collect an entry for each program that XLA compiles inside the block."""
    heard: list[str] = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            heard.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield heard
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def rounded_products(lowered: Any) -> list[str]:
    """Return the matrix products of a lowered program that a GPU or TPU may round below float32."""
    products = [
        line
        for line in lowered.as_text().splitlines()
        if "stablehlo.dot_general" in line or "stablehlo.convolution" in line
    ]
    assert products, "the program has no matrix product, so the test could not fail"
    return [line for line in products if "HIGHEST, HIGHEST" not in line]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, so that both processes end at about the same time."""
    longest = ("test_processes.py", "test_faults.py", "test_contestants.py")
    items.sort(key=lambda item: item.path.name not in longest)


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that has to be marked slow, and is not."""
    if request.node.get_closest_marker("slow"):
        yield
        return
    start = subprocess.Popen.__init__

    def check(process: subprocess.Popen[Any], args: Any, *more: Any, **options: Any) -> None:
        assert args[0] != sys.executable, "starts a Python process: mark the test slow"
        start(process, args, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", check)
    before = _HEAVY & sys.modules.keys()
    yield
    imported = _HEAVY & sys.modules.keys() - before
    assert not imported, f"imports {', '.join(imported)}: mark the test slow"


@pytest.fixture(autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test that is marked accelerator on the machine's GPU or TPU, if there is one."""
    marked = request.node.get_closest_marker("accelerator")
    with jax.default_device(jax.devices()[0]) if marked else nullcontext():
        yield
