"""Training, from the loss of one example to the loop over epochs.

losses       the loss of an example and of a batch
optimizer    Adam and its schedules
step         the training step, and its scan over batches
evaluation   the test loss
resident     epochs over images that stay on the devices
streaming    epochs over images that are read as needed
loop         `fit`: the loop over epochs
seeds        `fit_seeds`: several seeds at once
"""

from jaxae.training.evaluation import evaluate
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
from jaxae.training.optimizer import make_optimizer, num_steps
from jaxae.training.resident import EpochPosition, UnfinishedEpoch
from jaxae.training.seeds import check_study, fit_seeds
from jaxae.training.step import (
    Step,
    TrainState,
    copy_state,
    init_state,
    make_train_epoch,
    make_train_step,
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
