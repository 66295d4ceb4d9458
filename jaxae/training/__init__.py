"""Training, from the loss of one example to the loop over epochs.

objective    the settings of the loss
losses       the loss of an example and of a batch
flatness     a penalty on uneven magnification
optimizer    Adam and its schedules
step         the training step, and its scan over batches
evaluation   the test loss
resident     epochs over images that stay on the devices
streaming    epochs over images that are read as needed
loop         `fit`: the loop over epochs
seeds        `fit_seeds`: several seeds at once
refit        `refit_decoders`: several decoders for one encoder
"""

from jaxae.training.evaluation import evaluate as evaluate
from jaxae.training.loop import DivergedError as DivergedError
from jaxae.training.loop import Epoch as Epoch
from jaxae.training.loop import EpochMetrics as EpochMetrics
from jaxae.training.loop import fit as fit
from jaxae.training.losses import Batch as Batch
from jaxae.training.losses import LossTerms as LossTerms
from jaxae.training.losses import batch_loss as batch_loss
from jaxae.training.losses import kl_divergence as kl_divergence
from jaxae.training.losses import reconstruction_loss as reconstruction_loss
from jaxae.training.losses import to_unit_interval as to_unit_interval
from jaxae.training.objective import ExampleLoss as ExampleLoss
from jaxae.training.objective import Objective as Objective
from jaxae.training.optimizer import make_optimizer as make_optimizer
from jaxae.training.optimizer import num_steps as num_steps
from jaxae.training.refit import refit_decoders as refit_decoders
from jaxae.training.resident import EpochPosition as EpochPosition
from jaxae.training.resident import UnfinishedEpoch as UnfinishedEpoch
from jaxae.training.seeds import check_study as check_study
from jaxae.training.seeds import fit_seeds as fit_seeds
from jaxae.training.step import Step as Step
from jaxae.training.step import TrainState as TrainState
from jaxae.training.step import copy_state as copy_state
from jaxae.training.step import init_state as init_state
from jaxae.training.step import make_train_epoch as make_train_epoch
from jaxae.training.step import make_train_step as make_train_step
from jaxae.training.step import scan_batches as scan_batches
from jaxae.training.streaming import StreamedEpochs as StreamedEpochs
from jaxae.training.streaming import exceeds_memory as exceeds_memory
