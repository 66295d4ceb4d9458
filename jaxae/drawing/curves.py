"""Figures of losses, drawn from runs and studies."""

from matplotlib.figure import Figure

from jaxae import plots
from jaxae.drawing.names import names_of
from jaxae.drawing.options import Options
from jaxae.drawing.source import MissingFigureError, Sources


def curve(sources: Sources, options: Options) -> Figure:
    """Draw training and test loss against the epoch, and the parts of a variational model's."""
    source = sources[0]
    config, history = source.run.config, source.snapshot.history
    if not history:
        raise MissingFigureError(f"{source.path}: no epoch is complete")
    return plots.training_curve(
        history,
        kl_weight=config.train.kl_weight if config.model.model == "vae" else None,
        input_noise=config.train.input_noise,
        likelihood=config.train.likelihood,
        width=options.width or "column",
    )


def seeds(sources: Sources, options: Options) -> Figure:
    """Draw each study's test squared error against the epoch: mean over seeds, and range."""
    for source in sources:
        for run, history in zip(source.runs, source.histories, strict=True):
            if not history:
                raise MissingFigureError(f"{run.path}: no epoch is complete")
            unsplit = any(row.test_squared_error is None for row in history)
            if unsplit and run.config.model.model == "vae":
                raise MissingFigureError(
                    f"{run.path}: no test_squared_error in metrics.jsonl; train it again"
                )
    histories = dict(zip(names_of(sources), (own.histories for own in sources), strict=True))
    return plots.seed_curves(histories, width=options.width or "column")
