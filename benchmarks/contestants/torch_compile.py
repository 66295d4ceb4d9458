"""Compiled PyTorch: `torch.compile` over forward pass and loss, and so over the backward pass."""

import torch
from torch import Tensor, nn

from benchmarks.contestants.torch_eager import FUSED, TorchEager
from benchmarks.tasks import Settings


# A static shape for the full batches and one for the short last one: two programs, where the
# default would replace the first, at the second shape it meets, by one for shapes of any size.
@torch.compile(dynamic=False, fullgraph=True)
def compiled_loss(model: nn.Module, batch: Tensor) -> Tensor:
    """Squared error summed over pixels and batch; Inductor compiles its gradient too."""
    x = batch.float() / 255
    return (model(x) - x).square().sum()


class TorchCompile(TorchEager):
    """The eager loop, its loss and gradient compiled; the rest gains nothing from it."""

    settings = Settings(mode="step", loader="device", transfers="once", remark=FUSED)

    def loss(self, batch: Tensor) -> Tensor:
        """As the eager one, compiled at the first call for a shape."""
        return compiled_loss(self.model, batch)
