"""The command line: `jaxae train | study | report | ...`, or `python -m jaxae`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import itertools
import operator
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import tyro

import jaxae
from jaxae._utils.text import did_you_mean, print_anywhere
from jaxae.cli.arrays import Decode, Encode
from jaxae.cli.console import console, warn
from jaxae.cli.explore import Explore
from jaxae.cli.export import Export, Import
from jaxae.cli.figures import Figures
from jaxae.cli.options import TYPES
from jaxae.cli.report import Report
from jaxae.cli.study import Study
from jaxae.cli.train import Train

COMMANDS: dict[str, Any] = {
    "train": Train,
    "study": Study,
    "report": Report,
    "figures": Figures,
    "explore": Explore,
    "encode": Encode,
    "decode": Decode,
    "export": Export,
    "import": Import,
}
_OPTIONS = ("-h", "--help", "--version", "--debug")
_HELP = """Train autoencoders on MNIST and other images, draw their latent space, measure it.

Example: jaxae train --run-dir runs/mnist, then jaxae report runs/mnist

jaxae COMMAND --help explains a command; jaxae --version prints the version. With --debug anywhere,
or JAXAE_DEBUG=1 in the environment, an error shows its traceback.

Compiled programs are cached in the user's cache folder, or in $JAX_COMPILATION_CACHE_DIR;
JAX_ENABLE_COMPILATION_CACHE=0 disables the cache.
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (see `jaxae.cli.running.run`).

    Args:
      args: the arguments after the program's name; by default those of this process, whose output,
        logging and compilation cache are then set up for the program.
    """
    given = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in given or os.environ.get("JAXAE_DEBUG", "") not in ("", "0")
    given = [arg for arg in given if arg != "--debug"]
    if args is None:
        print_anywhere()
        if not debug:  # XLA reads this when it is loaded; it would log errors that are also raised.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if given == ["--version"]:
            print(f"jaxae {jaxae.__version__}", flush=True)
            return 0
        command = _parse(given)
        # Imports JAX, which takes seconds: help and bad options need not wait for it.
        from jaxae.cli import running
    except BrokenPipeError:
        console.on_broken_pipe()
    except (ValueError, OSError) as error:
        if debug:
            traceback.print_exc()
        warn(str(error))
        return 2
    except KeyboardInterrupt:
        warn("interrupted")
        return 130
    if args is None:
        running.set_up(debug)
    return running.run(command, debug)


def _parse(args: Sequence[str]) -> Any:
    """Return the command with its options.

    Raises:
      ValueError: the arguments are not a command's.
    """
    if not args:
        raise ValueError(f"expected a command: {', '.join(COMMANDS)} (see jaxae --help)")
    name, *rest = map(_with_home, args)
    if name in COMMANDS:
        kind, prog = COMMANDS[name], f"jaxae {name}"
        _check_options(name, rest)
        command = _parse_as(kind, prog, rest)
        if isinstance(command, Train | Study) and command.resume:
            # Again, with the run's settings as defaults: what differs from them was given.
            command = _parse_as(kind, prog, rest, default=command.defaults_of_run())
        return command
    if not name.startswith("-"):
        raise ValueError(
            f"unknown command {name!r}{did_you_mean(name, COMMANDS)} (see jaxae --help)"
        )
    if name not in _OPTIONS and (hint := did_you_mean(name, _OPTIONS)):
        raise ValueError(f"no option {name} before a command{hint} (see jaxae --help)")
    # The list of all commands, with one line for each.
    commands = (
        Annotated[kind, tyro.conf.subcommand(name, description=kind.__doc__.partition("\n")[0])]
        for name, kind in COMMANDS.items()
    )
    return _parse_as(functools.reduce(operator.or_, commands), "jaxae", args, description=_HELP)


def _with_home(arg: str) -> str:
    # Shells expand the ~ of "--out ~/x", but not that of "--out=~/x".
    option, equals, value = arg.partition("=") if arg.startswith("--") else ("", "", arg)
    return f"{option}{equals}{os.path.expanduser(value)}"


def _check_options(command: str, args: Sequence[str]) -> None:
    # Tyro would take a misspelt option for a positional argument, or list what else is missing.
    known = {"help", *_options(COMMANDS[command])}
    for option in (arg[2:].partition("=")[0] for arg in args if arg.startswith("--")):
        if option.replace("_", "-") not in known:
            hint = did_you_mean(option, {*known, "debug"}, "--")
            if option in ("fit-box", "fit_box") and "box" in known:  # Until 0.1.
                hint = "; did you mean --box cloud?"
            raise ValueError(
                f"{command} has no option --{option}{hint} (see jaxae {command} --help)"
            )
    if "--model=conv" in args or ("--model", "conv") in itertools.pairwise(args):
        raise ValueError("--model conv is now --architecture conv; --model is ae or vae")


def _options(kind: Any) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.default_factory):
            yield from _options(field.default_factory)
        else:
            yield field.name.replace("_", "-")


def _parse_as(kind: Any, prog: str, args: Sequence[str], **options: Any) -> Any:
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(kind, prog=prog, args=args, registry=TYPES, **options)
    except SystemExit as stop:
        if not stop.code:
            sys.stdout.flush()
            raise
        raise ValueError(f"{_reason(captured.getvalue())} (see {prog} --help)") from None


def _reason(box: str) -> str:
    """Return the sentence that states the error, from the box in which tyro explains it."""
    # Below the title. Lines that are indented further explain arguments.
    lines = [line for line in box.splitlines()[1:] if not re.match(r".\s{8}", line)]
    # If the encoding has no characters for a frame, a rule of hyphens follows the title.
    text = " ".join(line.strip("│ ") for line in lines).lstrip("- ")
    reason = re.split(" [─-]{3}", text)[0]  # The rest is general help.
    # Keep the name of an option, not that of a dataclass.
    reason = re.sub(r"^Error parsing (--\S+: )?(\w+: )?", r"\1", reason)
    # None is the default of an option that can be left out.
    none = r"'None', |, 'None'|\bNone,|,None\b|\{None\}\||\|\{None\}"
    reason = re.sub(none, "", reason)
    # For an option with a choice of types, tyro lists the errors of each.
    expected = r"no type matching (\S+) could be instantiated from \['(.*?)'\]\..*"
    return re.sub(expected, r"'\2' is not one of \1", reason)
