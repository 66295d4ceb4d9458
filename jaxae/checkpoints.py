"""Training states on disk: Orbax writes them in the background; only whole ones are read.

A state is the folder `EPOCH/`, which Orbax fills under another name and renames when all is on the
disk. Orbax notices a missing file but not a flipped bit of an array, so a SHA-256 over all values
is saved beside them. Nothing is ever unpickled.
"""

import hashlib
import logging
import math
import re
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import numpy.typing as npt
import orbax.checkpoint as ocp

from jaxae.training import TrainState

_log = logging.getLogger(__name__)


def saved_epochs(folder: Path) -> list[int]:
    """List the epochs whose save ended, the oldest first; reading tells whether they are whole."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]{1,9}", name))


def read_state(folder: Path, epoch: int, like: TrainState) -> TrainState:
    """Read the state after an epoch to JAX's default device.

    Args:
      folder: of the states.
      epoch: one of `saved_epochs`.
      like: the state's shapes and types, for instance from `jax.eval_shape`.

    Raises:
      ValueError: it is not there, is not like that, or a bit of it has changed.
    """
    device = jax.config.jax_default_device or jax.devices()[0]  # type: ignore[attr-defined]
    here = jax.sharding.SingleDeviceSharding(device)
    shapes = {"state": jax.eval_shape(_plain, like), "sha256": np.zeros(32, np.uint8)}
    stored = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here), shapes)
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            read = checkpointer.restore(
                folder.resolve() / str(epoch), args=ocp.args.StandardRestore(stored)
            )
        state: TrainState = read["state"]
        if read["sha256"].tobytes() != _sha256(state).tobytes():
            raise ValueError("its values have changed since they were saved")
    except Exception as error:  # Orbax and TensorStore raise many kinds for damaged files.
        raise ValueError(f"{folder / str(epoch)} cannot be read: {_first_line(error)}") from error
    return state._replace(key=jax.random.wrap_key_data(state.key))


def read_newest_state(folder: Path, epochs: Iterable[int], like: TrainState) -> TrainState:
    """Read the newest whole state of those after some epochs, one at least.

    What is passed over on the way is logged.

    Raises:
      ValueError: none is whole; the text tells of the newest.
    """
    errors: list[ValueError] = []
    for epoch in sorted(epochs, reverse=True):
        try:
            state = read_state(folder, epoch, like)
        except ValueError as error:
            errors.append(error)
            continue
        for passed_over in errors:
            _log.warning("%s; epoch %d is taken in its place", passed_over, epoch)
        return state
    raise errors[0]


class CheckpointWriter:
    """Saves states in the background, one at a time.

    In a run over several processes all of them are to call it, and to wait: what Orbax does to keep
    them in step must not run beside a training step.

    Args:
      folder: where; made if need be. What an interrupted save left is deleted, and so are states of
        epochs later than `test_losses` knows.
      keep: how many of the last states to keep, besides the one with the lowest test loss.
      test_losses: by epoch, those so far.

    Raises:
      OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, keep: int, test_losses: Mapping[int, float]):
        """Tidy the folder."""
        folder.mkdir(exist_ok=True)
        later = [epoch for epoch in saved_epochs(folder) if epoch > max(test_losses, default=0)]
        for path in (*folder.glob("*.orbax-checkpoint-tmp*"), *(folder / str(e) for e in later)):
            shutil.rmtree(path)
        self._folder = folder
        self._keep = keep
        self._test_losses = dict(test_losses)
        # Not Orbax's AsyncCheckpointer (nor its composite handler): when a folder can't be made it
        # leaves threads that wait, and a clock that is set forward makes it give up. Nor its
        # CheckpointManager, which damaged metadata in any one checkpoint keep from opening.
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None

    def save(self, state: TrainState, test_loss: float) -> None:
        """Start to save a state, when the save before has ended; an epoch is saved once.

        Args:
          state: to be left as it is, not donated.
          test_loss: of its parameters.

        Raises:
          OSError: the state before cannot be written.
        """
        self._wait()
        epoch = int(state.epoch)
        if epoch not in saved_epochs(self._folder):
            self._test_losses[epoch] = test_loss
            self._last = self._thread.submit(self._write, epoch, _plain(state))

    def close(self) -> None:
        """Wait until the last save is whole.

        Raises:
          OSError: it cannot be written.
        """
        self._wait()
        self._thread.shutdown()

    def _wait(self) -> None:
        last, self._last = self._last, None
        try:
            if last is not None:
                last.result()
        except Exception as error:  # Orbax and TensorStore raise many kinds for a full disk.
            raise OSError(f"{self._folder} cannot be written: {_first_line(error)}") from error

    def _write(self, epoch: int, state: TrainState) -> None:
        args = ocp.args.StandardSave({"state": state, "sha256": _sha256(state)})
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            checkpointer.save(self._folder.resolve() / str(epoch), args=args)
        self._prune()

    def _prune(self) -> None:
        saved = saved_epochs(self._folder)
        best = min(saved, key=lambda epoch: self._test_losses.get(epoch, math.inf), default=0)
        for epoch in saved[: -self._keep]:
            if epoch != best:
                shutil.rmtree(self._folder / str(epoch))


def _plain(state: TrainState) -> TrainState:
    # The key as the integers that it is: not every version of Orbax saves a key.
    return state._replace(key=jax.random.key_data(state.key))


def _sha256(state: TrainState) -> npt.NDArray[np.uint8]:
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(state):
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]
