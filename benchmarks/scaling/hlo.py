"""What a compiled epoch sends between devices at each step, read from its own text."""

import math
import re

_COLLECTIVE = re.compile(
    r"= (.+?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"\b([a-z]+)([0-9]*)\[([0-9,]*)\]")


def collectives(hlo: str) -> list[tuple[str, int]]:
    """Name and bytes of each collective that the epoch's loop runs, once a step.

    Args:
      hlo: the optimized module of one device, as XLA prints it. What its entry computation runs
        itself happens once an epoch, and is left out.
    """
    found, entry = [], False
    for line in hlo.splitlines():
        if line.endswith("{"):
            entry = line.startswith("ENTRY")
        elif not entry and (match := _COLLECTIVE.search(line)):
            found.append((match[2], sum(_bytes(*array) for array in _ARRAY.findall(match[1]))))
    return found


def _bytes(kind: str, bits: str, shape: str) -> int:
    # "pred", a truth value, takes a byte too.
    return int(bits or 8) // 8 * math.prod(int(n) for n in shape.split(",") if n)
