"""How to read a report, in words."""

from benchmarks.reporting.tables import BASELINE
from benchmarks.stats import LEAST_ROUNDS, UNSTABLE
from benchmarks.tasks import EVERY_SLOW, EVERY_SPARSE, LATENT_OF_ANOTHER, PART, RACING

_OTHERS = ", ".join(f"`{name}` by that of `{of}`" for name, of in LATENT_OF_ANOTHER.items())

LEGEND = (
    f"""## How to read this

A row is the median over fresh processes, at most one a round, as many as *rounds* says. Ratios pair
the processes of a round. [low, high] is a 95 % bootstrap interval, given from {LEAST_ROUNDS} rounds
on; ≈ marks a row that can't be told from the one it is held against, by that interval and a sign
test, as none can in fewer rounds. ! marks a spread between processes, (max − min) / median, above
{UNSTABLE:.0%}. Whiskers in plots reach from the fastest process to the slowest.

Curves (`step-*`, `hidden-*`, `images-*`), an epoch's parts, starts, the ladder and the time to a
loss are measured in every {EVERY_SPARSE}rd round only, to keep a run short; starts and the time
to a loss of others than {", ".join(RACING)} in every {EVERY_SLOW}th.

- Frameworks: `flax` is jaxae's own path and `flax-again` the same under another name, to show the
  noise; `flax-loop` calls its step from Python; `flax-onecycle` trains by jaxae's fast recipe, so
  its parity is that of the model only; `flax-nojit`, `-jit`, `-donate`, `-device` and
  `torch-tensors` are rungs of the ladders. `torch-loader` is the lecture's way, `torch-eager` and
  `torch-compile` PyTorch at its best. `keras-torch` is eager: that is what Keras's own
  default, jit_compile="auto", means on PyTorch.
- `train` is an epoch at batch 128; `train-batch-*` is {PART:,} images, at batch 128 by the
  frameworks of `--quick` only.
- *limit-jax*, *limit-torch*: the work's large matrix products alone, by each library. *Of the
  limit* is the faster one's time over the row's.
- mode: what is compiled, nothing (eager), each step or the whole epoch. loader: who cuts the
  batches, index arrays on the device or the host, or a `DataLoader`. transfers: whether pixels
  reach the device once or with each batch. donated: whether a compiled call may reuse its input's
  memory.
- compile: what the first call took beyond a usual one, the median over processes. parity: the
  largest relative difference from the NumPy reference.
- `encode`, `decode`: all 70,000 at once, which each framework cuts into chunks of its own choice;
  `-one` and `grid` (144) are the small end. There is no batch size to choose, so none is swept.
  Some do these by another's code and are left out: {_OTHERS}.
- `time / {BASELINE}`: above 1 is slower than jaxae.
""",
)
