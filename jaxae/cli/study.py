"""`jaxae study`: train one model from several seeds, and report what depends on the seed."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from typing import TYPE_CHECKING

import tyro

import jaxae
from jaxae._utils.files import write_json
from jaxae._utils.signals import delay_signals
from jaxae.cli.begin import describe, how_to_resume
from jaxae.cli.begin_study import Seeds, resume, start
from jaxae.cli.console import console, say
from jaxae.cli.figures import draw_all
from jaxae.cli.options import DataOptions, Flag, Folder, Hardware, TrainOptions
from jaxae.cli.progress import training_progress
from jaxae.cli.report import as_json, measure, show_numbers, show_references, show_table
from jaxae.config import ModelConfig, TrainConfig

if TYPE_CHECKING:
    from jax.sharding import Mesh


@dataclasses.dataclass(frozen=True)
class Study:
    """Train one model from several seeds at once, and report the mean of every number.

    Writes a folder with one run per seed (seed-0, seed-1, ...), each as `jaxae train` would write
    it, and report.json with the means over seeds, their 95 % intervals, and which of the lecture's
    claims hold for every seed. Ctrl-C saves the state of training and stops; the same command line
    with --resume added continues from there.

    Example: jaxae study --seeds 4 --epochs 8 --run-dir runs/study
    """

    seeds: int = 8
    """How many seeds: --seed and the numbers that follow it."""

    data: tyro.conf.OmitArgPrefixes[DataOptions] = dataclasses.field(default_factory=DataOptions)

    model: tyro.conf.OmitArgPrefixes[ModelConfig] = dataclasses.field(default_factory=ModelConfig)

    train: TrainOptions = dataclasses.field(default_factory=TrainConfig)

    hardware: tyro.conf.OmitArgPrefixes[Hardware] = dataclasses.field(default_factory=Hardware)

    run_dir: Folder = None
    """The study's folder; by default runs/study-DATASET-DATE-TIME."""

    overwrite: Flag = False
    """Replace the study in --run-dir."""

    resume: Flag = False
    """Resume the study in --run-dir; options that are omitted keep the study's values."""

    def defaults_of_run(self) -> Study:
        """Return the options of the study to resume, as defaults for the command line.

        Raises:
          ValueError: there is no such study.
        """
        if self.run_dir is None:
            raise ValueError("--resume needs the study's folder; pass --run-dir")
        run = jaxae.runs.first_run(self.run_dir)
        return Study(
            seeds=len(jaxae.runs.seed_folders(self.run_dir)),
            data=DataOptions.of(run),
            model=run.config.model,
            train=dataclasses.replace(run.config.train, binarize=False),
        )

    def __call__(self) -> None:
        """Train all seeds, measure and draw each run, report."""
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}; expected 1 or more")
        resumed = None
        if self.resume and self.run_dir:
            resumed = jaxae.runs.first_run(self.run_dir)
        mesh = self.hardware.mesh(resumed)
        with contextlib.ExitStack() as stack:
            stack.enter_context(jaxae.distributed.computing_on(mesh))
            begin = resume if self.resume else start
            seeds = begin(self, mesh, stack)
            say(
                f"{seeds.dataset.name}: {len(seeds.runs)} seeds at once on "
                f"{seeds.runs[0].config.epoch_examples:,} images; {describe(mesh)}; {seeds.folder}"
            )
            with how_to_resume("study", seeds.folder, lambda: _saved(seeds)):
                _train(seeds, mesh)
                latent_dim = seeds.runs[0].config.model.latent_dim
                references = jaxae.analysis.references(seeds.dataset, latent_dim)
                measured = _measure(seeds, mesh, references)
            _report(seeds, measured, references)


def _train(seeds: Seeds, mesh: Mesh) -> None:
    config = seeds.runs[0].config.train
    if seeds.epoch == config.epochs:
        return
    with contextlib.ExitStack() as stack:
        stop_if_asked = stack.enter_context(delay_signals())
        show = stack.enter_context(training_progress(config, console))
        recorders = [
            stack.enter_context(jaxae.Recorder(run, state))
            for run, state in zip(seeds.runs, seeds.states, strict=True)
        ]

        def on_epoch(epochs: list[jaxae.Epoch]) -> None:
            # Or a kill could leave runs that have no checkpoint in common.
            for recorder in recorders:
                recorder.wait()
            for recorder, epoch in zip(recorders, epochs, strict=True):
                recorder.record(epoch)
            show(_mean([epoch.metrics for epoch in epochs]))
            stop_if_asked()

        jaxae.training.fit_seeds(
            seeds.dataset,
            seeds.runs[0].config.model,
            config,
            [run.config.train.seed for run in seeds.runs],
            states=seeds.states,
            mesh=mesh,
            on_epoch=on_epoch,
            on_position=stop_if_asked,  # A position within an epoch is not saved.
        )


def _saved(seeds: Seeds) -> str:
    saved = [jaxae.runs.saved_numbers(run.checkpoints) for run in seeds.runs]
    return f"epoch {min(max(epochs, default=0) for epochs in saved)} of every seed"


def _mean(rows: list[jaxae.EpochMetrics]) -> jaxae.EpochMetrics:
    # Mean losses, and the time of all seeds together.
    validation = [row.validation_loss for row in rows if row.validation_loss is not None]
    return rows[0]._replace(
        train_loss=statistics.fmean(row.train_loss for row in rows),
        test_loss=statistics.fmean(row.test_loss for row in rows),
        seconds=sum(row.seconds for row in rows),
        validation_loss=statistics.fmean(validation) if validation else None,
    )


def _measure(
    seeds: Seeds, mesh: Mesh, references: jaxae.analysis.References
) -> list[tuple[jaxae.analysis.Report, list[jaxae.analysis.Claim]]]:
    classifier = jaxae.analysis.classifier_of(seeds.dataset)
    measured = []
    for run in seeds.runs:
        source = jaxae.Source(run.path, mesh, data=seeds.dataset)
        report = measure(source, classifier)
        claims = jaxae.analysis.evaluate_claims(report)
        write_json(run.path / "report.json", as_json(report, claims, references, source))
        measured.append((report, claims))
        say(f"measured {run.path.name}")
        draw_all([source], jaxae.drawing.AFTER_TRAINING)
    return measured


def _report(
    seeds: Seeds,
    measured: list[tuple[jaxae.analysis.Report, list[jaxae.analysis.Claim]]],
    references: jaxae.analysis.References,
) -> None:
    reports, claims = zip(*measured, strict=True)
    total = jaxae.analysis.summarize(reports)
    verdicts = jaxae.analysis.verdicts(claims, jaxae.analysis.evaluate_claims(total))
    path = seeds.folder / "report.json"
    numbers = [run.config.train.seed for run in seeds.runs]
    write_json(path, as_json(total, verdicts, references) | {"seeds": numbers})
    show_numbers(total)
    show_references(total, references)
    rows = [[verdict.sentence, verdict.words, verdict.rule] for verdict in verdicts]
    show_table(["the lecture says", "it", "rule"], rows)
    say(str(path))
