"""What is measured: the tasks, the NumPy reference, the parity check and the limits.

suite        the tasks
contestant   the protocol that every contestant implements
flops        the arithmetic that a task needs, and the bytes that it moves
reference    the autoencoder and Adam in NumPy, float64
receipt      what a parity check found, and how much of a difference is allowed
parity       the comparison of a contestant with the reference
waiting      whether a contestant has done its work when the clock stops
limit        the large matrix products and outputs alone, which bound the speed
runtimes     ONNX Runtime and OpenVINO, for the products and for the contestants
"""

from benchmarks.tasks.contestant import Contestant, Floats, Pixels, Settings
from benchmarks.tasks.flops import Sizes
from benchmarks.tasks.reference import LAYERS, Weights, batches, padded_batches
from benchmarks.tasks.suite import TASKS, Task

__all__ = [
    "LAYERS",
    "TASKS",
    "Contestant",
    "Floats",
    "Pixels",
    "Settings",
    "Sizes",
    "Task",
    "Weights",
    "batches",
    "padded_batches",
]
