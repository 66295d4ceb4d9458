"""PyTorch with `torch.compile` over the forward pass and loss, hence over the backward pass."""

import torch
from torch import Tensor, nn

from benchmarks.contestants.torch_eager import FUSED, TorchEager
from benchmarks.tasks import Settings


# One program for the full batches and one for the short last batch. By default, PyTorch would
# replace the first program with one for any shape once it sees a second shape.
@torch.compile(dynamic=False, fullgraph=True)
def compiled_loss(model: nn.Module, batch: Tensor) -> Tensor:
    """Squared error summed over pixels and batch; Inductor compiles its gradient too."""
    x = batch.float() / 255
    return (model(x) - x).square().sum()


class TorchCompile(TorchEager):
    """The eager loop with compiled loss and gradient; compiling the rest gains nothing."""

    settings = Settings(mode="step", loader="device", transfers="once", remark=FUSED)

    def loss(self, batch: Tensor) -> Tensor:
        return compiled_loss(self.model, batch)
