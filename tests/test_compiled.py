"""The compilation cache: used by the next command, bounded in size, never in the way."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxae.cli.app import main
from jaxae.cli.compiled import keep_compiled, prune
from jaxae.config import ProcessConfig
from jaxae.distributed.processes import process_group
from tests.idx_files import write_blobs

RUN = Path(__file__).parent / "fixtures" / "run-v1"
OPTIONS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's cache folder, with JAX configured as without any choice of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = {name: getattr(jax.config, name) for name in OPTIONS}
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    jax.clear_caches()
    yield tmp_path / "cache" / "jaxae" / "compiled"
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@contextmanager
def asked() -> Iterator[Counter[str]]:
    """Count the programs that JAX looks up in its cache, and those that it finds."""
    jax.clear_caches()
    heard: Counter[str] = Counter()

    def listen(event: str, **_: str | int) -> None:
        heard[event.rpartition("/")[2]] += 1

    jax.monitoring.register_event_listener(listen)
    try:
        yield heard
    finally:
        jax.monitoring.unregister_event_listener(listen)


@pytest.mark.slow
def test_a_second_report_compiles_nothing(cache: Path, tmp_path: Path) -> None:
    keep_compiled()
    write_blobs(tmp_path / "data")
    args = ("--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "report.json"))
    for _ in range(2):
        with asked() as heard:
            assert main(["report", str(RUN), *args]) == 0
    assert heard["cache_hits"] == heard["compile_requests_use_cache"] > 10
    assert any(cache.rglob("*-cache"))


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda content: content, True),
        (lambda content: content[:40], False),
        (lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:], False),
        (lambda content: b"", False),
    ],
    ids=["whole", "cut", "flipped", "empty"],
)
def test_a_damaged_entry_is_compiled_again_silently(
    cache: Path, damage: Callable[[bytes], bytes], found: bool
) -> None:
    keep_compiled()
    program = jax.jit(lambda x: x + 1.25)
    program(1.0)
    for path in cache.rglob("*-cache"):
        path.write_bytes(damage(path.read_bytes()))
    with asked() as heard:
        assert program(1.0) == 2.25  # A warning would be an error.
    assert (heard["cache_hits"] > 0) == found


def test_a_cache_that_cannot_be_written_is_not_used(cache: Path) -> None:
    cache.parents[1].write_text("a file in the way")
    keep_compiled()
    assert jax.config.jax_compilation_cache_dir is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("option", "value"),
    [("jax_compilation_cache_dir", "mine"), ("jax_enable_compilation_cache", False)],
)
def test_the_users_choice_takes_precedence(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: object
) -> None:
    before = getattr(jax.config, option)
    jax.config.update(option, value)
    try:
        choice = {name: getattr(jax.config, name) for name in OPTIONS}
        keep_compiled()
        assert {name: getattr(jax.config, name) for name in OPTIONS} == choice
        assert not cache.exists()
    finally:
        jax.config.update(option, before)


@pytest.mark.slow
def test_processes_share_only_a_cache_that_the_user_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("initialize", "shutdown"):
        monkeypatch.setattr(jax.distributed, name, lambda *_, **__: None)
    config: Any = jax.config
    keep_compiled()
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    with process_group(ProcessConfig()):
        assert config.jax_compilation_cache_dir is None
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "shared")
    with process_group(ProcessConfig()):
        assert config.jax_compilation_cache_dir == "shared"


def test_the_least_recently_read_files_are_pruned(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "a/middle", "a/old", "oldest")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(10))
        os.utime(path, (1e9 - age, 1e9 + age))
    prune(tmp_path, 40)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4
    prune(tmp_path, 25)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"new", "middle"}


def test_each_kind_of_processor_has_its_own_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "model name\t: A\nflags\t\t: fma {}\ncpu MHz\t\t: {}\n\n"
    folders = []
    for flags, clock in (("avx2", 1), ("avx2", 2), ("avx512f", 1)):
        content = text.format(flags, clock) * 2
        monkeypatch.setattr(Path, "read_text", lambda _, content=content: content)
        keep_compiled()
        folders.append(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", None)
    assert folders[0] == folders[1] != folders[2]
