"""Training, from the loss of one example to the loop over epochs.

losses      what is minimised
step        the training step, the scan over batches, the test loss
resident    an epoch over images that stay on the devices
streaming   an epoch over images that are read as it runs
loop        `fit`: the loop over epochs
seeds       `fit_seeds`: many seeds at once
"""

from jaxae.training.loop import DivergedError, Epoch, EpochMetrics, fit
from jaxae.training.losses import (
    Batch,
    LossTerms,
    Objective,
    batch_loss,
    kl_divergence,
    reconstruction_loss,
    to_unit_interval,
)
from jaxae.training.resident import EpochPosition, UnfinishedEpoch
from jaxae.training.seeds import check_study, fit_seeds
from jaxae.training.step import (
    Step,
    TrainState,
    copy_state,
    evaluate,
    init_state,
    make_optimizer,
    make_train_epoch,
    make_train_step,
    num_steps,
    scan_batches,
)
from jaxae.training.streaming import StreamedEpochs, exceeds_memory

__all__ = [
    "Batch",
    "DivergedError",
    "Epoch",
    "EpochMetrics",
    "EpochPosition",
    "LossTerms",
    "Objective",
    "Step",
    "StreamedEpochs",
    "TrainState",
    "UnfinishedEpoch",
    "batch_loss",
    "check_study",
    "copy_state",
    "evaluate",
    "exceeds_memory",
    "fit",
    "fit_seeds",
    "init_state",
    "kl_divergence",
    "make_optimizer",
    "make_train_epoch",
    "make_train_step",
    "num_steps",
    "reconstruction_loss",
    "scan_batches",
    "to_unit_interval",
]
