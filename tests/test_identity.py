"""The identity of a machine: what is read, its name, and what makes it another machine."""

import importlib.util
import io
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from benchmarks.measuring import provenance, reported, speeds
from benchmarks.measuring.identity import Machine, describe
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError
from benchmarks.tasks import Sizes, limit

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
stepping\t: 8
flags\t\t: fpu sse2 smep fma avx avx2 f16c avx512f avx512_bf16 amx_tile amx_bf16 avx_vnni

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: another
"""
ARM = """processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm asimdhp sve i8mm bf16
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""
EPYC = {"cpu": "AMD EPYC", "family": 26, "processors": 2}


def system(root: Path, cpuinfo: str, caches: dict[str, tuple[str, str, str]]) -> Path:
    """Write the files that the kernel of a machine shows."""
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(cpuinfo)
    for index, values in caches.items():
        folder = root / "sys/devices/system/cpu/cpu0/cache" / index
        folder.mkdir(parents=True)
        for name, value in zip(("level", "type", "size"), values, strict=True):
            (folder / name).write_text(f"{value}\n")
    pages = root / "sys/kernel/mm/transparent_hugepage"
    pages.mkdir(parents=True)
    (pages / "enabled").write_text("always [madvise] never\n")
    return root


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 4)
    monkeypatch.setattr(reported, "output", lambda *_: None)


def test_a_processor_is_read_from_the_kernels_files(tmp_path: Path, linux: None) -> None:
    caches = {
        "index0": ("1", "Data", "48K"),
        "index1": ("1", "Instruction", "32K"),
        "index2": ("2", "Unified", "2048K"),
        "index3": ("3", "Unified", "105M"),
    }
    described = describe(system(tmp_path, X86, caches))
    expected_instructions = "amx_bf16 amx_tile avx avx2 avx512_bf16 avx512f avx_vnni f16c fma"
    assert described == {
        "architecture": "x86_64",
        "vendor": "GenuineIntel",
        "family": 6,
        "model": 143,
        "stepping": 8,
        "cpu": "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
        "instructions": expected_instructions.split(),
        "caches": {"L1d": 49152, "L1i": 32768, "L2": 2097152, "L3": 110100480},
        "huge_pages": "madvise",
        "processors": 8,
        "cores": 4,
        "gpus": None,
        "tpus": None,
    }
    assert Machine(described, {}, 8).name == "intel-xeon-platinum-8481c-6.143.8-8cpu"


def test_what_an_arm_kernel_does_not_say_is_none(tmp_path: Path, linux: None) -> None:
    described = describe(system(tmp_path, ARM, {}))
    assert described["model"] == "0xd40" and described["vendor"] == "0x41"
    assert described["instructions"] == ["asimd", "asimdhp", "bf16", "i8mm", "sve"]
    assert described["cpu"] is None and described["caches"] is None
    assert Machine(described, {}, 8).name == "x86-64-8.0xd40.1-8cpu"


def test_a_system_that_says_nothing_has_a_name_too(tmp_path: Path, linux: None) -> None:
    described = describe(tmp_path)
    unknown = {key for key, value in described.items() if value is None}
    assert unknown == described.keys() - {"architecture", "processors", "cores"}
    assert Machine(described, {}, 8).name == "x86-64-8cpu"


def test_gpus_are_part_of_the_name(
    tmp_path: Path, linux: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "NVIDIA H100 80GB HBM3, 550.54.15, 1980, 2619"
    monkeypatch.setattr(reported, "output", lambda *_: f"{line}\n{line}")
    described = describe(tmp_path)
    card = {"name": "NVIDIA H100 80GB HBM3", "driver": "550.54.15"}
    assert described["gpus"] == [card | {"sm_mhz": "1980", "memory_mhz": "2619"}] * 2
    assert Machine(described, {}, 8).name == "x86-64-8cpu-2xnvidia-h100-80gb-hbm3"


def test_tpus_are_part_of_the_name(tmp_path: Path, linux: None) -> None:
    # Four chips, a network card of the same vendor and one of another.
    chips = [("0x1ae0", "0x0063")] * 4 + [("0x1ae0", "0x0042"), ("0x10de", "0x0063")]
    for i, (vendor, device) in enumerate(chips):
        folder = tmp_path / f"sys/bus/pci/devices/0000:00:0{i}.0"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "device").write_text(f"{device}\n")
    described = describe(tmp_path)
    assert described["tpus"] == ["TPU v5e"] * 4
    assert Machine(described, {}, 8).name == "x86-64-8cpu-4xtpu-v5e"


def test_macos_is_described_by_sysctl(linux: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "machdep.cpu.brand_string": "Apple M2",
        "hw.cpufamily": "3660830781",
        "hw.l1dcachesize": "65536",
        "hw.l2cachesize": "4194304",
    }
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(reported, "output", lambda *command: said.get(command[-1]))
    described = describe()
    assert described["caches"] == {"L1d": 65536, "L2": 4194304}
    assert described["instructions"] is None
    assert Machine(described, {}, 8).name == "apple-m2-3660830781-8cpu"


def test_this_machine_is_described_the_same_twice_and_survives_json() -> None:
    machine = Machine(describe(), {}, 2)
    assert Machine(**json.loads(json.dumps(asdict(machine)))) == Machine(describe(), {}, 2)
    assert "/" not in machine.name and machine.name == machine.name.strip("-").lower()


@pytest.mark.parametrize(
    ("described", "speed", "threads", "expected"),
    [
        ({}, 420.0, 2, []),
        ({}, 337.0, 2, []),
        ({}, 524.0, 2, []),
        ({}, 171.0, 2, [("sgemm", "420", "171")]),
        ({}, 171.0, 1, []),  # With another number of threads, nothing follows.
        ({}, None, 2, []),
        ({"family": 25}, 420.0, 2, [("family", "26", "25")]),
        ({"huge_pages": None}, 420.0, 2, [("huge_pages", "always", "unknown")]),
        ({"unheard_of": 1}, 420.0, 2, []),
        (
            {"instructions": ["avx", "fma"]},
            420.0,
            2,
            [("instructions", "with amx_tile", "without")],
        ),
        ({"caches": {"L2": 1}}, 420.0, 2, [("caches", "L2 2", "L2 1")]),
    ],
)
def test_machines_differ_in_what_both_know(
    described: dict[str, Any],
    speed: float | None,
    threads: int,
    expected: list[tuple[str, str, str]],
) -> None:
    known = {"family": 26, "huge_pages": "always", "caches": {"L2": 2}}
    known["instructions"] = ["amx_tile", "avx", "fma"]
    one = Machine(known, {"sgemm": 420.0, "peak": None}, 2)
    assert one.differences(Machine(known | described, {"sgemm": speed}, threads)) == expected


def test_memory_bandwidth_may_vary_more() -> None:
    fast = Machine({}, {"triad_gbs": 73.0}, 2)
    assert fast.differences(replace(fast, speeds={"triad_gbs": 45.0})) == []
    found = fast.differences(replace(fast, speeds={"triad_gbs": 30.0}))
    assert found == [("triad_gbs", "73", "30")]


def test_a_librarys_speed_says_nothing_after_an_upgrade() -> None:
    old = Machine({}, {"sgemm_jax_train_gflops": 400.0, "peak_gflops": 500.0}, 2, {"jax": "1"})
    new = Machine({}, {"sgemm_jax_train_gflops": 200.0, "peak_gflops": 200.0}, 2, {"jax": "2"})
    assert old.differences(new) == [("peak_gflops", "500", "200")]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The speeds that this machine shows from now on, one after the other."""
    found: list[float] = []
    monkeypatch.setattr(provenance, "describe", lambda: EPYC)
    monkeypatch.setattr(speeds, "measure", lambda *_: {"sgemm": found.pop(0)})
    monkeypatch.setattr(speeds, "versions", lambda: {"jax": "1"})
    return found


def identify(path: Path, mixed: bool = False, threads: int = 2) -> Results:
    results = Results(path)
    known = provenance.identify(results, threads, Console(file=io.StringIO()), mixed, busy=False)
    results.add("grid", "flax", {"values": [1.0], "loops": 1, "round": 0, **known})
    results.save()
    return Results(path)


def test_speeds_of_a_slow_process_are_measured_again(tmp_path: Path, measured: list[float]) -> None:
    measured += [420.0, 171.0, 200.0, 410.0]
    identify(tmp_path / "r.json")
    ((name, machine),) = identify(tmp_path / "r.json").machines().items()
    assert name == "amd-epyc-26-2cpu" and measured == []
    assert machine == Machine(EPYC, {"sgemm": 420.0}, 2, {"jax": "1"})


def test_another_machine_is_refused_and_the_file_kept(
    tmp_path: Path, measured: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured += [420.0, 171.0, 171.0, 180.0]
    path = tmp_path / "r.json"
    identify(path)
    files = path, path.with_suffix(".notes.json")
    before = [file.read_bytes() for file in files]
    with pytest.raises(ValueError, match=r"\(sgemm 420, now 180\); choose another --out"):
        identify(path)
    monkeypatch.setattr(provenance, "describe", lambda: EPYC | {"family": 25})
    with pytest.raises(ValueError, match=r"family 26, now 25;"):
        provenance.require_same_conditions(Results(path), 2)
    assert [file.read_bytes() for file in files] == before


def test_mixed_results_keep_machines_of_one_name_apart(
    tmp_path: Path, measured: list[float]
) -> None:
    measured += [420.0, 171.0, 171.0, 171.0, 300.0]
    for threads in (2, 2, 1):
        results = identify(tmp_path / "r.json", mixed=True, threads=threads)
    assert [(name, machine.speeds) for name, machine in results.machines().items() if machine] == [
        ("amd-epyc-26-2cpu", {"sgemm": 420.0}),
        ("amd-epyc-26-2cpu-2", {"sgemm": 171.0}),
        ("amd-epyc-26-2cpu-3", {"sgemm": 300.0}),
    ]


def test_results_without_an_identity_can_be_read_but_not_added_to(
    tmp_path: Path, measured: list[float]
) -> None:
    path = tmp_path / "r.json"
    results = Results(path)
    results.add("grid", "flax", {"values": [1.0], "loops": 1, "round": 0, "threads": 2})
    results.save()
    assert Results(path).machines() == {"": None}
    with pytest.raises(ValueError, match="their machine is not identified"):
        provenance.require_same_conditions(Results(path), 2)


def test_a_note_of_a_machine_must_be_whole(tmp_path: Path) -> None:
    notes = tmp_path / "r.notes.json"
    damage: dict[str, Any]
    whole = {"kind": "machine", "name": "m", "described": {}, "speeds": {}, "threads": 2}
    whole["versions"] = {}
    notes.write_text(json.dumps([whole]))
    Results(tmp_path / "r.json")
    for damage in (
        {"name": 3},
        {"described": []},
        {"speeds": {"sgemm": "fast"}},
        {"threads": None},
    ):
        notes.write_text(json.dumps([whole | damage]))
        with pytest.raises(ValueError, match="is not a list of notes"):
            Results(tmp_path / "r.json")


@pytest.mark.parametrize("work", ["train", "encode", "decode"])
def test_numpys_loop_computes_each_product(
    work: limit.Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(limit, "_products", lambda work, *operands: calls.append(work))
    limit.numpy_products(work, Sizes(8, 4), 16, times=3)()
    assert calls == [work] * 3


def test_on_a_busy_machine_only_the_peak_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(module: str, spec: dict[str, Any], environment: dict[str, str]) -> dict[str, float]:
        assert module == "measuring.speeds" and spec["threads"] == 2
        if spec["what"] == "torch":
            raise WorkerError("signal SIGSEGV: last words")
        return {spec["what"]: 1.0}

    monkeypatch.setattr(speeds, "spawn", answer)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "numpy" or None)
    console = Console(file=io.StringIO(), width=100)
    assert speeds.measure(2, console, busy=True) == {"peak": 1.0}
    assert speeds.measure(2, console, busy=False) == {"peak": 1.0, "jax": 1.0}
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown == "the speed of torch is not known: signal SIGSEGV: last words\n"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_no_product_is_faster_than_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "_SECONDS", 0.05)
    found = speeds.library_speeds("numpy")
    assert list(found) == [
        f"sgemm_numpy_{shape}_gflops" for shape in ("train", "encode", "decode", "large")
    ]
    fastest = max(of or 0 for of in found.values())
    peak = speeds.peak(os.cpu_count() or 1)
    assert peak is not None and 0 < fastest < peak


def test_without_a_compiler_the_peak_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert speeds.peak(2) is None


def test_the_triad_counts_three_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "_least_seconds", lambda call: (call(), call(), 0.5)[-1])
    # 1 MiB read twice and written once in half a second.
    assert speeds.triad(mebibytes=1) == {"triad_gbs": pytest.approx(3 * 2**20 / 0.5 / 1e9)}
