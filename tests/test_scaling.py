"""The sweeps are stored, fitted and reported; the cost model agrees with XLA's counts."""

import io
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from rich.console import Console

import jaxae
from benchmarks.__main__ import main
from benchmarks.measuring import provenance, speeds
from benchmarks.measuring.results import Results
from benchmarks.measuring.spawn import WorkerError
from benchmarks.scaling import roofline, runner, worker
from benchmarks.scaling.chart import draw
from benchmarks.scaling.hlo import collectives
from benchmarks.scaling.report import write_report
from benchmarks.scaling.sweeps import SWEEPS, Point, Sweep
from benchmarks.stats import growth_of
from benchmarks.tasks import flops
from benchmarks.tasks.flops import Sizes

ROOT = Path(__file__).parents[1]
NODE, POD = roofline.MACHINES


def quiet() -> Console:
    return Console(file=io.StringIO(), width=500)


def made_up(path: Path, exponent: float = 1.0) -> Results:
    """Six rounds of every sweep; the cost of images has a known exponent."""
    results = Results(path)
    for number in range(6):
        for sweep in SWEEPS.values():
            for value in sweep.values:
                if value == "tf32":
                    continue
                if sweep.name == "images":
                    cost = 1e-5 * value**exponent
                else:
                    cost = {"float32": 1.0, "bfloat16": 1.5}.get(value) or 1e-3 + 2e-5 * value
                sent = {"collectives": "all-reduce", "collective_bytes": 4} if value == 4 else {}
                loss = {"test_loss": 35 + number + 0.25 * (value == "bfloat16")}
                outcome = {"values": [cost], "loops": 1, "round": number, "threads": 2}
                results.add(sweep.name, str(value), outcome | sent | loss)
    return results


def test_a_fit_recovers_the_parts_and_exponents_of_the_costs(tmp_path: Path) -> None:
    results = made_up(tmp_path / "r.json", exponent=1.25)
    batch = growth_of(SWEEPS["batch"].measured(results))
    assert batch is not None and (batch.fixed, batch.each) == pytest.approx((1e-3, 2e-5))
    images = growth_of(SWEEPS["images"].measured(results))
    assert images is not None and images.exponent == pytest.approx(1.25)
    assert growth_of(SWEEPS["precision"].measured(results)) is None


@pytest.mark.parametrize(
    ("exponent", "verdict"), [(1.04, "cost is proportional"), (0.94, "cost is NOT proportional")]
)
def test_the_report_says_whether_cost_is_proportional_to_the_images(
    exponent: float, verdict: str, tmp_path: Path
) -> None:
    (path, plot) = write_report(made_up(tmp_path / "r.json", exponent), tmp_path / "out")
    text = path.read_text()
    assert verdict in text and f"{exponent:.3f} ± 0.000" in text
    assert plot.stat().st_size > 0 and plot.name in text


def test_a_sweep_of_one_value_is_not_drawn(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.json")
    outcome = {"loops": 1, "round": 0, "threads": 2, "test_loss": 35}
    for name, value in (("batch", 32), ("precision", "float32"), ("images", 7500)):
        results.add(name, str(value), outcome | {"values": [1.0]})
    (path,) = write_report(results, tmp_path / "out")
    assert "![" not in path.read_text()
    results.add("images", "15000", outcome | {"values": [2.0]})
    figure = draw(results)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xlabel() == "images" and not axes.get_title()  # Too few for a fit.
    shown: Any = axes.lines[0].get_xydata()
    assert shown.tolist() == [[7500, 1], [15000, 2]]


def test_the_report_gives_the_loss_and_the_speed_of_each_precision(tmp_path: Path) -> None:
    results = made_up(tmp_path / "r.json")
    why = "exit status 1: ValueError: tf32 is for NVIDIA GPUs"
    results.note(
        kind="failed", framework="tf32", task="precision", tasks=["precision"], round=0, why=why
    )
    results.save()
    assert main(["report", str(tmp_path / "r.json")]) == 0
    text = (tmp_path / "r" / "report.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| bfloat16 "))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1:5] == ["1.50 s", "1.50 [1.50, 1.50]", "37.750", "+0.250 [+0.250, +0.250]"]
    assert f"tf32 precision: failed, {why}" in text


class Spawn:
    """A stand-in for `spawn` that records (images, round) of each training, which takes 1 s.

    Attributes:
      fails: what to raise at the training of this number of images, or of this many trainings.
    """

    def __init__(self) -> None:
        self.started: list[tuple[int, int]] = []
        self.fails: dict[int, BaseException] = {}

    def __call__(self, module: str, spec: dict[str, Any], environment: Any) -> dict[str, Any]:
        assert module == "scaling.worker"
        images, number = spec["point"]["images"], len(self.started)
        for key in (images, number):
            if key in self.fails:
                raise self.fails[key]
        self.started.append((images, spec["round"]))
        return {"values": [1.0], "loops": 1, "test_loss": 40.0}


@pytest.fixture
def spawn(monkeypatch: pytest.MonkeyPatch) -> Spawn:
    stand_in = Spawn()
    monkeypatch.setattr(runner, "spawn", stand_in)
    monkeypatch.setattr(speeds, "measure", lambda *_: {"peak_gflops": 100.0})
    monkeypatch.setattr(provenance, "provenance", lambda: {"commit": "abc"})
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return stand_in


def test_an_interrupted_run_continues_where_it_stopped(tmp_path: Path, spawn: Spawn) -> None:
    sweep = Sweep("images", "images", (256, 512, 1024), ())
    spawn.fails = {4: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        runner.run(Results(tmp_path / "r.json"), [sweep], 2, quiet())
    assert [number for _, number in spawn.started] == [0, 0, 0, 1], "one round before the next"
    spawn.fails = {}
    runner.run(Results(tmp_path / "r.json"), [sweep], 2, quiet())
    assert len(spawn.started) == len(set(spawn.started)) == 6
    points = sweep.measured(Results(tmp_path / "r.json"))
    assert {value: len(found) for value, found in points.items()} == {256: 2, 512: 2, 1024: 2}


def test_another_commits_results_are_not_added_to(
    tmp_path: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep("images", "images", (256,), ())
    runner.run(Results(tmp_path / "r.json"), [sweep], 1, quiet())
    monkeypatch.setattr(provenance, "provenance", lambda: {"commit": "def"})
    with pytest.raises(ValueError, match=r"commit abc, now def.*--mixed"):
        runner.run(Results(tmp_path / "r.json"), [sweep], 2, quiet())
    assert len(spawn.started) == 1
    runner.run(Results(tmp_path / "r.json"), [sweep], 2, quiet(), mixed=True)
    assert len(spawn.started) == 2


def test_a_point_that_fails_is_noted_and_skipped_from_then_on(tmp_path: Path, spawn: Spawn) -> None:
    spawn.fails = {512: WorkerError("signal SIGKILL: out of memory")}
    results = Results(tmp_path / "r.json")
    runner.run(results, [Sweep("images", "images", (256, 512), ())], 3, quiet())
    assert spawn.started == [(256, 0), (256, 1), (256, 2)]
    (note,) = (note for note in results.notes if note["kind"] != "machine")
    assert note["framework"] == "512" and note["why"] == "signal SIGKILL: out of memory"


def test_the_command_stores_results_and_writes_their_report(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "r.json"
    assert main(["scaling", "--quick", "--sweeps", "images", "batch", "--out", str(path)]) == 0
    results = Results(path)
    steps = -(-SWEEPS["batch"].base.images // 512)
    assert results.processes("batch", "512")[0].seconds == pytest.approx(1 / steps)
    assert results.processes("images", "3750")[1].seconds == 1
    assert len(spawn.started) == 2 * (3 + 3)
    assert (tmp_path / "r" / "report.md").is_file() and (tmp_path / "r" / "scaling.png").is_file()


def test_bad_options_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "r.json")]
    for options, reason in (
        (["--rounds", "0"], "rounds 0; expected 1 or more"),
        (["--sweeps", "depth"], "unknown sweep 'depth'; expected one of batch, hidden"),
    ):
        assert main(["scaling", *options, *out]) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1


@pytest.mark.slow
def test_small_trainings_send_what_the_formula_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four devices, or two processes: one all-reduce per step, of 4 P + 4 bytes."""
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")  # A worker sets its own.
    base = Point(images=256, batch=64, hidden=32)
    devices = replace(SWEEPS["devices"], values=(4,), base=base)
    processes = replace(SWEEPS["processes"], values=(2,), base=base)
    monkeypatch.setattr(speeds, "measure", lambda *_: {})
    results = Results(tmp_path / "r.json")
    runner.run(results, [devices, processes], 1, quiet())
    assert [note["kind"] for note in results.notes] == ["machine"], "nothing failed"
    found = {
        (name, value): results.processes(name, value)[0].metadata for name, value in results.names()
    }
    assert len(found) == 2
    alone = worker.main({"point": asdict(base), "round": 0})
    assert "collectives" not in alone
    for seen in found.values():
        assert seen["collectives"] == "all-reduce"
        assert seen["collective_bytes"] == roofline.all_reduced(Sizes(hidden=32))
        assert seen["test_loss"] == pytest.approx(alone["test_loss"], rel=1e-4)
    text = write_report(results, tmp_path / "out")[0].read_text()
    assert "## Devices" in text and "## Processes" in text


def test_collectives_of_the_loop_are_counted_and_those_of_the_entry_are_not() -> None:
    hlo = """HloModule jit_epoch
%body (p: f32[2]) -> f32[2] {
  %r.1 = (f32[512]{0}, /*index=1*/bf16[2,3]{1,0}, f32[]) all-reduce(%a, %b, %c), channel_id=1
  %g = f32[512]{0} get-tuple-element(%r.1), index=0
  ROOT %s = u8[4,5]{1,0} all-gather-start(%g), dimensions={0}
}

ENTRY %main (x: f32[8]) -> f32[8] {
  ROOT %once = f32[8]{0} all-reduce(%x), channel_id=2
}
"""
    assert collectives(hlo) == [("all-reduce", 4 * 512 + 2 * 6 + 4), ("all-gather", 20)]


def xla_costs(batch: int) -> tuple[float, float]:
    """Bytes accessed and FLOPs of a whole step, as counted by XLA."""
    graphdef, params = nnx.split(jaxae.create_model(jaxae.ModelConfig(), (28, 28), 0), nnx.Param)
    optimizer = jaxae.make_optimizer(jaxae.TrainConfig(), 60_000)
    step = jax.jit(jaxae.make_train_step(graphdef, optimizer), donate_argnums=0)
    images = jaxae.Batch(jnp.zeros((batch, 28, 28), jnp.uint8), jnp.ones(batch))
    compiled = step.lower(jaxae.init_state(params, optimizer, 0), images).compile()
    analysis: Any = compiled.cost_analysis()
    return analysis["bytes accessed"], analysis["flops"]


def test_the_cost_model_is_a_lower_bound_of_the_bytes_moved() -> None:
    (few, few_flops), (many, many_flops) = xla_costs(128), xla_costs(1024)
    image = (many - few) / (1024 - 128)
    step, each = roofline.moved(Sizes(), "float32")
    # Elementwise operations read and write what the lower bound assumes to be fused.
    assert step <= few - 128 * image <= 3 * step
    assert each <= image <= 3 * each
    assert (many_flops - few_flops) / (1024 - 128) == pytest.approx(flops.train(Sizes()), rel=0.03)


def test_the_least_batch_agrees_with_a_solution_by_hand() -> None:
    # Where both are bound by compute: c b / 2 = k r / 2, with c the seconds of an image, r the
    # all-reduce.
    c = 4_026_368 / 67e12
    r = 2 * 7 / 8 * 3_226_700 / 450e9 + 14e-6
    assert roofline.Step(NODE, "float32", hop=1e-6).least_batch(0.5) == np.ceil(8 * r / c)
    # Where both are bound by memory: b = ((k − 2) m + k r) / x, m the seconds of the parameters.
    step, image = roofline.moved(Sizes(), "bfloat16")
    m, x = step / 819e9, image / 819e9
    r = 2 * 255 / 256 * (2 * 806_674 + 4) / 200e9
    assert roofline.Step(POD, "bfloat16").least_batch(0.5) == np.ceil((254 * m + 256 * r) / x)


def test_the_page_shows_the_computed_numbers() -> None:
    page = (ROOT / "benchmarks" / "SCALING.md").read_text()
    prose = page
    for table in roofline.tables():
        assert table in page, "run python -m benchmarks.scaling.roofline again"
        prose = prose.replace(table, "")
    # Numbers in the text are those of the tables, apart from P, MNIST's size and the sources'.
    known = "\n".join(roofline.tables()) + f"{flops.parameters(Sizes()):,} 60,000 1,600 1,979"
    numbers = set(re.findall(r"\d{1,3}(?:,\d{3})+", prose))
    assert len(numbers) > 8 and all(number in known for number in numbers)


def test_the_committed_results_scale_with_the_images_and_match_their_report(
    tmp_path: Path,
) -> None:
    results = Results(ROOT / "benchmarks" / "results" / "scaling.json")
    fitted = growth_of(SWEEPS["images"].measured(results))
    assert fitted is not None and fitted.exponent == pytest.approx(1, abs=0.05)
    report = (ROOT / "benchmarks" / "results" / "scaling" / "report.md").read_text()
    assert write_report(results, tmp_path)[0].read_text() == report
