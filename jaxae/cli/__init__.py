"""The command line: one file per command."""

from jaxae.cli.app import main as main
