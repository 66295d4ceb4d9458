"""The contestants: each implements the same work in a file of its framework's idiom."""

from benchmarks.contestants.registry import CONTESTANTS, Entry, library, load

__all__ = ["CONTESTANTS", "Entry", "library", "load"]
