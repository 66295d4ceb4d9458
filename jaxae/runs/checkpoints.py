"""Training states on disk: Orbax writes them in the background; only whole ones are read.

A state is a folder with a number for a name, its epoch's or its step's, which Orbax fills under
another name and renames when all is on the disk. Orbax notices a missing file but not a flipped bit
of an array, so a SHA-256 over all values is saved beside them. Nothing is ever unpickled.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import orbax.checkpoint as ocp
from jax import dtypes

from jaxae._utils.files import make_folder, sync
from jaxae.distributed import chosen_device, is_main_process, run_on_main_process

_log = logging.getLogger(__name__)
State = TypeVar("State")  # A tree of arrays, such as a TrainState.


def saved_numbers(folder: Path) -> list[int]:
    """List the states whose save ended, the oldest first; reading tells whether they are whole."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]{1,9}", name))


def read_state(folder: Path, number: int, like: State) -> State:
    """Read a state to JAX's default device; every process that needs it reads it by itself.

    Args:
      folder: of the states.
      number: one of `saved_numbers`.
      like: the state's shapes and types, for instance from `jax.eval_shape`.

    Raises:
      ValueError: it is not there, is not like that, or a bit of it has changed.
    """
    here = jax.sharding.SingleDeviceSharding(chosen_device() or jax.local_devices()[0])
    shapes = {"state": jax.eval_shape(_plain, like), "sha256": np.zeros(32, np.uint8)}
    stored = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here), shapes)
    alone = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix=f"process_{jax.process_index()}",
    )
    try:
        with _checkpointer(alone) as checkpointer:
            read = checkpointer.restore(
                folder.resolve() / str(number), args=ocp.args.StandardRestore(stored)
            )
        if read["sha256"].tobytes() != _sha256(read["state"]).tobytes():
            raise ValueError("its values have changed since they were saved")
    except Exception as error:  # Orbax and TensorStore raise many kinds for damaged files.
        raise ValueError(f"{folder / str(number)} cannot be read: {_first_line(error)}") from error
    return jax.tree.map(lambda leaf, as_was: _keyed(leaf, as_was.dtype), read["state"], like)


def read_newest_state(folder: Path, numbers: Iterable[int], like: State) -> State:
    """Read the newest whole state of those with some numbers, one at least.

    What is passed over on the way is logged.

    Raises:
      ValueError: none is whole; the text tells of the newest.
    """
    errors: list[ValueError] = []
    for number in sorted(numbers, reverse=True):
        try:
            state = read_state(folder, number, like)
        except ValueError as error:
            errors.append(error)
            continue
        for passed_over in errors:
            _log.warning("%s; %s is taken in its place", passed_over, folder / str(number))
        return state
    raise errors[0]


class CheckpointWriter:
    """Saves states in the background, one at a time.

    In a run over several processes all of them are to call it. Orbax then saves together, and all
    wait: what it does to keep them in step must not run beside a training step.

    Args:
      folder: where; made if need be. What an interrupted save left is deleted, and so are states of
        numbers above `newest`.
      keep: how many of the last states to keep, besides the one with the lowest test loss.
      newest: the number of the state that training begins with.
      test_losses: by number, those so far.

    Raises:
      OSError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, keep: int, newest: int, test_losses: Mapping[int, float] | None = None
    ):
        """Tidy the folder."""
        self._folder = folder
        self._keep = keep
        self._test_losses = dict(test_losses or {})
        # Not Orbax's AsyncCheckpointer (nor its composite handler): when a folder can't be made it
        # leaves threads that wait, and a clock that is set forward makes it give up. Nor its
        # CheckpointManager, which damaged metadata in any one checkpoint keep from opening.
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None
        run_on_main_process(lambda: self._tidy(newest))

    def _tidy(self, newest: int) -> None:
        make_folder(self._folder)
        later = [number for number in saved_numbers(self._folder) if number > newest]
        unfinished = self._folder.glob("*.orbax-checkpoint-tmp*")
        for path in (*unfinished, *(self._folder / str(number) for number in later)):
            shutil.rmtree(path)

    def save(self, number: int, state: Any, test_loss: float | None = None) -> None:
        """Start to save a state, when the save before has ended; a number is saved once.

        Args:
          number: what the state is found by.
          state: a tree of arrays, to be left as it is, not donated.
          test_loss: of its parameters, if it may be kept for that.

        Raises:
          OSError: the state before cannot be written.
        """
        self.wait()
        if not run_on_main_process(lambda: number not in saved_numbers(self._folder)):
            return
        if test_loss is not None:
            self._test_losses[number] = test_loss
        self._last = self._thread.submit(self._write, number, _plain(state))
        if jax.process_count() > 1:
            self.wait()

    def close(self) -> None:
        """Wait until the last save is whole.

        Raises:
          OSError: it cannot be written.
        """
        self.wait()
        self._thread.shutdown()

    def wait(self) -> None:
        """Wait until the save that was started last is whole.

        Raises:
          OSError: it cannot be written.
        """
        last, self._last = self._last, None
        try:
            if last is not None:
                last.result()
        except Exception as error:  # Orbax and TensorStore raise many kinds for a full disk.
            raise OSError(f"{self._folder} cannot be written: {_first_line(error)}") from error

    def _write(self, number: int, state: Any) -> None:
        args = ocp.args.StandardSave({"state": state, "sha256": _sha256(state)})
        path = self._folder.resolve() / str(number)
        # For OCDBT, Orbax merges files that it finds by a glob pattern with the whole path in it. A
        # bracket in a folder's name hides them, and the state could never be read.
        with _checkpointer(use_ocdbt="[" not in str(path)) as checkpointer:
            checkpointer.save(path, args=args)
        if is_main_process():
            self._sync(self._folder / str(number))
            self._prune()

    def _sync(self, state: Path) -> None:
        # Orbax waits for the disk with the arrays only, not with what it needs to find them.
        for path in (*state.rglob("*"), state, self._folder):
            sync(path)

    def _prune(self) -> None:
        saved = saved_numbers(self._folder)
        judged = [number for number in saved if number in self._test_losses]
        best = min(judged, key=self._test_losses.__getitem__, default=None)
        for number in saved[: -self._keep]:
            if number != best:
                shutil.rmtree(self._folder / str(number))


def _checkpointer(
    options: ocp.options.MultiprocessingOptions | None = None, *, use_ocdbt: bool = True
) -> ocp.Checkpointer:
    options = options or ocp.options.MultiprocessingOptions()
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=options, use_ocdbt=use_ocdbt)
    return ocp.Checkpointer(handler, multiprocessing_options=options)


def _plain(state: Any) -> Any:
    # Keys as the integers that they are: not every version of Orbax saves a key.
    return jax.tree.map(
        lambda leaf: jax.random.key_data(leaf) if _is_key(leaf.dtype) else leaf, state
    )


def _keyed(leaf: jax.Array, dtype: Any) -> jax.Array:
    return jax.random.wrap_key_data(leaf) if _is_key(dtype) else leaf


def _is_key(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, dtypes.prng_key)


def _sha256(state: Any) -> npt.NDArray[np.uint8]:
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(state):
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]
