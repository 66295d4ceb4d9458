"""The configuration of a run: frozen dataclasses that raise ValueError for bad values.

model        the autoencoder
training     how it is trained
run          a run: both of them, the data, and when to save
processes    how processes find each other
names        the values that options may have
checks       checks that they share
"""

from jaxae.config.model import KERNEL as KERNEL
from jaxae.config.model import ModelConfig as ModelConfig
from jaxae.config.names import Activation as Activation
from jaxae.config.names import Architecture as Architecture
from jaxae.config.names import BoxName as BoxName
from jaxae.config.names import Checkpoint as Checkpoint
from jaxae.config.names import Device as Device
from jaxae.config.names import Likelihood as Likelihood
from jaxae.config.names import Model as Model
from jaxae.config.names import Precision as Precision
from jaxae.config.names import Schedule as Schedule
from jaxae.config.names import Width as Width
from jaxae.config.processes import ProcessConfig as ProcessConfig
from jaxae.config.run import CHANNELS as CHANNELS
from jaxae.config.run import FORMAT as FORMAT
from jaxae.config.run import CheckpointConfig as CheckpointConfig
from jaxae.config.run import DataConfig as DataConfig
from jaxae.config.run import RunConfig as RunConfig
from jaxae.config.training import TrainConfig as TrainConfig
from jaxae.config.training import check_divergence as check_divergence
from jaxae.config.training import check_likelihood as check_likelihood
from jaxae.config.training import check_validation as check_validation
