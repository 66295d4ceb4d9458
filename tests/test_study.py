"""Studies and the reports of their runs: locking, stopping, resuming bit for bit, reporting."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import jaxae
from jaxae import Dataset, EpochMetrics, ModelConfig, Run, TrainConfig, analysis
from jaxae._utils.locking import locked
from jaxae.cli import study as study_module
from jaxae.cli.app import main
from jaxae.cli.report import show_table
from jaxae.runs.checkpoints import CheckpointWriter, read_state, saved_numbers
from jaxae.runs.resume import states_to_resume
from jaxae.training.seeds import fit_seeds
from tests.commands import leaves, refusal

pytestmark = pytest.mark.slow
SEEDS = ("seed-0", "seed-1")


def study(folder: Path, *options: str) -> int:
    return main(["study", f"--run-dir={folder}", *options])


def outcome(folder: Path) -> dict[str, Any]:
    """Return each run's rows without times, and the values of its newest checkpoint."""
    found = {}
    for name in SEEDS:
        run = Run.open(folder / name)
        rows = [row[:3] for row in run.history()]
        (state,) = states_to_resume([run])
        found[name] = rows, [leaf.tobytes() for leaf in leaves(state)]
    return found


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def refused(capsys: Any, folder: Path, *options: str) -> str:
    """Run a study that must be refused and change nothing; return the line that it prints."""
    return refusal(capsys, "study", f"--run-dir={folder}", *options, unchanged=folder)


@pytest.fixture(scope="module")
def line(blobs: Path) -> tuple[str, ...]:
    model = ("--model=vae", "--kl-weight=0.5", "--hidden-dim=16")
    return ("--seeds=2", "--epochs=6", *model, f"--data-dir={blobs}")


@pytest.fixture(scope="module")
def whole(line: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, not to be changed."""
    folder = tmp_path_factory.mktemp("studies") / "whole"
    assert study(folder, *line) == 0
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "study"))


def test_the_runs_of_a_study_are_like_those_of_train(whole: Path, capsys: Any) -> None:
    for name in SEEDS:
        figures = sorted(path.name for path in (whole / name / "figures").iterdir())
        assert figures == ["curve.png", "grid.png", "latent.png", "reconstructions.png"]
        assert jaxae.verify(whole / name / "figures" / "latent.png") == []
        assert main(["train", f"--run-dir={whole / name}", "--resume"]) == 0
        assert "is finished, with 6 epochs" in capsys.readouterr().out


def test_a_study_writes_runs_and_a_report(whole: Path, capsys: Any) -> None:
    found = json.loads((whole / "report.json").read_text())
    assert found["seeds"] == [0, 1]
    values, pairs = [], []
    for seed in (0, 1):
        run = jaxae.Run.open(whole / f"seed-{seed}")
        assert run.config.train.seed == seed and len(run.history()) == 6
        report = json.loads((run.path / "report.json").read_text())
        values.append(report["numbers"]["gap_share"]["value"])
        again = main(["report", str(run.path), "--json"])
        assert again == 0 and json.loads(capsys.readouterr().out) == report
        assert report["references"] == found["references"]
        pairs.append(report["pairs"])
    assert found["references"].keys() == {"pca", "mean_image", "pixel_space"}
    assert found["references"]["pca"]["knn1_accuracy"].keys() == {"value", "low", "high"}
    assert found["numbers"]["gap_share"]["value"] == pytest.approx(np.mean(values))
    assert pairs[0]["images"] == pairs[1]["images"] and found["pairs"] is None
    for name in ("euclidean", "geodesic"):
        of_seeds = np.array([pairs[0][name], pairs[1][name]])
        # Of two values, the deviation is their difference over √2.
        variation = np.ptp(of_seeds, axis=0) / 2**0.5 / of_seeds.mean(axis=0)
        value = found["numbers"][f"{name}_variation"]["value"]
        assert value == pytest.approx(variation.mean())


def test_the_evidence_bound_uses_the_kl_weight_of_the_run(whole: Path, tiny: Dataset) -> None:
    report = json.loads((whole / "seed-1" / "report.json").read_text())
    model: Any = jaxae.Run.open(whole / "seed-1").load_model()
    bound = analysis.log_evidence_bound(model, np.asarray(tiny.test.images), kl_weight=0.5)
    found = report["numbers"]["log_evidence"]["value"]
    assert found == pytest.approx(np.mean(bound, dtype=float), rel=1e-5)


def test_figures_of_a_study_are_those_of_all_its_runs(
    whole: Path, tmp_path: Path, capsys: Any
) -> None:
    jaxae.draw("seeds", [whole], tmp_path / "seeds.png")
    assert jaxae.verify(tmp_path / "seeds.png") == []
    for name in ("latent", "curve"):
        with pytest.raises(ValueError, match="is a study; expected one of its runs"):
            jaxae.draw(name, [whole], tmp_path / "x.png")


def test_a_report_is_printed_in_tables(whole: Path, capsys: Any) -> None:
    assert main(["report", str(whole / "seed-0")]) == 0
    out = capsys.readouterr().out
    assert "| gap_share " in out and "| There are wide gaps between them. " in out
    content = json.loads((whole / "seed-0" / "report.json").read_text())
    rows = {"model": content["numbers"], **content["references"]}
    shown = [line.split() for line in out.splitlines() if line.startswith(("| model", "| mean_"))]
    error = "test_squared_error"
    assert [float(cells[9]) for cells in shown] == pytest.approx(
        [rows[name][error]["value"] for name in ("model", "mean_image")], rel=1e-3
    )
    assert shown[1][1:9] == ["mean_image", *"|—|—|—|"]


def test_a_class_name_cannot_break_a_table(capsys: Any) -> None:
    show_table(["class", "n"], [["a|b\n\x1b[2J", "1e-300"], ["c", "—"]])
    assert capsys.readouterr().out.splitlines() == [
        r"| class         | n      |",
        r"|---------------|--------|",
        r"| a\|b\n\x1b[2J | 1e-300 |",
        r"| c             | —      |",
        "",
    ]


def test_a_report_that_cannot_be_written_is_still_printed(
    whole: Path, tmp_path: Path, capsys: Any
) -> None:
    run = Path(shutil.copytree(whole / "seed-0", tmp_path / "run"))
    expected = (run / "report.json").read_text()
    (run / "report.json").unlink()
    (run / "report.json").mkdir()  # Unlike a read-only file, this also stops root.
    assert main(["report", str(run), "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == expected
    assert err.count("\n") == 1 and "cannot write" in err and "--out" in err
    elsewhere = tmp_path / "new" / "numbers.json"
    assert main(["report", str(run), "--out", str(elsewhere)]) == 0
    out, err = capsys.readouterr()
    assert "| gap_share " in out and out.endswith(f"{elsewhere}\n") and err == ""
    assert elsewhere.read_text() == expected
    assert main(["report", str(run), "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "| gap_share " in out and f"{tmp_path} is a folder" in err


def test_a_report_of_a_streamed_run_warns_of_memory(
    whole: Path, tmp_path: Path, capsys: Any
) -> None:
    run = Path(shutil.copytree(whole / "seed-0", tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config["train"]["stream"] = True
    (run / "config.json").write_text(json.dumps(config))
    assert main(["report", str(run), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) and "holds all 300 in memory" in err and err.count("\n") == 1


def test_a_study_that_was_stopped_resumes_bit_for_bit(
    whole: Path, line: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder, mean = tmp_path / "study", study_module._mean

    def interrupted(rows: list[EpochMetrics]) -> EpochMetrics:
        if rows[0].epoch == 3:
            signal.raise_signal(signal.SIGINT)
        return mean(rows)

    with monkeypatch.context() as patch:
        patch.setattr(study_module, "_mean", interrupted)
        assert study(folder, *line) == 130
    monkeypatch.setattr("jaxae.cli.study._measure", interrupt)
    hint = f"last saved: epoch 3 of every seed; jaxae study --run-dir {folder} --resume"
    assert hint in capsys.readouterr().err
    assert [saved_numbers(folder / name / "checkpoints") for name in SEEDS] == [[3], [3]]
    # --resume keeps what --overwrite would delete.
    assert study(folder, *line, "--overwrite", "--resume") == 130
    assert f"{folder}: resuming after epoch 3" in capsys.readouterr().out
    assert outcome(folder) == outcome(whole)


def test_seeds_resume_from_the_newest_checkpoint_that_all_have(
    whole: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A power cut may leave seed-1 with fewer checkpoints than seed-0."""
    shutil.rmtree(copy / "seed-1" / "checkpoints" / "6")
    monkeypatch.setattr("jaxae.cli.study._measure", interrupt)
    assert study(copy, "--resume") == 130
    assert "resuming after epoch 5" in capsys.readouterr().out
    assert outcome(copy) == outcome(whole)


def test_resuming_a_finished_study_reports_it_again(
    whole: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("jaxae.training.fit_seeds", None)
    (copy / "report.json").unlink()
    assert study(copy, "--resume") == 0
    out = capsys.readouterr().out
    assert "is finished, with 6 epochs" in out and "| gap_share " in out
    assert (copy / "report.json").read_bytes() == (whole / "report.json").read_bytes()


def test_a_damaged_checkpoint_is_skipped_in_every_run(
    copy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [Run.open(copy / name) for name in SEEDS]
    assert [int(state.epoch) for state in states_to_resume(runs)] == [6, 6]
    damaged = copy / "seed-0" / "checkpoints"

    def read(folder: Path, epoch: int, like: Any) -> Any:
        if (folder, epoch) == (damaged, 6):
            raise ValueError(f"{folder / '6'} cannot be read: it is damaged")
        return read_state(folder, epoch, like)

    monkeypatch.setattr("jaxae.runs.resume.read_state", read)
    assert [int(state.epoch) for state in states_to_resume(runs)] == [5, 5]
    assert f"{damaged / '6'} cannot be read" in caplog.text
    monkeypatch.undo()
    rows = runs[1].metrics.read_text().splitlines(keepends=True)
    runs[1].metrics.write_text("".join(rows[:5]))  # Its last row is lost.
    assert [int(state.epoch) for state in states_to_resume(runs)] == [5, 5]
    shutil.rmtree(damaged / "5")
    with pytest.raises(ValueError, match=r"seed-0 \[6\], seed-1 \[5, 6\]"):
        states_to_resume(runs)


def test_a_study_whose_only_checkpoint_is_damaged_does_not_start_over(copy: Path) -> None:
    runs = [Run.open(copy / name) for name in SEEDS]
    for run in runs:
        shutil.rmtree(run.checkpoints / "5")
    shutil.rmtree(runs[1].checkpoints / "6")
    (runs[1].checkpoints / "6").mkdir()
    with pytest.raises(ValueError, match="no intact checkpoint of one epoch in every run"):
        states_to_resume(runs)


def test_an_epoch_is_saved_once_all_runs_have_saved_the_one_before(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a kill could leave a run that has deleted the checkpoint that others need."""
    write = CheckpointWriter._write
    begun: list[tuple[int, list[int]]] = []

    def slow(self: CheckpointWriter, number: int, state: Any) -> None:
        begun.append((number, [saved_numbers(copy / name / "checkpoints")[-1] for name in SEEDS]))
        if self._folder.parent.name == "seed-1":
            time.sleep(0.3)
        write(self, number, state)

    monkeypatch.setattr(CheckpointWriter, "_write", slow)
    monkeypatch.setattr("jaxae.cli.study._measure", interrupt)
    assert study(copy, "--resume", "--epochs=16") == 130
    assert {number for number, _ in begun} == {10, 15, 16}
    before = {10: 6, 15: 10, 16: 15}
    assert all(min(saved) >= before[number] for number, saved in begun)


def test_runs_without_checkpoints_start_over_and_missing_runs_are_made(
    whole: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a study that was stopped while its folder was made."""
    shutil.rmtree(copy / "seed-0" / "checkpoints")
    (copy / "seed-0" / "metrics.jsonl").unlink()
    shutil.rmtree(copy / "seed-1")
    (copy / "seed-1").mkdir()
    monkeypatch.setattr("jaxae.cli.study._measure", interrupt)
    assert study(copy, "--resume") == 130
    assert outcome(copy) == outcome(whole)


def test_a_missing_run_is_made_with_the_flags_of_the_study(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = tmp_path / "study", f"--data-dir={blobs}"
    monkeypatch.setattr("jaxae.cli.study._train", interrupt)
    options = ("--seeds=2", "--hidden-dim=16", "--likelihood=bernoulli", "--binarize", data)
    assert study(folder, *options) == 130
    shutil.rmtree(folder / "seed-1")
    (folder / "seed-1").mkdir()
    assert study(folder, "--resume") == 130
    configs = [jaxae.Run.open(folder / seed).config.train for seed in SEEDS]
    assert all(config.binarize for config in configs)
    assert [config.seed for config in configs] == [0, 1]


@pytest.mark.parametrize("held", ["", "seed-1"])
@pytest.mark.parametrize("option", ["--overwrite", "--resume"])
def test_folders_locked_by_another_process_stay_unchanged(
    copy: Path, line: tuple[str, ...], option: str, held: str, capsys: Any
) -> None:
    with locked(copy / held):
        assert f"{copy / held} is in use" in refused(capsys, copy, *line, option)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--seeds=3", "--seed 0 --seeds 3 would change the result"),
        ("--seed=1", "started with seed-0 to seed-1"),
        ("--hidden-dim=17", "--hidden-dim 17 would change the result"),
    ],
)
def test_different_settings_are_refused(copy: Path, option: str, words: str, capsys: Any) -> None:
    assert words in refused(capsys, copy, option, "--resume")


def test_a_folder_that_is_not_a_study_is_refused(
    copy: Path, line: tuple[str, ...], tmp_path: Path, capsys: Any
) -> None:
    assert "holds a study; pass --resume, --overwrite" in refused(capsys, copy, *line)
    assert "is not a study" in refused(capsys, copy / "seed-0", "--resume")
    assert "not a jaxae study" in refused(capsys, copy / "seed-0", *line, "--overwrite")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    assert "not a jaxae study" in refused(capsys, tmp_path / "mine", *line, "--overwrite")
    assert "seeds is 0" in refused(capsys, copy, "--seeds=0")
    assert main(["study", "--resume"]) == 2
    assert "pass --run-dir" in capsys.readouterr().err


def test_overwriting_removes_the_old_runs_and_nothing_else(
    copy: Path, line: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "notes.txt").write_text("precious")
    monkeypatch.setattr("jaxae.training.fit_seeds", interrupt)
    assert study(copy, *line, "--seeds=1", "--overwrite") == 130
    assert sorted(path.name for path in copy.iterdir()) == [".lock", "notes.txt", "seed-0"]
    assert saved_numbers(copy / "seed-0" / "checkpoints") == [0]


def test_states_of_other_seeds_epochs_or_models_are_refused(whole: Path, tiny: Dataset) -> None:
    runs = [Run.open(whole / name) for name in SEEDS]
    states = states_to_resume(runs)
    for wrong in (states[:1], [states[0], states[1]._replace(epoch=jnp.int32(0))]):
        with pytest.raises(ValueError, match="expected one state for each seed"):
            fit_seeds(tiny, ModelConfig(), TrainConfig(), [0, 1], states=wrong)
    wider = ModelConfig(hidden_dim=17)
    with pytest.raises(
        ValueError, match=r"^state\.params.* is float32\[.*; this model and optimizer"
    ):
        fit_seeds(tiny, wider, TrainConfig(), [0, 1], states=states)
