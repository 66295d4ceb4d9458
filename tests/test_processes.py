"""Several real processes on the loopback address train as one, stop as one, and lose nothing."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from jaxae import Dataset, Run
from jaxae.cli.app import main
from jaxae.config import ProcessConfig
from jaxae.runs.checkpoints import saved_numbers
from tests.cluster import DEVICES, Ended, ask, end, start, wait_for
from tests.idx_files import idx_bytes
from tests.test_streaming import write_npy

pytestmark = pytest.mark.slow
Floats = npt.NDArray[np.floating]

# Neither the batch nor the data can be shared evenly by 2 or 3 processes of 3 devices.
_SIZES = ("--epochs=3", "--batch-size=37", "--hidden-dim=16", "--validation=41")
# Enough epochs for a process to be lost among them.
_LONG = ("--devices=1", "--hidden-dim=16", "--epochs=40", "--checkpoint-every=7")


def losses(run: Path) -> Floats:
    rows = Run.open(run).history()
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))
    return np.array([(row.train_loss, row.test_loss, row.validation_loss) for row in rows], float)


def parameters(run: Path) -> Floats:
    leaves = jax.tree.leaves(nnx.state(Run.open(run).load_model(), nnx.Param))
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


def assert_same_training(run: Path, alone: Path) -> None:
    np.testing.assert_allclose(losses(run), losses(alone), rtol=1e-5)
    np.testing.assert_allclose(parameters(run), parameters(alone), rtol=1e-3, atol=2e-5)


def statuses(done: Sequence[Ended]) -> list[int]:
    return [process.status for process in done]


@pytest.fixture(scope="module")
def alone(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    assert main(["train", f"--data-dir={blobs}", f"--run-dir={run}", *_SIZES]) == 0
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runs that `answers` trains."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def fewer(blobs: Path, tiny: Dataset, runs: Path) -> Path:
    """The data without the last training image."""
    folder = Path(shutil.copytree(blobs, runs / "fewer"))
    for kind, array in (("images-idx3", tiny.train.images), ("labels-idx1", tiny.train.labels)):
        (folder / f"train-{kind}-ubyte").write_bytes(idx_bytes(array[:-1].astype(np.uint8)))
    return folder


@pytest.fixture(scope="module")
def answers(blobs: Path, alone: Path, runs: Path) -> dict[str, list[Ended]]:
    """How commands end in one cluster of two processes."""

    def train(name: str, *more: str) -> tuple[str, ...]:
        return ("train", f"--data-dir={blobs}", f"--run-dir={runs / name}", *more)

    def different(option: str) -> tuple[tuple[str, ...], ...]:
        return train("refused", *_SIZES), train("refused", *_SIZES, option)

    shutil.copytree(alone, runs / "taken")
    assert main([*train("begun"), "--epochs=1", *_SIZES[1:]]) == 0
    return ask(
        {
            "trained": (train("trained", *_SIZES),),
            "streamed": (train("streamed", *_SIZES, "--stream"),),
            "resumed": (("train", f"--run-dir={runs / 'begun'}", "--resume", "--epochs=2"),),
            "taken": (train("taken", *_SIZES),),
            "--stream": different("--stream"),
            "--epochs=4": different("--epochs=4"),
            "--devices=1": different("--devices=1"),
            "diverged": (train("diverged", "--learning-rate=1e30", "--epochs=2"),),
        }
    )


@pytest.mark.parametrize("name", ["trained", "streamed"])
def test_processes_train_as_one(
    answers: dict[str, list[Ended]], runs: Path, alone: Path, name: str
) -> None:
    first, second = answers[name]
    assert (first.status, second.status) == (0, 0), (first, second)
    assert_same_training(runs / name, alone)
    # Only the first process prints.
    assert f"{2 * DEVICES} devices of 2 processes" in first.out.splitlines()[0]
    assert second.out == ""


def test_a_run_continues_with_another_number_of_processes(
    answers: dict[str, list[Ended]], runs: Path, alone: Path
) -> None:
    assert statuses(answers["resumed"]) == [0, 0], answers["resumed"]
    run = runs / "begun"
    shutil.rmtree(run / "figures")
    done = end(start(3, "train", f"--run-dir={run}", "--resume", "--epochs=3"))
    assert statuses(done) == [0] * 3, done
    assert_same_training(run, alone)
    assert {path.name for path in (run / "figures").iterdir()} >= {"latent.png", "grid.png"}
    # Only the first process prints, except for Gloo, which may print broken lines in any process.
    assert f"{3 * DEVICES} devices of 3 processes" in done[0].out
    for word in ("processes", "epoch", str(run)):
        assert word in done[0].out
        assert not any(word in other.out for other in done[1:])


def test_what_process_0_refuses_all_refuse(answers: dict[str, list[Ended]], runs: Path) -> None:
    for i, (status, _, said) in enumerate(answers["taken"]):
        assert status == 2
        assert f"jaxae, process {i} of 2: {runs / 'taken'} holds a run; pass --resume" in said


@pytest.mark.parametrize("option", ["--stream", "--epochs=4", "--devices=1"])
def test_processes_with_different_options_are_told_apart(
    answers: dict[str, list[Ended]], runs: Path, option: str
) -> None:
    for status, _, said in answers[option]:
        assert status == 2
        assert "the options of process 1 differ from those of process 0" in said
    assert not (runs / "refused").exists()


def test_divergence_is_told_by_all(answers: dict[str, list[Ended]], runs: Path) -> None:
    for status, _, said in answers["diverged"]:
        assert status == 2 and "loss is nan" in said and "Lower the learning rate" in said
    assert saved_numbers(runs / "diverged" / "checkpoints") == [0]


def test_processes_with_different_data_are_told_apart_and_end_soon(
    blobs: Path, fewer: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    args = ("train", f"--run-dir={tmp_path / 'run'}", f"--data-dir={blobs}", *_SIZES)
    done = end(start(2, *args, only_1=(f"--data-dir={fewer}",)))
    assert time.monotonic() - began < 120
    assert statuses(done) == [2, 2], done
    for _, _, said in done:
        assert "the images or labels of process 1 differ from those of process 0" in said
    assert not (tmp_path / "run").exists()


# Processes that JAX finds through a cluster.


def slurm(port: int, i: int, count: int) -> dict[str, str]:
    return {
        "SLURM_JOB_ID": "1",
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": str(count),
        "SLURM_PROCID": str(i),
        "SLURM_LOCALID": str(i),
        "SLURM_STEP_NUM_NODES": "1",
        "JAX_COORDINATOR_PORT": str(port),
    }


def open_mpi(port: int, i: int, count: int) -> dict[str, str]:
    return {
        "OMPI_MCA_orte_hnp_uri": f"1.0;tcp://127.0.0.1:{port}",
        "OMPI_COMM_WORLD_SIZE": str(count),
        "OMPI_COMM_WORLD_RANK": str(i),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(i),
        "JAX_COORDINATOR_PORT": str(port),
    }


def test_one_process_that_is_told_to_stop_stops_all_of_a_slurm_job(
    blobs: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    args = (f"--data-dir={blobs}", "--hidden-dim=16", "--epochs=5000", "--checkpoint-every=5000")
    processes = start(2, "train", f"--run-dir={run}", *args, environment=slurm)
    wait_for((run / "metrics.jsonl").exists, processes)
    processes[1].terminate()
    done = end(processes)
    assert statuses(done) == [128 + signal.SIGTERM] * 2, done
    assert f"{2 * DEVICES} devices of 2 processes" in done[0].out
    (saved,) = saved_numbers(run / "checkpoints")
    assert saved == len(losses(run)) < 5000
    assert f"{run}: last saved: epoch {saved}" in done[0].err


@pytest.fixture(scope="module")
def within(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Ended]]:
    """A run of two processes as started by Open MPI, stopped within its first epoch."""
    folder = tmp_path_factory.mktemp("within")
    data, run = folder / "data", folder / "run"
    write_npy(data, 150_000, 500, (16, 16))
    args = (
        "--stream",
        "--batch-size=1024",
        "--hidden-dim=8",
        "--epochs=1",
        "--checkpoint-steps=10",
    )
    processes = start(
        2, "train", f"--run-dir={run}", f"--data-dir={data}", *args, environment=open_mpi
    )
    wait_for(lambda: saved_numbers(run / "checkpoints" / "within"), processes)
    processes[0].terminate()
    return run, end(processes)


def test_a_stop_within_the_first_epoch_is_saved_by_all(within: tuple[Path, list[Ended]]) -> None:
    _, done = within
    assert statuses(done) == [128 + signal.SIGTERM] * 2, done
    assert f"{2 * DEVICES} devices of 2 processes" in done[0].out
    # Of 147 steps. The run itself may have been resumed since, by `resumed`.
    said = re.search(r"last saved: epoch 0 and step ([0-9]+), within an epoch", done[0].err)
    assert said is not None and 0 < int(said[1]) < 147


@pytest.mark.usefixtures("no_figures")
def test_one_process_of_a_cluster_trains_alone_if_told_to(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in slurm(1, 1, 2).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(jax.distributed, "initialize", None)
    args = (f"--data-dir={blobs}", f"--run-dir={tmp_path / 'run'}", *_SIZES)
    assert main(["train", *args, "--process-count=1"]) == 0
    assert "processes" not in capsys.readouterr().out


# A process that was lost.


@pytest.fixture(scope="module")
def killed(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """For each victim: the run, how the processes ended, and how many seconds the other took."""
    found: dict[int, Any] = {}
    for victim in (0, 1):
        run = tmp_path_factory.mktemp("killed") / "run"
        processes = start(2, "train", f"--run-dir={run}", f"--data-dir={blobs}", *_LONG)
        wait_for((run / "checkpoints" / "14").exists, processes)
        processes[victim].kill()
        began = time.monotonic()
        found[victim] = run, end(processes), time.monotonic() - began
    return found


@pytest.fixture(scope="module")
def resumed(
    blobs: Path, killed: dict[int, Any], within: tuple[Path, list[Ended]], runs: Path
) -> dict[str, list[Ended]]:
    """How commands end in a cluster that resumes the stopped runs, and trains one in full."""

    def resume(run: Path, *more: str) -> tuple[tuple[str, ...]]:
        return (("train", f"--run-dir={run}", "--resume", *more),)

    never = ("train", f"--run-dir={runs / 'never'}", f"--data-dir={blobs}", *_LONG)
    by_victim = {f"killed {victim}": resume(run, *_LONG) for victim, (run, *_) in killed.items()}
    return ask({"never": (never,), "within": resume(within[0]), **by_victim})


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other(killed: dict[int, Any], victim: int) -> None:
    _, done, seconds = killed[victim]
    assert seconds < 60
    status, _, said = done[1 - victim]
    assert done[victim].status == -signal.SIGKILL and status not in (0, 2)
    assert "was lost" in said and "--resume" in said


@pytest.mark.parametrize("victim", [0, 1])
def test_resuming_after_a_killed_process_loses_nothing(
    resumed: dict[str, list[Ended]], killed: dict[int, Any], runs: Path, victim: int
) -> None:
    run, never = killed[victim][0], runs / "never"
    done = resumed[f"killed {victim}"]
    assert statuses(done) == statuses(resumed["never"]) == [0, 0], done
    after = int(done[0].out.partition("resuming after epoch ")[2].split()[0])
    assert 14 <= after < 40
    np.testing.assert_array_equal(losses(run), losses(never))
    np.testing.assert_array_equal(parameters(run), parameters(never))


def test_a_run_stopped_within_an_epoch_is_resumed_there(
    resumed: dict[str, list[Ended]], within: tuple[Path, list[Ended]]
) -> None:
    assert statuses(resumed["within"]) == [0, 0], resumed["within"]
    assert "resuming within epoch 1" in resumed["within"][0].out
    assert len(losses(within[0])) == 1


def test_a_process_that_finds_no_other_says_so(blobs: Path, tmp_path: Path) -> None:
    """Without a coordinator, JAX ends the process itself, and a child process says why."""
    script = (
        "import sys; import jaxae.cli as cli; "
        "from jaxae.distributed import processes; processes._JOIN = 3; "
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        args = ["train", f"--data-dir={blobs}", f"--run-dir={tmp_path / 'run'}"]
        told = [f"--coordinator={address}", "--process-id=1", "--process-count=2"]
        done = subprocess.run(
            [sys.executable, "-c", script, *args, *told],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode != 0
    assert (
        f"cannot join the other processes; check that all have started and can reach {address}"
        in (done.stderr)
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("host:1", None, 2), "all three"),
        ((None, 0, None), "all three"),
        (("host", 0, 2), "HOST:PORT"),
        (("host:1", 2, 2), "0 to process_count - 1"),
        (("host:1", -1, 2), "0 to process_count - 1"),
    ],
)
def test_processes_that_are_half_told_are_refused(
    given: tuple[str | None, int | None, int | None], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        ProcessConfig(*given)
