"""The command line: `jaxae train | study | report | …`, also as `python -m jaxae`."""

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from jaxae.commands.arrays import Decode, Encode
from jaxae.commands.export import Export, Import
from jaxae.commands.figures import Figures
from jaxae.commands.report import MakeReport
from jaxae.commands.study import Study
from jaxae.commands.train import Train
from jaxae.text import printable

Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[MakeReport, tyro.conf.subcommand("report")]
    | Annotated[Figures, tyro.conf.subcommand("figures")]
    | Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Import, tyro.conf.subcommand("import")]
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (see `jaxae.commands.running.run`)."""
    try:
        command = _parse(sys.argv[1:] if args is None else args)
        # Here, since it takes seconds to import JAX, which help does without.
        from jaxae.commands.running import run, set_up_logging
    except (ValueError, OSError) as error:
        print(f"jaxae: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxae: interrupted", file=sys.stderr)
        return 130
    if args is None:
        set_up_logging()
    return run(command)


def _parse(args: Sequence[str]) -> Any:
    command = _parse_over(args)
    if isinstance(command, Train) and command.resume:
        # Over the run's own settings, so that what differs from them was given.
        return _parse_over(args, default=command.defaults_of_run())
    return command


def _parse_over(args: Sequence[str], **default: Any) -> Any:
    # Tyro explains a bad call in a box of several lines; here an error is one line.
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(Command, prog="jaxae", description=__doc__, args=args, **default)
    except SystemExit as stop:
        if not stop.code:
            raise
        lines = [line.strip("│ ") for line in captured.getvalue().splitlines()]
        text = " ".join(line for line in lines if line and line[0] not in "╭╰")
        reason = re.split(" ?─{3,} ?", text)[0]
        reason = re.sub(r"^Error parsing __tyro\S+: ", "", reason)
        raise ValueError(f"{reason} (jaxae --help explains)") from None


if __name__ == "__main__":
    sys.exit(main())
