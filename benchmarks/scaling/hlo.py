"""What a compiled epoch sends between devices at each step, read from its HLO text."""

import math
import re

_COLLECTIVE = re.compile(
    r"= (.+?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"\b([a-z]+)([0-9]*)\[([0-9,]*)\]")


def collectives(hlo: str) -> list[tuple[str, int]]:
    """Name and bytes of each collective operation that runs at each step.

    Args:
      hlo: the optimized module of one device, as XLA prints it. Operations of its entry
        computation are left out, since they run once per epoch.
    """
    found, entry = [], False
    for line in hlo.splitlines():
        if line.endswith("{"):
            entry = line.startswith("ENTRY")
        elif not entry and (match := _COLLECTIVE.search(line)):
            found.append((match[2], sum(_bytes(*array) for array in _ARRAY.findall(match[1]))))
    return found


def _bytes(kind: str, bits: str, shape: str) -> int:
    # "pred", a truth value, has no number of bits and takes a byte.
    return int(bits or 8) // 8 * math.prod(int(n) for n in shape.split(",") if n)
