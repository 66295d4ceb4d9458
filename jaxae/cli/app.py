"""The command line: `jaxae train | study | report | …`, also as `python -m jaxae`."""

import contextlib
import dataclasses
import difflib
import functools
import io
import operator
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

import jaxae
from jaxae._utils.text import print_anywhere, printable
from jaxae.cli.arrays import Decode, Encode
from jaxae.cli.export import Export, Import
from jaxae.cli.figures import Figures
from jaxae.cli.report import MakeReport
from jaxae.cli.study import Study
from jaxae.cli.train import Train

COMMANDS: dict[str, Any] = {
    "train": Train,
    "study": Study,
    "report": MakeReport,
    "figures": Figures,
    "encode": Encode,
    "decode": Decode,
    "export": Export,
    "import": Import,
}
_OPTIONS = ("-h", "--help", "--version", "--debug")
_HELP = """Train autoencoders on MNIST and other images, draw their latent space, measure it.

Example: jaxae train --run-dir runs/mnist, then jaxae report runs/mnist

Help on a command: jaxae COMMAND --help. The version: jaxae --version. Where in the program an error
arose: --debug anywhere, or JAXAE_DEBUG=1 in the environment.

Compiled programs are kept in the user's cache folder, or in $JAX_COMPILATION_CACHE_DIR;
JAX_ENABLE_COMPILATION_CACHE=0 keeps none.
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (see `jaxae.cli.running.run`).

    Args:
      args: what follows the program's name; by default the process's own arguments, and the process
        is set up to be that program.
    """
    given = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in given or os.environ.get("JAXAE_DEBUG", "") not in ("", "0")
    given = [arg for arg in given if arg != "--debug"]
    if args is None:
        print_anywhere()
        if not debug:  # Or XLA's C++ logs what it then raises, too. It asks when it is loaded.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if given == ["--version"]:
        print(f"jaxae {jaxae.__version__}")
        return 0
    try:
        command = _parse(given)
        # Here, since importing JAX takes seconds, which help does without.
        from jaxae.cli import running
    except (ValueError, OSError) as error:
        if debug:
            traceback.print_exc()
        print(f"jaxae: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxae: interrupted", file=sys.stderr)
        return 130
    if args is None:
        running.set_up(debug)
    return running.run(command, debug)


def _parse(args: Sequence[str]) -> Any:
    _check_names(args)
    command = _with_home(_parse_over(args))
    if isinstance(command, Train | Study) and command.resume:
        # Over the run's own settings, so that what differs from them was given.
        return _with_home(_parse_over(args, default=command.defaults_of_run()))
    return command


def _with_home(command: Any) -> Any:
    # Shells expand the ~ of "--out ~/x", but not that of "--out=~/x".
    values = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    paths = {name: value for name, value in values.items() if isinstance(value, Path)}
    return dataclasses.replace(
        command, **{name: Path(os.path.expanduser(path)) for name, path in paths.items()}
    )


def _check_names(args: Sequence[str]) -> None:
    # Tyro's message for these depends on what else is missing, and suggests options only.
    name = args[0] if args else "--help"
    if name.startswith("-"):
        if name not in _OPTIONS and (hint := _hint(name, _OPTIONS)):
            raise ValueError(f"no option {name} before a command{hint} (jaxae --help explains)")
        return
    if name not in COMMANDS:
        raise ValueError(f"unknown command {name!r}{_hint(name, COMMANDS)} (jaxae --help explains)")
    known = {"help", "debug", *_options(COMMANDS[name])}
    options = [arg[2:].partition("=")[0] for arg in args[1:] if arg.startswith("--")]
    for option in options:
        if option.replace("_", "-").removeprefix("no-") not in known:
            raise ValueError(
                f"{name} has no option --{option}{_hint(option, known, '--')} "
                f"(jaxae {name} --help explains)"
            )


def _hint(name: str, known: Iterable[str], prefix: str = "") -> str:
    close = [prefix + other for other in difflib.get_close_matches(name, sorted(known), n=2)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _options(kind: Any) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.default_factory):
            yield from _options(field.default_factory)
        else:
            yield field.name.replace("_", "-")


def _parse_over(args: Sequence[str], **default: Any) -> Any:
    # In the list of all commands, one line is enough for each.
    brief = not COMMANDS.keys() & set(args[:1])
    commands = (
        Annotated[kind, tyro.conf.subcommand(name, description=_summary(kind) if brief else None)]
        for name, kind in COMMANDS.items()
    )
    any_of: Any = functools.reduce(operator.or_, commands)
    # Tyro explains a bad call in a box of several lines; here an error is one line.
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(any_of, prog="jaxae", description=_HELP, args=args, **default)
    except SystemExit as stop:
        if not stop.code:
            raise
        lines = [line.strip("│ ") for line in captured.getvalue().splitlines()[1:]]
        text = " ".join(line for line in lines if line and line[0] != "╰")
        # Rules divide the box, below its title too where the encoding has no frames.
        reason = next(part for part in re.split(" ?[─-]{3,} ?", text) if part)
        reason = re.sub(r"^Error parsing __tyro\S+: ", "", reason)
        # Of an option with a choice of types, tyro goes on with each type's error.
        reason = re.sub(
            r"no type matching (\S+) could be instantiated from \['(.*?)'\]\. Got errors: .*",
            r"'\2' is none of \1",
            reason,
        )
        command = " ".join(["jaxae", *(arg for arg in args[:1] if arg in COMMANDS)])
        raise ValueError(f"{reason} ({command} --help explains)") from None


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
