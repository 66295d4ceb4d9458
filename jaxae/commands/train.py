"""`jaxae train`: fit a model to a data set, keep it as a run, draw its figures."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro
from flax import nnx
from jax.sharding import Mesh

from jaxae.commands.common import Flag, Hardware, TrainOptions, console, default_folder, say
from jaxae.commands.figures import draw_all
from jaxae.commands.training import train_run
from jaxae.config import CheckpointConfig, ModelConfig, ProcessConfig, TrainConfig
from jaxae.data import Dataset, load_dataset
from jaxae.devices import check_precision
from jaxae.drawing import AFTER_TRAINING
from jaxae.locking import locked
from jaxae.processes import first_decides, is_first, joined, largest, require_same
from jaxae.recording import state_to_resume
from jaxae.records import DataRecord
from jaxae.runs import Run
from jaxae.sources import Source
from jaxae.streaming import UnfinishedEpoch, exceeds_memory
from jaxae.training import TrainState


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an autoencoder and draw its figures.

    Writes a run's folder: config.json, metrics.jsonl, checkpoints/ and figures/. Ctrl-C saves what
    is trained, and --resume goes on from there. All devices share the work; so do several
    processes, started alike with one --run-dir, on a cluster that JAX knows or by --coordinator.
    """

    dataset: str = "mnist"
    """mnist (bundled) or a data set of TFDS, such as fashion_mnist or emnist/letters."""

    data_dir: Path | None = None
    """A folder with four IDX files to train on, or with .npy or .array_record files; --dataset is
    then only its name."""

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: TrainOptions = dataclasses.field(default_factory=TrainConfig)

    checkpoints: tyro.conf.OmitArgPrefixes[CheckpointConfig] = dataclasses.field(
        default_factory=CheckpointConfig
    )

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    processes: tyro.conf.OmitArgPrefixes[ProcessConfig] = dataclasses.field(
        default_factory=ProcessConfig
    )

    run_dir: Path | None = None
    """The run's folder; by default runs/DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the run that --run-dir holds."""

    resume: Flag = False
    """Go on with the run that --run-dir holds, from its newest whole checkpoint."""

    tensorboard: Flag = False
    """Write the metrics for TensorBoard too, into the run's tensorboard/."""

    fit_box: Flag = False
    """Decode the grid on the cloud's own 1st to 99th percentile, not on the lecture's box."""

    def defaults_of_run(self) -> "Train":
        """Return what the run to resume was made with, to parse the command line over it.

        Raises:
          ValueError: there is no run, or it is also to be overwritten.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the run's folder; pass --run-dir")
        if self.overwrite:
            raise ValueError("--resume keeps what --overwrite deletes; pass one of them")
        run = Run.open(self.run_dir)
        folder = Path(run.data.source) if Path(run.data.source).is_absolute() else None
        return Train(
            dataset=run.data.name if folder else run.data.source,
            data_dir=folder,
            model=run.model_config,
            train=run.train_config,
            checkpoints=run.checkpoint_config,
        )

    def __call__(self) -> None:
        """Train, save, draw."""
        with contextlib.ExitStack() as stack:
            with joined(self.processes):
                require_same("the options", self._common().encode())
                mesh = self.hardware.mesh()
                console.quiet = not is_first()
                if jax.process_count() > 1 and self.run_dir is None:
                    raise ValueError(
                        "several processes need one folder; pass --run-dir to all of them"
                    )
                check_precision(self.train.precision, mesh.local_devices[0])
                stack.enter_context(jax.default_device(mesh.local_devices[0]))
                begun = self._resume(mesh, stack) if self.resume else self._start(mesh, stack)
                if begun is not None:
                    train_run(*begun, mesh, tensorboard=self.tensorboard)
            # The other processes need not wait until process 0 has drawn.
            if begun is not None and is_first():
                source, folder = Source(begun.run.path, mesh), begun.run.path / "figures"
                draw_all(source, folder, "png", self.fit_box, AFTER_TRAINING)

    def _common(self) -> str:
        # All but what tells the processes apart: their numbers, and where each finds the data.
        return repr(dataclasses.replace(self, processes=ProcessConfig(), data_dir=None))

    def _start(self, mesh: Mesh, stack: contextlib.ExitStack) -> "_Begun":
        dataset = load_dataset(self.data_dir or self.dataset)
        if self.data_dir and self.dataset != "mnist":
            dataset = dataclasses.replace(dataset, name=self.dataset)
        path = self.run_dir or default_folder(dataset.name)
        require_same("the images or labels", _fingerprint(dataset))
        stream = self.train.stream or exceeds_memory(dataset, mesh.local_devices[0])
        train = dataclasses.replace(self.train, stream=bool(largest(stream)))

        def create() -> None:
            Run.check_free(path, overwrite=self.overwrite)  # Before a lock is left in the folder.
            stack.enter_context(locked(path))
            Run.create(
                path,
                self.model,
                train,
                DataRecord.of(dataset, self._source()),
                device=mesh.local_devices[0],
                checkpoint_config=self.checkpoints,
                overwrite=self.overwrite,
            )

        first_decides(create)
        run = _opened(path)
        return _Begun(run, dataset, run.initial_state(nnx.state(run.new_model(), nnx.Param)))

    def _resume(self, mesh: Mesh, stack: contextlib.ExitStack) -> "_Begun | None":
        assert self.run_dir is not None
        path = self.run_dir
        first_decides(lambda: stack.enter_context(locked(path)))
        run = Run.open(path)
        if run.imported_from is not None:
            raise ValueError(
                f"{run.path} was imported from {run.imported_from}, without the state of its "
                "training; train anew under another --run-dir"
            )
        self._refuse_other_settings(run, mesh.local_devices[0])
        state = state_to_resume(run)
        within = isinstance(state, UnfinishedEpoch)
        now = state.state if isinstance(state, UnfinishedEpoch) else state
        epoch = int(now.epoch)
        require_same(f"the checkpoints in {path}", f"{epoch} {int(now.step)}".encode())
        if epoch >= self.train.epochs:
            say(
                f"{run.path} is finished, with {epoch} epochs; "
                "more --epochs go on with it, jaxae figures draws it"
            )
            return None
        dataset = dataclasses.replace(load_dataset(self._source()), name=run.data.name)
        require_same("the images or labels", _fingerprint(dataset))

        def update() -> None:
            run.check_dataset(dataset, self._source())
            run.update(self.train.epochs, self._source(), self.checkpoints)

        first_decides(update)
        where = f"within epoch {epoch + 1}" if within else f"after epoch {epoch}"
        say(f"{run.path} goes on {where}")
        return _Begun(_opened(path), dataset, state)

    def _source(self) -> str:
        return str(self.data_dir.resolve()) if self.data_dir else self.dataset

    def _refuse_other_settings(self, run: Run, device: jax.Device) -> None:
        began = {**_settings(run.model_config, run.train_config), "device": run.platform}
        given = {**_settings(self.model, self.train), "device": device.platform}
        for name, value in given.items():
            if value == began[name]:
                continue
            if name == "epochs" and self.train.schedule != "constant":
                why = f"the {self.train.schedule} schedule is laid out for {began[name]}"
            elif name == "epochs" and value > began[name]:
                continue
            else:
                why = f"{run.path} began with {began[name]}"
            option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            raise ValueError(
                f"{option} would change the result of --resume: {why}; "
                "leave it out, or train anew under another --run-dir"
            )


class _Begun(NamedTuple):
    run: Run
    dataset: Dataset
    state: TrainState | UnfinishedEpoch


def _fingerprint(dataset: Dataset) -> bytes:
    # Not the checksum, for which every process would have to read all images.
    parts = (dataset.train.labels, dataset.test.labels, dataset.train.images[:1])
    shapes = (dataset.train.images.shape, dataset.test.images.shape)
    return repr(shapes).encode() + b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def _opened(path: Path) -> Run:
    try:
        return Run.open(path)
    except ValueError as error:
        if is_first():
            raise
        raise ValueError(
            f"{path} is not what process 0 has written ({error}); expected a --run-dir on a file "
            "system that all processes see"
        ) from error


def _settings(*configs: ModelConfig | TrainConfig) -> dict[str, Any]:
    return {name: value for config in configs for name, value in dataclasses.asdict(config).items()}
