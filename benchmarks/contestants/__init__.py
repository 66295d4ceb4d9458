"""The contestants: each implements the same work in a file of its framework's idiom.

entry      what is known of a contestant before it is imported
registry   the contestants by name
lookup     who takes part in what, and each contestant's class
listing    the text of `python -m benchmarks list`
chunks     encode and decode in chunks, into one output
"""

from benchmarks.contestants.entry import Entry
from benchmarks.contestants.lookup import (
    INSTALL,
    LADDERS,
    QUICK_FRAMEWORKS,
    applies,
    due,
    is_limit,
    library,
    limits,
    load,
)
from benchmarks.contestants.registry import CONTESTANTS

__all__ = [
    "CONTESTANTS",
    "INSTALL",
    "LADDERS",
    "QUICK_FRAMEWORKS",
    "Entry",
    "applies",
    "due",
    "is_limit",
    "library",
    "limits",
    "load",
]
