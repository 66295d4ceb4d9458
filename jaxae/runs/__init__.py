"""The folder of a run.

run            the folder: create, open, load the model and the data
config_file    config.json
metrics_file   metrics.jsonl
checkpoints    checkpoints/
recorder       what training writes
resume         where training resumes
environment    the devices and versions that computed a run
study          the runs of a study
tensorboard    event files for TensorBoard
"""

from jaxae.runs.checkpoints import saved_numbers as saved_numbers
from jaxae.runs.config_file import parse_config as parse_config
from jaxae.runs.environment import Environment as Environment
from jaxae.runs.environment import versions_of as versions_of
from jaxae.runs.recorder import Recorder as Recorder
from jaxae.runs.resume import state_to_resume as state_to_resume
from jaxae.runs.resume import states_to_resume as states_to_resume
from jaxae.runs.run import Run as Run
from jaxae.runs.study import first_run as first_run
from jaxae.runs.study import seed_folders as seed_folders
from jaxae.runs.tensorboard import TensorBoard as TensorBoard
