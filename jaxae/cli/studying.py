"""Train and measure the models of a study, and sum up."""

import contextlib
import shlex
import sys
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh

from jaxae._utils.files import write_json
from jaxae._utils.signals import signals_held_back
from jaxae._utils.tables import markdown
from jaxae.analysis import Report, classifier_of, evaluate_claims, measure, summarize, verdicts
from jaxae.cli.beginning import mesh_of
from jaxae.cli.common import console, described, say
from jaxae.cli.figures import draw_all
from jaxae.cli.numbers import show_numbers
from jaxae.cli.progress import TrainingProgress
from jaxae.cli.seeds import Seeds, resume, start
from jaxae.cli.study import Study
from jaxae.drawing import AFTER_TRAINING, Source, first_run
from jaxae.runs import Recorder, Run, saved_numbers
from jaxae.training import DivergedError, Epoch, EpochMetrics, fit_seeds


def study(options: Study) -> None:
    """Train all, measure and draw each, sum up."""
    if options.seeds < 1:
        raise ValueError(f"seeds is {options.seeds}; expected 1 or more")
    resumed = first_run(options.run_dir) if options.resume and options.run_dir else None
    mesh = mesh_of(options.hardware, resumed)
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.default_device(mesh.local_devices[0]))
        seeds = resume(options, mesh, stack) if options.resume else start(options, mesh, stack)
        say(
            f"{seeds.dataset.name}: {len(seeds.runs)} seeds at once on "
            f"{len(seeds.dataset.train):,} images; {described(mesh)}; {seeds.folder}"
        )
        try:
            _train(seeds, mesh)
            reports = _measured(seeds, mesh)
        except BaseException as error:
            _say_what_is_saved(seeds, error)
            raise
        _report(seeds.folder, seeds.runs, reports)


def _say_what_is_saved(seeds: Seeds, error: BaseException) -> None:
    epoch = min(max(saved_numbers(run.checkpoints), default=0) for run in seeds.runs)
    how = f"; jaxae study --run-dir {shlex.quote(str(seeds.folder))} --resume continues it"
    if isinstance(error, DivergedError):
        how = ""
    print(f"jaxae: {seeds.folder}: last saved: epoch {epoch} of every seed{how}", file=sys.stderr)


def _train(seeds: Seeds, mesh: Mesh) -> None:
    config = seeds.runs[0].train_config
    if seeds.epoch == config.epochs:
        return
    with contextlib.ExitStack() as stack:
        stop_if_asked = stack.enter_context(signals_held_back())
        progress = stack.enter_context(TrainingProgress(console, config.epochs))
        recorders = [
            stack.enter_context(Recorder(run, state))
            for run, state in zip(seeds.runs, seeds.states, strict=True)
        ]

        def on_epoch(epochs: list[Epoch]) -> None:
            # Or a kill could leave runs that have no checkpoint in common.
            for recorder in recorders:
                recorder.wait()
            for recorder, epoch in zip(recorders, epochs, strict=True):
                recorder.record(epoch)
            progress.show(_of_all([epoch.metrics for epoch in epochs]))
            stop_if_asked()

        fit_seeds(
            seeds.dataset,
            seeds.runs[0].model_config,
            config,
            [run.train_config.seed for run in seeds.runs],
            states=seeds.states,
            mesh=mesh,
            on_epoch=on_epoch,
            on_position=stop_if_asked,  # An unfinished epoch is not saved.
        )


def _of_all(rows: list[EpochMetrics]) -> EpochMetrics:
    # Mean losses, and the time of all seeds together.
    train, test = np.mean([(row.train_loss, row.test_loss) for row in rows], axis=0)
    seconds = sum(row.seconds for row in rows)
    return EpochMetrics(rows[0].epoch, train, test, seconds, rows[0].images_per_second)


def _measured(seeds: Seeds, mesh: Mesh) -> list[Report]:
    classifier = classifier_of(seeds.dataset)
    reports = []
    for run in seeds.runs:
        source = Source(run.path, mesh, data=seeds.dataset)
        kl_weight = run.train_config.kl_weight
        reports.append(measure(source.embedding, classifier, kl_weight=kl_weight))
        say(f"measured {run.path.name}")
        draw_all(source, run.path / "figures", "png", False, AFTER_TRAINING)
    return reports


def _report(folder: Path, runs: list[Run], reports: list[Report]) -> None:
    total = summarize(reports)
    judged = [evaluate_claims(report) for report in reports]
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
