"""Train and measure the models of a study, and sum up."""

import contextlib
import dataclasses
import shutil
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from jaxae.claims import claims
from jaxae.commands.common import (
    console,
    data_source,
    default_folder,
    described,
    say,
)
from jaxae.commands.numbers import show_numbers
from jaxae.commands.study import Study
from jaxae.data import Dataset, load_dataset
from jaxae.embedding import Embedding
from jaxae.files import write_json
from jaxae.fitting import Epoch, EpochMetrics
from jaxae.measuring import classifier_of, measure
from jaxae.progress import TrainingProgress
from jaxae.recording import Recorder
from jaxae.records import DataRecord
from jaxae.report import Report
from jaxae.runs import Run
from jaxae.study import check_study, fit_seeds, summary, verdicts
from jaxae.tables import markdown


def study(options: Study) -> None:
    """Train all, measure each, sum up."""
    if options.seeds < 1:
        raise ValueError(f"seeds is {options.seeds}; expected 1 or more")
    mesh = options.hardware.mesh()
    device = mesh.local_devices[0]
    source = data_source(options.dataset, options.data_dir)
    dataset = load_dataset(source)
    check_study(dataset, options.train, mesh)
    folder = options.run_dir or default_folder(f"study-{dataset.name}")
    _make_room(folder, options.overwrite)
    record = DataRecord.of(dataset, source)
    say(
        f"{dataset.name}: {options.seeds} seeds at once on {len(dataset.train):,} images; "
        f"{described(mesh)}; {folder}"
    )
    with jax.default_device(device):
        runs = []
        for seed in range(options.train.seed, options.train.seed + options.seeds):
            config = dataclasses.replace(options.train, seed=seed)
            path = folder / f"seed-{seed}"
            runs.append(Run.create(path, options.model, config, record, mesh=mesh))
        _train(runs, dataset, mesh)
        reports = _measured(runs, dataset, mesh)
    _report(folder, runs, reports)


def _make_room(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or not any(folder.glob("seed-*/config.json")):
        if not folder.is_dir() or any(folder.iterdir()):
            raise ValueError(f"{folder} holds what is no study; choose another --run-dir")
        return
    if not overwrite:
        raise ValueError(f"{folder} holds a study; pass --overwrite or another --run-dir")
    shutil.rmtree(folder)


def _train(runs: list[Run], dataset: Dataset, mesh: Mesh) -> None:
    config = runs[0].train_config
    with (
        contextlib.ExitStack() as stack,
        TrainingProgress(console, config.epochs) as progress,
    ):
        recorders = []
        for run in runs:
            state = run.initial_state(nnx.state(run.new_model(), nnx.Param))
            recorders.append(stack.enter_context(Recorder(run, state)))

        def on_epoch(epochs: list[Epoch]) -> None:
            for recorder, epoch in zip(recorders, epochs, strict=True):
                recorder.record(epoch)
            progress.show(_of_all([epoch.metrics for epoch in epochs]))

        seeds = [run.train_config.seed for run in runs]
        fit_seeds(dataset, runs[0].model_config, config, seeds, mesh=mesh, on_epoch=on_epoch)


def _of_all(rows: list[EpochMetrics]) -> EpochMetrics:
    # Mean losses, and the time of all seeds together.
    _, train, test, _, _ = np.mean(rows, axis=0)
    seconds = sum(row.seconds for row in rows)
    return EpochMetrics(rows[0].epoch, train, test, seconds, rows[0].images_per_second)


def _measured(runs: list[Run], dataset: Dataset, mesh: Mesh) -> list[Report]:
    classifier = classifier_of(dataset)
    reports = []
    for run in runs:
        embedding = Embedding(run.load_model(mesh=mesh), dataset)
        reports.append(measure(embedding, classifier, kl_weight=run.train_config.kl_weight))
        say(f"measured seed {run.train_config.seed}")
    return reports


def _report(folder: Path, runs: list[Run], reports: list[Report]) -> None:
    total = summary(reports)
    judged = [claims(report) for report in reports]
    for run, report, own in zip(runs, reports, judged, strict=True):
        content = report.as_json() | {"claims": [claim._asdict() for claim in own]}
        write_json(run.path / "report.json", content)
    found = verdicts(judged)
    seeds = [run.train_config.seed for run in runs]
    content = total.as_json() | {"claims": [v._asdict() for v in found], "seeds": seeds}
    write_json(folder / "report.json", content)
    show_numbers(total)
    rows = [[verdict.sentence, verdict.words, verdict.rule] for verdict in found]
    say(*markdown(["the lecture says", "it", "rule"], rows), "", str(folder / "report.json"))
