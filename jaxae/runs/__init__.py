"""A run's folder.

run            the folder: create, open, load the model and the data
config_file    config.json
metrics_file   metrics.jsonl
checkpoints    checkpoints/
recorder       what training writes, and where it resumes
environment    the devices and versions that computed a run
tensorboard    event files for TensorBoard
"""

from jaxae.runs.checkpoints import saved_numbers
from jaxae.runs.config_file import parse_config
from jaxae.runs.environment import Environment, versions_of
from jaxae.runs.recorder import Recorder, state_to_resume, states_to_resume
from jaxae.runs.run import Run
from jaxae.runs.tensorboard import TensorBoard

__all__ = [
    "Environment",
    "Recorder",
    "Run",
    "TensorBoard",
    "parse_config",
    "saved_numbers",
    "state_to_resume",
    "states_to_resume",
    "versions_of",
]
