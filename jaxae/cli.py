"""The command line: `jaxae train | study | report | …`, also as `python -m jaxae`."""

import contextlib
import io
import logging
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import tyro

from jaxae.commands.arrays import Decode, Encode
from jaxae.commands.export import Export, Import
from jaxae.commands.figures import Figures
from jaxae.commands.report import MakeReport
from jaxae.commands.study import Study
from jaxae.commands.train import Train
from jaxae.processes import LostProcessError, leave, of_processes
from jaxae.signals import terminations_raised
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
    """Run one command; return its exit status.

    It is 0, 1 where another process of a run is lost, 2 for bad input, 130 for Ctrl-C. SIGTERM and
    SIGHUP raise SystemExit, with status 143 and 129.
    """
    if args is None:
        _set_up_logging()
    try:
        with terminations_raised():
            _parse(sys.argv[1:] if args is None else args)()
    except (ValueError, OSError, LostProcessError) as error:
        print(f"jaxae{of_processes()}: {printable(str(error))}", file=sys.stderr)
        return leave(1 if isinstance(error, LostProcessError) else 2)
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()  # Or this process would wait for the others before it ends.
        return leave(1)
    except KeyboardInterrupt:
        print("jaxae: interrupted", file=sys.stderr)
        return leave(130)
    except SystemExit as stop:
        leave(stop.code if isinstance(stop.code, int) else 0)
        raise
    return 0


def _set_up_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("jaxae: %(message)s"))
    logging.getLogger("jaxae").addHandler(handler)
    # A checkpoint that cannot be read is one line too. Orbax logs it besides, and its reads that
    # were still under way each print that their event loop is closed. jax2onnx and onnx_ir list
    # layers and shapes that an export has no need of.
    for name in ("absl", "asyncio", "jax2onnx", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = lambda _: None


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
