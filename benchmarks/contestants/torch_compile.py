"""PyTorch with one compiled program for a training step: loss, gradients and Adam."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.contestants.torch_eager import TorchEager
from benchmarks.tasks import Pixels, Settings, Weights

# On a GPU, a CUDA graph launches all kernels of a step at once. It needs the same memory in each
# run, which parameters and buffers of modules have.
MODE = "reduce-overhead" if torch.cuda.is_available() else None
# By default, PyTorch refuses to compile a ninth program of a function.
torch._dynamo.config.recompile_limit = 64


class Step(nn.Module):
    """A training step as a function of the batch, with the state of Adam as copies of the model.

    `torch.compile` splits a step with `loss.backward()` and `torch.optim` into several programs,
    but not one with `torch.func`.
    """

    rate: Tensor
    t: Tensor

    def __init__(self, model: nn.Module, learning_rate: float):
        super().__init__()
        self.model = model
        self.means, self.squares = (copy.deepcopy(model).requires_grad_(False) for _ in range(2))
        self.register_buffer("rate", torch.tensor(learning_rate, dtype=torch.float64))
        self.register_buffer("t", torch.zeros((), dtype=torch.float64))
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Start Adam again."""
        for value in (*self.means.parameters(), *self.squares.parameters(), self.t):
            value.zero_()

    def loss(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        """Squared error summed over pixels and batch."""
        x_hat = torch.func.functional_call(self.model, parameters, (x,))
        return nn.functional.mse_loss(x_hat, x, reduction="sum")

    @torch.no_grad()
    def forward(self, batch: Tensor) -> Tensor:
        """Update the model on uint8 images; return the loss before the update."""
        parameters: dict[str, Tensor] = dict(self.model.named_parameters())
        gradients, loss = torch.func.grad_and_value(self.loss)(parameters, batch.float() / 255)
        self.t += 1
        rate = (self.rate / (1 - 0.9**self.t)).float()
        correction = (1 - 0.999**self.t).sqrt().float()
        moments = zip(self.means.parameters(), self.squares.parameters(), strict=True)
        for (name, parameter), (mean, square) in zip(parameters.items(), moments, strict=True):
            gradient = gradients[name]
            mean.lerp_(gradient, 0.1)
            square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            parameter.sub_(rate * mean / (square.sqrt() / correction + 1e-8))
        return loss


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile a function to one program for each size of a batch or chunk.

    By default, PyTorch replaces the first program with one for any size once it sees a second.
    """
    return torch.compile(function, mode=MODE, dynamic=False, fullgraph=True)


class TorchCompile(TorchEager):
    """The eager loop around a compiled step; encode and decode are compiled, too."""

    settings = Settings(
        mode="step",
        loader="device",
        transfers="once",
        remark="Adam is part of the compiled step"
        + ("" if MODE is None else ", which runs as a CUDA graph"),
    )

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        super().__init__(weights, images, batch_size, learning_rate)
        self.encode_chunk = compiled(self.encode_chunk)  # type: ignore[method-assign]
        self.decode_chunk = compiled(self.decode_chunk)  # type: ignore[method-assign]
        self.step = Step(self.model, learning_rate).to(self.device)
        self.compiled_step = compiled(self.step)

    def reset(self, weights: Weights) -> None:
        super().reset(weights)
        if hasattr(self, "step"):
            self.step.reset()

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        # A CUDA graph overwrites its output in its next run.
        return torch.stack(
            [self.compiled_step(batch).clone() for batch in self.batches(order)]
        ).cpu()
