"""How to read a report."""

from benchmarks.reporting.tables import BASELINE
from benchmarks.stats import LEVEL, UNSTABLE
from benchmarks.tasks.suite import EVERY_SPARSE, PART

LEGEND = f"""## How to read this

A row is the median over fresh processes, at most one per round; *rounds* is their number. Ratios
pair the processes of a round. [low, high] is the interval of the median ratio that belongs to the
sign test, and ≈ marks a ratio whose interval includes 1. The chance of any false difference in a
table is at most {LEVEL:.0%} (Bonferroni); a ratio has no interval, and is marked ≈, if its rounds
are too few for that. ! marks a spread between processes, (max − min) / median, above
{UNSTABLE:.0%}. Whiskers in plots reach from the fastest process to the slowest.

To keep a run short, curves (`step-*`, `hidden-*`, `images-*`), the parts of an epoch, starts and
the ablations are measured only in every {EVERY_SPARSE}rd round.

- Frameworks: `flax` is jaxae's own path, and `flax-again` is the same code under a second name, to
  show the noise. `flax-loop` calls jaxae's step from Python. `flax-onecycle` and `torch-onecycle`
  train with jaxae's fast recipe, so their parity is that of the model only. `flax-nojit`, `-jit`,
  `-donate`, `-device` and `torch-tensors` are steps of the ablations. `linen` is Flax's earlier
  interface, and `plain-jax` uses no library of layers. `torch-loader` is the lecture's way,
  `torch-eager` and `torch-compile` are PyTorch as fast as it goes. `keras-*` is `fit` on arrays,
  and `keras-*-tuned` is `fit` on row numbers, with the images on the device. `keras-torch` is
  eager, which is what Keras's default, jit_compile="auto", means on PyTorch. `onnxruntime` and
  `openvino` run jaxae's exported model.
- `train` is an epoch at batch 128. `train-batch-*` is {PART:,} images.
- *limit-jax*, *limit-torch*: the large matrix products of the work alone, in each library. *Of the
  limit* is the faster one's time divided by the row's.
- mode: what is compiled: nothing (eager), each step, or the whole epoch. loader: what forms the
  batches: indexing on the device or the host, or a `DataLoader`. transfers: whether pixels reach
  the device once or with each batch. donated: whether a compiled call may reuse its input's memory.
- compile: how much longer the first call takes than a usual one, as the median over processes.
  parity: the largest relative difference from the NumPy reference.
- `encode`, `decode`: all 70,000 images in one call, which each framework splits into chunks of its
  choice; `-one` and `grid` (144) are one image and few images. Frameworks that encode with the
  code of another one are left out.
- `time / {BASELINE}`: above 1 is slower than jaxae.
"""
