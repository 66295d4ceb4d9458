"""The contestants: each implements the same work in a file of its framework's idiom."""

from benchmarks.contestants.entry import Entry
from benchmarks.contestants.registry import CONTESTANTS, LADDERS, applies, due, library, load

__all__ = ["CONTESTANTS", "LADDERS", "Entry", "applies", "due", "library", "load"]
