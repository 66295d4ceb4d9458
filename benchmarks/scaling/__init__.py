"""How the cost of jaxae's own training grows with each of its settings.

sweeps     the settings and their values
runner     the rounds of trainings
worker     one training, `python -m benchmarks.scaling.worker`
hlo        what a compiled epoch sends between devices
report     the file with its tables
chart      the plot
roofline   SCALING.md's tables, `python -m benchmarks.scaling.roofline`
"""

from benchmarks.scaling.sweeps import SWEEPS, Point, Sweep

__all__ = ["SWEEPS", "Point", "Sweep"]
