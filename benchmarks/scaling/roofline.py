"""A model of a training step's cost: what it computes, moves and sends, on several machines.

`python -m benchmarks.scaling.roofline` prints the tables of SCALING.md, which explains them.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.reporting import table
from benchmarks.tasks import Sizes, flops

_FLOAT = 4
# Bytes of an operand or a result of a product; tf32 is rounded within the multiplier only.
_WIDTHS = {"float32": 4, "tf32": 4, "bfloat16": 2}
_LARGEST = 1 << 40


class Machine(NamedTuple):
    """Several chips of one kind; every number is published by the vendor (see SCALING.md).

    Attributes:
      name: its name.
      chips: number of chips.
      memory: bytes/s between a chip and its own memory, read or written.
      link: bytes/s that a chip can send to others.
      hops: number of hops that an all-reduce takes one after the other.
      compute: FLOP/s of a chip by precision, dense.
    """

    name: str
    chips: int
    memory: float
    link: float
    hops: int
    compute: dict[str, float]


MACHINES = (
    Machine(
        "DGX H100, 8 GPUs",
        chips=8,
        memory=3.35e12,
        # NVLink's 900 GB/s count both directions.
        link=450e9,
        hops=2 * (8 - 1),
        compute={"float32": 67e12, "tf32": 494.5e12, "bfloat16": 989.5e12},
    ),
    Machine(
        "TPU v5e pod, 256 chips",
        chips=256,
        memory=819e9,
        # 1,600 Gbit/s, over four links.
        link=200e9,
        # Half-way round both rings of the 16 × 16 torus, to scatter and to gather.
        hops=2 * (8 + 8),
        # XLA computes a float32 product in six bfloat16 passes.
        compute={"float32": 197e12 / 6, "bfloat16": 197e12},
    ),
)


def all_reduced(sizes: Sizes, precision: str = "float32") -> int:
    """Bytes that a step sums over devices: the gradients, and the loss in float32."""
    return _WIDTHS[precision] * flops.parameters(sizes) + _FLOAT


def sent(sizes: Sizes, precision: str, chips: int) -> float:
    """Bytes that each chip sends for it with the ring algorithm, which sends the fewest."""
    return 2 * (chips - 1) / chips * all_reduced(sizes, precision)


def moved(sizes: Sizes, precision: str) -> tuple[int, int]:
    """Bytes between a chip and its memory: (each step, more for each image).

    Each product that `flops.train` counts reads two operands and writes its result once.
    Everything else is fused into products or into Adam's pass over the parameters.
    """
    width = _WIDTHS[precision]
    step = width * flops.kernel_numbers(sizes) + flops.ADAM_BYTES * flops.parameters(sizes)
    if width < _FLOAT:  # The parameters are read and rounded first, and the copy written.
        step += (_FLOAT + width) * flops.parameters(sizes)
    # A pixel is read as uint8.
    return step, width * flops.activation_numbers(sizes) + sizes.pixels


class Step(NamedTuple):
    """A step of data-parallel training.

    Attributes:
      machine: whose chips.
      precision: of the products.
      hop: latency in seconds of each hop of the all-reduce.
      sizes: the model's.
    """

    machine: Machine
    precision: str
    hop: float = 0.0
    sizes: Sizes = Sizes()

    def seconds(self, batch: int, chips: int) -> float:
        """Least time on some chips: the longer of compute and memory, then the all-reduce."""
        step, image = moved(self.sizes, self.precision)
        images = batch / chips
        compute = flops.train(self.sizes) * images / self.machine.compute[self.precision]
        memory = (step + image * images) / self.machine.memory
        if chips == 1:
            return max(compute, memory)
        sending = sent(self.sizes, self.precision, chips) / self.machine.link
        return max(compute, memory) + sending + self.hop * self.machine.hops

    def efficiency(self, batch: int) -> float:
        """The speed-up of all chips over one, divided by their number."""
        chips = self.machine.chips
        return self.seconds(batch, 1) / self.seconds(batch, chips) / chips

    def least_batch(self, efficiency: float) -> int:
        """The smallest batch with this efficiency, which grows with the batch."""
        return 1 + bisect_left(range(1, _LARGEST), efficiency, key=self.efficiency)


def work_table() -> Iterator[str]:
    """Yield what a step computes, moves and sends."""
    sizes = Sizes()
    n = flops.parameters(sizes)
    total, half = moved(sizes, "float32"), moved(sizes, "bfloat16")
    kernels, activations = (
        _FLOAT * flops.kernel_numbers(sizes),
        _FLOAT * flops.activation_numbers(sizes),
    )
    rows = [
        ("FLOPs, `flops.train`", "", f"{flops.train(sizes):,}"),
        ("bytes: images, uint8", "", f"{sizes.pixels:,}"),
        ("bytes: activations and their gradients, 4 (3 Σ(m + n) − 1,296)", "", f"{activations:,}"),
        ("bytes: kernels read twice, gradients written, 4 (3 Σmn − 401,408)", f"{kernels:,}", ""),
        ("bytes: Adam, 7 × 4 P", f"{flops.ADAM_BYTES * n:,}", ""),
        ("bytes in all, float32 or tf32", *(f"{b:,}" for b in total)),
        ("bytes in all, bfloat16", *(f"{b:,}" for b in half)),
        ("bytes all-reduced, float32 or tf32, 4 P + 4", f"{all_reduced(sizes):,}", ""),
        ("bytes all-reduced, bfloat16, 2 P + 4", f"{all_reduced(sizes, 'bfloat16'):,}", ""),
    ]
    for k in (2, 8, 256):
        title = f"bytes sent for it, float32, k = {k}, 2 (k − 1)/k of them"
        rows.append((title, f"{sent(sizes, 'float32', k):,.0f}", ""))
    yield table(("per device", "each step", "and for each of its images"), rows)


def machine_table() -> Iterator[str]:
    """Yield what the vendors publish."""
    rows = [
        (
            machine.name,
            ", ".join(f"{of / 1e12:.4g} {name}" for name, of in machine.compute.items()),
            f"{machine.memory / 1e9:,.0f}",
            f"{machine.link / 1e9:,.0f}",
            f"{machine.hops}",
        )
        for machine in MACHINES
    ]
    columns = ("TFLOP/s per chip", "memory GB/s", "sends GB/s", "hops of an all-reduce")
    yield table(("machine", *columns), rows)


def scaling_table(batch: int = 128, images: int = 60_000) -> Iterator[str]:
    """Yield when all chips pay, with a latency of 0 and of 1 µs per hop."""
    rows = []
    for machine in MACHINES:
        for precision in machine.compute:
            for hop in (0.0, 1e-6):
                step = Step(machine, precision, hop)
                rows.append(
                    (
                        f"{machine.name}, {precision}, {1e6 * hop:.0f} µs a hop",
                        *(f"{1e6 * step.seconds(batch, n):.1f} µs" for n in (1, machine.chips)),
                        *(f"{step.least_batch(of):,}" for of in (1 / machine.chips, 0.5)),
                        f"{step.efficiency(images):.0%}",
                    )
                )
    columns = (f"step of {batch}, one chip", "all chips", "faster than one from batch")
    last = ("half efficient from batch", f"efficiency at batch {images:,}")
    yield table(("machine", *columns, *last), rows)


def tables() -> list[str]:
    """The tables of SCALING.md, in order."""
    return ["\n".join(of).strip() for of in (work_table(), machine_table(), scaling_table())]


if __name__ == "__main__":
    print("\n\n".join(tables()))
