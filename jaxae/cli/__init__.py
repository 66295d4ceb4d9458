"""The command line: one file per command."""

from jaxae._utils.signals import raise_on_termination as raise_on_termination
from jaxae.cli.app import main as main
