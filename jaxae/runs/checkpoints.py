"""Training states on disk, written by Orbax in the background.

A state is a folder named after its epoch or step. Orbax fills it under a temporary name and renames
it when everything is on the disk. It detects a missing file but not a flipped bit in an array, so a
SHA-256 of all values is saved with them. Nothing is ever unpickled.
"""

import hashlib
import logging
import math
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
    """List the numbers of the saved states in ascending order, without checking their contents."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]{1,9}", name))


def read_state(folder: Path, number: int, like: State) -> State:
    """Read a state to JAX's default device; every process reads it independently.

    Args:
      folder: the folder of the states.
      number: one of `saved_numbers`.
      like: its shapes and types, for instance from `jax.eval_shape`.

    Raises:
      ValueError: the state is missing, has other shapes or types, or has changed since it was
        saved.
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
            raise ValueError("its values changed after they were saved")
    except Exception as error:  # Orbax and TensorStore raise many types for damaged files.
        raise ValueError(f"{folder / str(number)} cannot be read: {_first_line(error)}") from error
    return jax.tree.map(lambda leaf, as_was: _keyed(leaf, as_was.dtype), read["state"], like)


def read_newest_state(folder: Path, numbers: Iterable[int], like: State) -> State:
    """Read the newest intact state among one or more; log those skipped.

    Raises:
      ValueError: none is intact; the message is about the newest.
    """
    errors: list[ValueError] = []
    for number in sorted(numbers, reverse=True):
        try:
            state = read_state(folder, number, like)
        except ValueError as error:
            errors.append(error)
            continue
        for skipped in errors:
            _log.warning("%s; using %s instead", skipped, folder / str(number))
        return state
    raise errors[0]


class CheckpointWriter:
    """Saves states in the background, one at a time.

    In a run of several processes, all of them make the same calls. They then save together and wait
    until the save is complete, since Orbax's collectives must not overlap with a training step's.
    Every method raises OSError if the folder or an earlier state cannot be written.

    Args:
      folder: created if it is missing. The remains of interrupted saves are deleted, and so are
        states with numbers above `newest`.
      keep: how many of the last states to keep, in addition to the best one: that with the lowest
        loss. States without a loss are never the best.
      newest: number of the state that training starts from.
      losses: losses so far, by number.
    """

    def __init__(
        self, folder: Path, keep: int, newest: int, losses: Mapping[int, float] | None = None
    ):
        """Delete the remains of interrupted saves, and states newer than `newest`."""
        self._folder = folder
        self._keep = keep
        # Orbax's AsyncCheckpointer (and its composite handler) leaves threads waiting if a folder
        # cannot be created, and gives up when the clock is set forward. Its CheckpointManager does
        # not open if the metadata of any checkpoint are damaged.
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None
        run_on_main_process(lambda: self._tidy(newest))
        losses = losses or {}
        self._losses = {n: losses[n] for n in saved_numbers(folder) if n in losses}
        self._only_as_best: set[int] = set()

    def _tidy(self, newest: int) -> None:
        make_folder(self._folder)
        later = [number for number in saved_numbers(self._folder) if number > newest]
        unfinished = self._folder.glob("*.orbax-checkpoint-tmp*")
        for path in (*unfinished, *(self._folder / str(number) for number in later)):
            shutil.rmtree(path)

    def would_be_best(self, loss: float | None) -> bool:
        """Return whether a state with this loss would be the best one that is saved."""
        return loss is not None and loss < min(self._losses.values(), default=math.inf)

    def save(
        self, number: int, state: Any, loss: float | None = None, *, only_as_best: bool = False
    ) -> None:
        """Start to save a state, after the previous save; do nothing if the number is saved.

        The state must not be donated until it is saved. With `only_as_best` it does not count
        towards the last states to keep, except while it is the newest.
        """
        self.wait()
        if not run_on_main_process(lambda: number not in saved_numbers(self._folder)):
            return
        if loss is not None:
            self._losses[number] = loss
        if only_as_best:
            self._only_as_best.add(number)
        self._last = self._thread.submit(self._write, number, _plain(state))
        if jax.process_count() > 1:
            self.wait()

    def close(self) -> None:
        """Wait until the last save is complete, and end the thread."""
        self.wait()
        self._thread.shutdown()

    def wait(self) -> None:
        """Wait until the last save is complete."""
        last, self._last = self._last, None
        try:
            if last is not None:
                last.result()
        except Exception as error:  # Orbax and TensorStore raise many types for a full disk.
            raise OSError(f"{self._folder} cannot be written: {_first_line(error)}") from error

    def _write(self, number: int, state: Any) -> None:
        args = ocp.args.StandardSave({"state": state, "sha256": _sha256(state)})
        path = self._folder.resolve() / str(number)
        # With OCDBT, Orbax merges files that it finds with a glob pattern that includes the path. A
        # bracket in a folder's name would hide them, and the state could never be read.
        with _checkpointer(use_ocdbt="[" not in str(path)) as checkpointer:
            checkpointer.save(path, args=args)
        if is_main_process():
            self._sync(self._folder / str(number))
            self._prune()

    def _sync(self, state: Path) -> None:
        # Orbax syncs the arrays only, not the files and folders needed to find them.
        for path in (*state.rglob("*"), state, self._folder):
            sync(path)

    def _prune(self) -> None:
        saved = saved_numbers(self._folder)
        known = [number for number in saved if number in self._losses]
        best = min(known, key=self._losses.__getitem__, default=None)
        counted = [n for n in saved if n not in self._only_as_best or n == saved[-1]]
        for number in set(saved) - {best, *counted[-self._keep :]}:
            shutil.rmtree(self._folder / str(number))


def _checkpointer(
    options: ocp.options.MultiprocessingOptions | None = None, *, use_ocdbt: bool = True
) -> ocp.Checkpointer:
    options = options or ocp.options.MultiprocessingOptions()
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=options, use_ocdbt=use_ocdbt)
    return ocp.Checkpointer(handler, multiprocessing_options=options)


def _plain(state: Any) -> Any:
    # Random keys as integers, since not every version of Orbax saves keys.
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
