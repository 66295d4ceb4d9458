"""The contestants: each one way of doing the same work, in a small file of its own."""

from benchmarks.contestants.registry import CONTESTANTS, Entry, library, load
from benchmarks.tasks import Contestant, Settings

__all__ = ["CONTESTANTS", "Contestant", "Entry", "Settings", "library", "load"]
