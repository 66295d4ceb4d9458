"""A run's folder: which rows and states are kept, deleted, and resumed from."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxae import CheckpointConfig, EpochMetrics, ModelConfig, Run, TrainConfig, TrainState
from jaxae._utils.locking import LOCK_NAME
from jaxae.config import FORMAT, DataConfig, RunConfig
from jaxae.distributed.mesh import make_mesh
from jaxae.runs.checkpoints import CheckpointWriter, read_newest_state, read_state, saved_numbers
from jaxae.runs.metrics_file import append_row, intact_rows, read_rows
from jaxae.runs.recorder import Recorder
from jaxae.runs.resume import state_to_resume, states_to_resume
from jaxae.training.loop import Epoch

# States.


def state(value: int) -> dict[str, jax.Array]:
    return {"a": jnp.full((3,), value), "key": jax.random.key(value)}


def save(folder: Path, numbers: list[int], keep: int = 99, newest: int = 0, **losses: Any) -> None:
    """Save states whose values are their numbers, as one process would."""
    writer = CheckpointWriter(folder, keep, newest, losses.get("before"))
    for number in numbers:
        writer.save(number, state(number), losses.get("now", {}).get(number))
    writer.close()


def value(read: Any) -> int:
    assert read["key"] == jax.random.key(int(read["a"][0]))
    return int(read["a"][0])


def test_a_state_comes_back_with_its_keys(tmp_path: Path) -> None:
    save(tmp_path / "states", [3, 7])
    assert [value(read_state(tmp_path / "states", n, state(0))) for n in (3, 7)] == [3, 7]


def test_states_in_a_folder_with_a_bracket_in_its_name_come_back(tmp_path: Path) -> None:
    folder, plain = tmp_path / "sweep [lr=1e-3]" / "states", tmp_path / "plain"
    save(folder, [3])
    shutil.copytree(folder, plain)
    save(plain, [7], newest=3)
    shutil.copytree(plain / "7", folder / "7")
    for states in (folder, plain):
        assert [value(read_state(states, n, state(0))) for n in (3, 7)] == [3, 7]


def test_states_after_the_one_that_training_begins_with_are_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    save(folder, [1, 2, 3, 4, 7])
    (folder / "9.orbax-checkpoint-tmp").mkdir()
    (folder / "within").mkdir()
    writer = CheckpointWriter(folder, 99, newest=2)
    assert saved_numbers(folder) == [1, 2]
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "within"]
    writer.save(3, state(33))
    writer.close()
    assert value(read_state(folder, 3, state(0))) == 33


def test_a_number_is_saved_once(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    save(folder, [1])
    writer = CheckpointWriter(folder, 9, newest=1)
    writer.save(1, state(11))
    writer.close()
    assert value(read_state(folder, 1, state(0))) == 1


@pytest.mark.parametrize(
    ("keep", "losses", "kept"),
    [
        (1, {}, [6]),
        (2, {}, [5, 6]),
        (9, {}, [1, 2, 3, 4, 5, 6]),
        (1, {1: 3.0, 2: 1.0, 3: 2.0}, [2, 6]),
        (2, {1: 3.0, 2: 1.0, 3: 2.0, 6: 0.5}, [5, 6]),
        (2, {1: 3.0, 5: 1.0, 6: 2.0}, [5, 6]),
        (1, {3: 1.0, 4: 1.0}, [3, 6]),
    ],
)
def test_the_last_states_are_kept_and_the_best(
    tmp_path: Path, keep: int, losses: dict[int, float], kept: list[int]
) -> None:
    save(tmp_path / "states", [1, 2, 3, 4, 5, 6], keep, now=losses)
    assert saved_numbers(tmp_path / "states") == kept


@pytest.mark.parametrize(("now", "kept"), [(5.0, [2, 5]), (0.5, [5])])
def test_the_best_state_before_a_stop_is_kept_after_it(
    tmp_path: Path, now: float, kept: list[int]
) -> None:
    before = {1: 3.0, 2: 1.0, 3: 2.0, 4: 4.0}
    save(tmp_path / "states", [1, 2, 3, 4])
    save(tmp_path / "states", [5], keep=1, newest=4, before=before, now={5: now})
    assert saved_numbers(tmp_path / "states") == kept


def test_a_state_whose_values_have_changed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "jaxae.runs.checkpoints._sha256",
            lambda _: np.zeros(hashlib.sha256().digest_size, np.uint8),
        )
        save(tmp_path / "states", [1])
    with pytest.raises(ValueError, match=rf"^{tmp_path}/states/1 cannot be read: .* changed"):
        read_state(tmp_path / "states", 1, state(0))


def test_the_checksum_tells_values_types_shapes_and_names_apart() -> None:
    from jaxae.runs.checkpoints import _sha256

    x, y = np.arange(6, dtype=np.int32), np.zeros(6, np.int32)
    flipped = x.copy()
    flipped[-1] ^= 1 << 30
    states = [
        *({"a": x, "b": y}, {"a": y, "b": x}, {"a": flipped, "b": y}, {"a": x, "c": y}),
        *({"a": x.reshape(2, 3), "b": y}, {"a": x.view(np.float32), "b": y}, {"a": x}),
    ]
    assert len({_sha256(state).tobytes() for state in states}) == len(states)
    assert _sha256(states[0]).tobytes() == _sha256({"b": y.copy(), "a": x.copy()}).tobytes()


def test_the_newest_whole_state_is_read_and_what_is_passed_over_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "states"
    save(folder, [1, 2, 3])
    for damaged in ("3", "2"):
        assert value(read_newest_state(folder, [1, 2, 3], state(0))) == int(damaged)
        caplog.clear()
        shutil.rmtree(folder / damaged)
        (folder / damaged).mkdir()
    assert value(read_newest_state(folder, [1, 2, 3], state(0))) == 1
    for message, name in zip(caplog.messages, ("3", "2"), strict=True):
        assert message.startswith(f"{folder / name} cannot be read: ")
        assert message.endswith(f"; using {folder / '1'} instead")
    with pytest.raises(ValueError, match=rf"^{folder}/3 cannot be read"):
        read_newest_state(folder, [2, 3], state(0))


# Rows.


def row(epoch: int, loss: float | None = None, test_loss: float = 3.0) -> EpochMetrics:
    return EpochMetrics(epoch, 2.5, test_loss, 0.1, 9.0, validation_loss=loss)


def line(**changes: object) -> bytes:
    whole = {"epoch": 3, "train_loss": 2.5, "test_loss": 3.0, "seconds": 0.1}
    given = whole | {"images_per_second": 9.0} | changes
    return json.dumps({name: value for name, value in given.items() if value != "gone"}).encode()


def test_rows_are_lines_of_json(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert read_rows(file) == intact_rows(file) == []
    for epoch in (1, 2, 3):
        append_row(file, row(epoch))
    assert file.read_bytes().splitlines()[-1] == line()
    assert read_rows(file) == intact_rows(file) == [row(1), row(2), row(3)]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (line(), "it is truncated"),  # It parses, but has no newline.
        (line()[:-2] + b"\n", "Expecting|delimiter"),
        (line(epoch=4) + b"\n", "it belongs to epoch 4"),
        (line(epoch=2) + b"\n", "it belongs to epoch 2"),
        (line(epoch=3.0) + b"\n", "it belongs to epoch 3.0"),
        (line(epoch=True) + b"\n", "not a finite number"),
        (line(train_loss="2.5") + b"\n", "not a finite number"),
        (line(test_loss=float("nan")) + b"\n", "not a finite number"),
        (line(seconds=float("inf")) + b"\n", "not a finite number"),
        (line(seconds=None) + b"\n", "not a finite number"),
        (line(seconds="gone") + b"\n", "seconds"),
        (line(loss=1.0) + b"\n", "loss"),
        (b" " * 4096 + line() + b"\n", "longer than 4,096"),
        (b"\n", "Expecting value"),
    ],
)
def test_rows_up_to_the_first_bad_one_are_whole(tmp_path: Path, bad: bytes, said: str) -> None:
    file = tmp_path / "metrics.jsonl"
    for epoch in (1, 2):
        append_row(file, row(epoch))
    with file.open("ab") as stream:
        stream.write(bad + (line(epoch=4) + b"\n" if bad.endswith(b"\n") else b""))
    assert intact_rows(file) == [row(1), row(2)]
    with pytest.raises(ValueError, match=rf"^{file} is damaged: row 3: .*({said})"):
        read_rows(file)


def test_rows_begin_with_epoch_1(tmp_path: Path) -> None:
    append_row(tmp_path / "metrics.jsonl", row(2))
    assert intact_rows(tmp_path / "metrics.jsonl") == []


# A run.


def new_run(
    path: Path,
    checkpoints: CheckpointConfig | None = None,
    overwrite: bool = False,
    validation: int = 50,
    format: int = FORMAT,
) -> Run:
    return Run.create(
        path,
        RunConfig(
            ModelConfig(hidden_dim=2, latent_dim=1),
            TrainConfig(validation=validation),
            DataConfig("blobs", "nowhere", "0", (2, 2), 300),
            checkpoints or CheckpointConfig(),
            format=format,
        ),
        mesh=make_mesh(jax.devices()[:1]),
        overwrite=overwrite,
    )


def state_after(run: Run, epoch: int) -> TrainState:
    """Return a state whose biases, which start at zero, equal its epoch."""
    state = run.initial_state(nnx.state(run.new_model(), nnx.Param))
    params = jax.tree.map(lambda param: param + epoch, state.params)
    return state._replace(params=params, epoch=jnp.asarray(epoch, state.epoch.dtype))


def epoch_of(model: Any) -> int:
    return int(model.decoder.pixels.bias[0])


def begun(
    path: Path,
    losses: list[float],
    checkpoints: list[int],
    config: CheckpointConfig | None = None,
    **settings: Any,
) -> Run:
    """Make a run with a row for each validation loss, and some checkpoints."""
    run = new_run(path, config, **settings)
    for epoch, loss in enumerate(losses, 1):
        append_row(run.metrics, row(epoch, loss))
    writer = CheckpointWriter(run.checkpoints, 99, newest=0)
    for epoch in checkpoints:
        writer.save(epoch, state_after(run, epoch))
    writer.close()
    return run


def test_a_recorder_saves_at_the_interval_and_at_the_end(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", CheckpointConfig(checkpoint_every=3, keep=9))
    with Recorder(run, state_after(run, 0)) as recorder:
        saved = []
        for epoch in range(1, 6):
            recorder.record(Epoch(row(epoch, test_loss=9.0 - epoch), state_after(run, epoch)))
            recorder.wait()
            saved.append(saved_numbers(run.checkpoints))
            assert run.history()[-1] == row(epoch, test_loss=9.0 - epoch)
    assert saved == [[], [], [3], [3], [3]]
    assert saved_numbers(run.checkpoints) == [3, 5]


def test_a_resumed_recorder_drops_later_rows_and_states_and_keeps_the_earlier_best(
    tmp_path: Path,
) -> None:
    losses = [5.0, 1.0, 4.0, 0.5, 0.25]
    run = begun(tmp_path / "run", losses, [2, 3, 4], CheckpointConfig(checkpoint_every=2, keep=1))
    recorder = Recorder(run, state_after(run, 3))
    assert [one.epoch for one in run.history()] == [1, 2, 3]
    assert saved_numbers(run.checkpoints) == [2, 3]
    for epoch in (4, 5):
        recorder.record(Epoch(row(epoch, 2.0), state_after(run, epoch)))
    recorder.close()
    assert [one.validation_loss for one in run.history()] == [5.0, 1.0, 4.0, 2.0, 2.0]
    assert saved_numbers(run.checkpoints) == [2, 5]
    assert [epoch_of(run.load_model(which)) for which in ("best", "newest")] == [2, 5]


def test_the_best_state_is_of_those_that_have_a_loss(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", [5.0, 1.0, 4.0], [1, 2, 3, 4])
    assert [epoch_of(run.load_model(which)) for which in ("best", "newest", 3)] == [2, 4, 3]


def record(run: Run, test_losses: list[float], losses: list[float | None]) -> None:
    with Recorder(run, state_after(run, 0)) as recorder:
        for epoch, (test, loss) in enumerate(zip(test_losses, losses, strict=True), 1):
            recorder.record(Epoch(row(epoch, loss, test), state_after(run, epoch)))


@pytest.mark.parametrize(
    ("settings", "losses", "kept"),
    [
        ({"validation": 50}, [3.0, 2.0, 1.0, 4.0, 5.0], 3),
        ({"validation": 0}, [None] * 5, None),
        ({"validation": 0, "format": 1}, [None] * 5, 2),
    ],
)
def test_the_best_is_chosen_by_the_test_loss_only_in_runs_of_format_1(
    tmp_path: Path, settings: dict[str, Any], losses: list[float | None], kept: int | None
) -> None:
    every = CheckpointConfig(checkpoint_every=1, keep=1)
    run = new_run(tmp_path / "run", every, **settings)
    record(run, [5.0, 1.0, 4.0, 2.0, 3.0], losses)
    assert saved_numbers(run.checkpoints) == ([5] if kept is None else [kept, 5])
    if kept is not None:
        assert epoch_of(run.load_model("best")) == kept
        return
    message = r"has no best checkpoint, because no images were held out .* newest or one of 5, or"
    with pytest.raises(ValueError, match=message):
        run.load_model("best")


@pytest.mark.parametrize("killed", range(1, 8))
def test_the_epoch_with_the_lowest_loss_is_always_saved_also_if_the_run_was_killed(
    tmp_path: Path, killed: int
) -> None:
    losses = [3.0, 1.0, 2.0, 4.0, 0.5, 0.7, 0.6]
    run = new_run(tmp_path / "run", CheckpointConfig(checkpoint_every=3, keep=1))

    def train(start: int, end: int) -> Recorder:
        recorder = Recorder(run, state_after(run, start))
        for epoch in range(start + 1, end + 1):
            recorder.record(Epoch(row(epoch, losses[epoch - 1]), state_after(run, epoch)))
        recorder.wait()
        return recorder

    train(0, killed)  # Not closed.
    best = losses.index(min(losses[:killed])) + 1
    assert epoch_of(run.load_model("best")) == best
    state = state_to_resume(run)
    assert isinstance(state, TrainState)
    train(int(state.epoch), 7).close()
    assert epoch_of(run.load_model("best")) == 5
    assert saved_numbers(run.checkpoints) == [5, 7]


def test_seeds_whose_best_epochs_differ_have_a_checkpoint_in_common(tmp_path: Path) -> None:
    every = CheckpointConfig(checkpoint_every=5)
    runs = [new_run(tmp_path / name, every) for name in ("improving", "worsening")]
    recorders = [Recorder(run, state_after(run, 0)) for run in runs]
    for epoch in range(1, 13):
        for recorder, run, loss in zip(recorders, runs, (-epoch, epoch), strict=True):
            for other in recorders:
                other.wait()  # As in a study, which may be killed after any save.
            recorder.record(Epoch(row(epoch, 20.0 + loss), state_after(run, epoch)))
            recorder.wait()
            # Within an epoch, only the first run has been saved.
            done = epoch - (run is runs[0])
            expected = 1 if epoch == 1 and run is runs[1] else done // 5 * 5
            assert [int(state.epoch) for state in states_to_resume(runs)] == [expected] * 2
    assert [epoch_of(run.load_model("best")) for run in runs] == [12, 1]
    assert [saved_numbers(run.checkpoints) for run in runs] == [[10, 12], [1, 5, 10]]


@pytest.mark.parametrize(
    ("rows", "saved", "taken"),
    [
        (5, [2, 4], 4),
        (4, [2, 4], 4),
        (3, [2, 4], 2),
        (2, [2, 3], 2),
        (3, [], 0),
        (0, [], 0),
    ],
)
def test_a_state_is_resumed_from_only_where_all_its_rows_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: int, saved: list[int], taken: int
) -> None:
    run = begun(tmp_path / "run", [1.0] * rows, saved)
    state = state_to_resume(run)
    assert isinstance(state, TrainState) and state.epoch == taken
    passed_over = any(epoch > rows for epoch in saved)
    assert [f"has {rows} intact rows" in message for message in caplog.messages] == (
        [True] if passed_over else []
    )


def test_states_of_which_no_row_is_left_are_not_thrown_away(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", [1.0], [2, 3])
    with pytest.raises(ValueError, match=f"{run.metrics} ends before the first checkpoint"):
        state_to_resume(run)
    assert saved_numbers(run.checkpoints) == [2, 3]


# Overwriting.


def test_an_overwrite_that_is_interrupted_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, outside = tmp_path / "run", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()

    def fill() -> None:
        begun(path, [1.0], [1])
        (path / "figures").mkdir()
        (path / "figures" / "latent.png").touch()
        (path / "link").symlink_to(outside)
        (path / "a note").touch()
        (path / LOCK_NAME).touch()

    entries = 6  # config.json, metrics.jsonl, checkpoints, figures, the link and the note.
    for allowed in range(entries):
        shutil.rmtree(path, ignore_errors=True)
        fill()
        with monkeypatch.context() as patch:
            left = iter(range(allowed))
            for where, name in ((Path, "unlink"), (shutil, "rmtree")):
                patch.setattr(where, name, _until_killed(getattr(where, name), left))
            with pytest.raises(KeyboardInterrupt):
                new_run(path, overwrite=True)
        assert Run.open(path).path == path
        with pytest.raises(ValueError, match="holds a run"):
            new_run(path)
        new_run(path, overwrite=True)
        assert sorted(entry.name for entry in path.iterdir()) == [LOCK_NAME, "config.json"]
        assert (outside / "precious").exists()


def _until_killed(call: Callable[..., Any], left: Any) -> Callable[..., Any]:
    def act(*args: Any, **kwargs: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return call(*args, **kwargs)

    return act


@pytest.mark.parametrize("name", ["thesis.tex", "metrics.jsonl", ".hidden"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_of_other_files_is_never_taken(tmp_path: Path, name: str, overwrite: bool) -> None:
    path = tmp_path / "run"
    path.mkdir()
    (path / name).write_text("precious")
    with pytest.raises(ValueError, match="is not empty, and not a jaxae run"):
        new_run(path, overwrite=overwrite)
    assert [entry.name for entry in path.iterdir()] == [name]


def test_what_a_process_that_was_killed_early_leaves_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for name in (LOCK_NAME, ".config-0a1b2c3d.json"):
        (path / name).touch()
    assert new_run(path) == Run.open(path)


@pytest.mark.parametrize("version", [0, -1, 3, True, 1.0, "1", None])
def test_a_format_that_is_not_known_is_refused(tmp_path: Path, version: object) -> None:
    path = new_run(tmp_path / "run").path
    config = json.loads((path / "config.json").read_text())
    assert config["format"] == Run.open(path).config.format == 2
    (path / "config.json").write_text(json.dumps(config | {"format": 1}))
    assert Run.open(path).config.format == 1
    (path / "config.json").write_text(json.dumps(config | {"format": version}))
    with pytest.raises(ValueError, match=rf"format is {version!r}; this version reads 1 to 2"):
        Run.open(path)
