"""Several real processes on the loopback address train as one, stop as one, and lose nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

import jaxae
from jaxae import Run
from jaxae.checkpoints import saved_numbers
from jaxae.cli import main
from jaxae.config import ProcessConfig
from tests.conftest import idx_bytes
from tests.test_streaming import write_npy

pytestmark = pytest.mark.slow
Floats = npt.NDArray[np.floating]

# Neither the batch nor the data can be shared evenly by 2 or 4 processes.
_SIZES = ("--epochs=3", "--batch-size=37", "--hidden-dim=16")
_MOST_SECONDS = 240


def start(
    count: int,
    run: Path,
    *args: str,
    devices: int = 1,
    data_dirs: Sequence[Path] = (),
    only_1: Sequence[str] = (),
    told: Callable[[int, int, int], dict[str, str]] | None = None,
) -> list[subprocess.Popen[str]]:
    """Start the processes of one run.

    Args:
      count: how many.
      run: the run's folder.
      args: what else all are given.
      devices: of each process.
      data_dirs: of each process, if they differ.
      only_1: what process 1 is given besides.
      told: gives the environment of the process (port, number, count), if that is to tell it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def start_one(i: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "jaxae", "train", f"--run-dir={run}", *args]
        environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)}
        if told is not None:
            environment |= told(port, i, count)
        else:
            command += [f"--coordinator=127.0.0.1:{port}", f"--process-id={i}"]
            command += [f"--process-count={count}"]
        command += [f"--data-dir={data_dir}" for data_dir in data_dirs[i : i + 1]]
        return subprocess.Popen(
            [*command, *(only_1 if i == 1 else ())],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    return [start_one(i) for i in range(count)]


def end(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Wait for all; return status, stdout and stderr of each."""
    try:
        done = [process.communicate(timeout=_MOST_SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(p.returncode, *texts) for p, texts in zip(processes, done, strict=True)]


def wait_for(condition: Path, processes: Sequence[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    while not condition.exists():
        assert time.monotonic() < deadline and all(p.poll() is None for p in processes), end(
            processes
        )
        time.sleep(0.02)


def losses(run: Path) -> Floats:
    rows = Run.open(run).history()
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))
    return np.array([(row.train_loss, row.test_loss) for row in rows])


def parameters(run: Path) -> Floats:
    leaves = jax.tree.leaves(nnx.state(Run.open(run).load_model(), nnx.Param))
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


def assert_same_training(run: Path, alone: Path) -> None:
    np.testing.assert_allclose(losses(run), losses(alone), rtol=1e-5)
    np.testing.assert_allclose(parameters(run), parameters(alone), rtol=1e-3, atol=2e-5)


@pytest.fixture(scope="module")
def alone(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that one process makes."""
    run = tmp_path_factory.mktemp("alone") / "run"
    assert main(["train", f"--data-dir={blobs}", f"--run-dir={run}", *_SIZES]) == 0
    return run


@pytest.mark.parametrize(("count", "devices"), [(2, 1), (4, 1), (2, 3)])
def test_processes_train_as_one(
    blobs: Path, alone: Path, tmp_path: Path, count: int, devices: int
) -> None:
    run = tmp_path / "run"
    done = end(start(count, run, f"--data-dir={blobs}", *_SIZES, devices=devices))
    assert [status for status, _, _ in done] == [0] * count, done
    assert_same_training(run, alone)
    assert {path.name for path in (run / "figures").iterdir()} >= {"latent.png", "grid.png"}
    # Only the first one talks; Gloo has its say in every process.
    said = [[line for line in out.splitlines() if "Gloo" not in line] for _, out, _ in done]
    assert f"{count * devices} devices of {count} processes" in said[0][0]
    assert said[1:] == [[]] * (count - 1)


def test_streaming_processes_train_as_one(blobs: Path, alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = end(start(2, run, f"--data-dir={blobs}", *_SIZES, "--stream", devices=2))
    assert [status for status, _, _ in done] == [0, 0], done
    assert_same_training(run, alone)


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


@pytest.mark.parametrize("cluster", [slurm, open_mpi])
def test_processes_of_a_cluster_find_each_other(
    blobs: Path,
    alone: Path,
    tmp_path: Path,
    cluster: Callable[[int, int, int], dict[str, str]],
) -> None:
    run = tmp_path / "run"
    done = end(start(2, run, f"--data-dir={blobs}", *_SIZES, told=cluster))
    assert [status for status, _, _ in done] == [0, 0], done
    assert "2 devices of 2 processes" in done[0][1]
    assert_same_training(run, alone)


def test_one_process_of_a_cluster_trains_alone_if_told_to(blobs: Path, tmp_path: Path) -> None:
    args = (f"--data-dir={blobs}", *_SIZES, "--process-count=1")
    (done,) = end(start(1, tmp_path / "run", *args, told=lambda port, *_: slurm(port, 1, 2)))
    assert done[0] == 0 and "processes" not in done[1], done


def test_a_run_goes_on_with_another_number_of_processes(
    blobs: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    sizes = ("--epochs=1", *_SIZES[1:])
    assert all(status == 0 for status, _, _ in end(start(2, run, f"--data-dir={blobs}", *sizes)))
    assert main(["train", f"--run-dir={run}", "--resume", "--epochs=2"]) == 0
    done = end(start(4, run, "--resume", "--epochs=3"))
    assert [status for status, _, _ in done] == [0] * 4, done
    assert_same_training(run, alone)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_others_and_resuming_loses_nothing(
    blobs: Path, tmp_path: Path, victim: int
) -> None:
    never, stopped = tmp_path / "never", tmp_path / "stopped"
    args = (f"--data-dir={blobs}", "--hidden-dim=16", "--epochs=60", "--checkpoint-every=7")
    processes = start(2, stopped, *args)
    wait_for(stopped / "checkpoints" / "14", processes)
    processes[victim].kill()
    began = time.monotonic()
    done = end(processes)
    assert time.monotonic() - began < 60
    status, _, said = done[1 - victim]
    assert done[victim][0] == -signal.SIGKILL and status not in (0, 2)
    assert "is lost" in said and "--resume" in said
    assert 14 <= len((stopped / "metrics.jsonl").read_text().splitlines()) < 60
    for run, more in ((stopped, ("--resume",)), (never, args)):
        done = end(start(2, run, *more))
        assert [status for status, _, _ in done] == [0, 0], done
    np.testing.assert_array_equal(losses(stopped), losses(never))
    np.testing.assert_array_equal(parameters(stopped), parameters(never))


def test_one_process_that_is_told_to_stop_stops_all(blobs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    args = (f"--data-dir={blobs}", "--hidden-dim=16", "--epochs=5000", "--checkpoint-every=5000")
    processes = start(2, run, *args)
    wait_for(run / "metrics.jsonl", processes)
    processes[1].terminate()
    done = end(processes)
    assert [status for status, _, _ in done] == [128 + signal.SIGTERM] * 2, done
    (saved,) = saved_numbers(run / "checkpoints")
    assert saved == len(losses(run)) < 5000
    assert f"{run}: last saved: epoch {saved}" in done[0][2]


def test_what_process_0_refuses_all_refuse(blobs: Path, alone: Path) -> None:
    done = end(start(2, alone, f"--data-dir={blobs}", *_SIZES))
    for i, (status, _, said) in enumerate(done):
        assert status == 2
        assert f"jaxae, process {i} of 2: {alone} holds a run; pass --resume" in said


def test_processes_with_different_data_are_told_apart(
    blobs: Path, tiny: jaxae.Dataset, tmp_path: Path
) -> None:
    run, fewer = tmp_path / "run", tmp_path / "fewer"
    shutil.copytree(blobs, fewer)
    for kind, array in (("images-idx3", tiny.train.images), ("labels-idx1", tiny.train.labels)):
        (fewer / f"train-{kind}-ubyte").write_bytes(idx_bytes(array[:-1].astype(np.uint8)))
    began = time.monotonic()
    done = end(start(2, run, *_SIZES, data_dirs=(blobs, fewer)))
    assert time.monotonic() - began < 120
    assert [status for status, _, _ in done] == [2, 2], done
    for _, _, said in done:
        assert "the images or labels of process 1 differ from those of process 0" in said


@pytest.mark.parametrize("option", ["--stream", "--epochs=4", "--devices=1"])
def test_processes_with_different_options_are_told_apart(
    blobs: Path, tmp_path: Path, option: str
) -> None:
    args = (f"--data-dir={blobs}", *_SIZES)
    done = end(start(2, tmp_path / "run", *args, only_1=(option,)))
    for status, _, said in done:
        assert status == 2
        assert "the options of process 1 differ from those of process 0" in said
    assert not (tmp_path / "run").exists()


def test_a_stop_within_the_first_epoch_is_saved_by_all(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    write_npy(data, 150_000, 500, (16, 16))
    args = (f"--data-dir={data}", "--stream", "--batch-size=256", "--hidden-dim=8", "--epochs=2")
    processes = start(2, run, *args, "--checkpoint-steps=40")
    wait_for(run / "checkpoints" / "within" / "64", processes)
    processes[0].terminate()
    done = end(processes)
    assert [status for status, _, _ in done] == [128 + signal.SIGTERM] * 2, done
    step = saved_numbers(run / "checkpoints" / "within")[-1]
    assert f"{run}: last saved: epoch 0 and step {step:,}, within an epoch" in done[0][2]
    done = end(start(2, run, "--resume"))
    assert [status for status, _, _ in done] == [0, 0], done
    assert "resuming within epoch" in done[0][1]


def test_divergence_is_told_by_all(blobs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = end(start(2, run, f"--data-dir={blobs}", "--learning-rate=1e30", "--epochs=2"))
    for status, _, said in done:
        assert status == 2 and "the loss is " in said and "Lower the learning rate" in said
    assert saved_numbers(run / "checkpoints") == [0]


def test_a_process_that_finds_no_other_says_so(blobs: Path, tmp_path: Path) -> None:
    """A coordinator that nobody is: JAX ends the process itself, its watch says why."""
    script = (
        "import sys; from jaxae import cli, processes; processes._JOIN = 3; "
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
    assert f"cannot join the other processes; see that all have started and reach {address}" in (
        done.stderr
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("host:1", None, 2), "all three"),
        ((None, 0, None), "all three"),
        (("host", 0, 2), "HOST:PORT"),
        (("host:1", 2, 2), "0 to one less"),
        (("host:1", -1, 2), "0 to one less"),
    ],
)
def test_processes_that_are_half_told_are_refused(
    given: tuple[str | None, int | None, int | None], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        ProcessConfig(*given)
