"""How the cost of jaxae's own training grows: with batch, width, images, devices, processes."""

from benchmarks.scaling.sweeps import SWEEPS, Point, Sweep

__all__ = ["SWEEPS", "Point", "Sweep"]
