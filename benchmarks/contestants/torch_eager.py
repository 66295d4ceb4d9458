"""Eager PyTorch as fast as it goes: images live on the device, batches are cut by index."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.contestants.chunks import in_chunks
from benchmarks.tasks import LAYERS, Floats, Pixels, Settings, Sizes, Weights

# Examples per call of encode and decode: fastest on two cores, along with 512 and 1024.
CHUNK = 2048
FUSED = "Adam is fused, which is faster than PyTorch's default"


class TorchEager:
    """`nn.Sequential`, `loss.backward()` and `torch.optim.Adam`, step by step."""

    settings = Settings(mode="eager", loader="device", transfers="once", remark=FUSED)
    # A fused Adam saves a fifth of an epoch at batch 128; None is PyTorch's default.
    fused: bool | None = True

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.sizes = Sizes.of(weights)
        dense = [nn.Linear(*weights[f"{layer}.kernel"].shape) for layer in LAYERS]
        encoder = nn.Sequential(dense[0], nn.ReLU(), dense[1])
        decoder = nn.Sequential(dense[2], nn.ReLU(), dense[3], nn.Sigmoid())
        self.model = nn.Sequential(encoder, decoder).to(self.device)
        self.dense = dict(zip(LAYERS, dense, strict=True))
        self.optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=learning_rate,
            betas=(0.9, 0.999),
            eps=1e-8,
            fused=self.fused,
        )
        # As uint8: converting each batch takes 1 % of an epoch and saves 75 % of the memory.
        self.images = torch.from_numpy(images).to(self.device)
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.reset(weights)

    @torch.no_grad()
    def reset(self, weights: Weights) -> None:
        # PyTorch's kernels have shape (outputs, inputs).
        for layer, dense in self.dense.items():
            dense.weight.copy_(torch.from_numpy(weights[f"{layer}.kernel"].T))
            dense.bias.copy_(torch.from_numpy(weights[f"{layer}.bias"]))
        self.optimizer.state.clear()

    def loss(self, batch: Tensor) -> Tensor:
        """Squared error summed over pixels and batch."""
        x = batch.float() / 255
        return nn.functional.mse_loss(self.model(x), x, reduction="sum")

    def batches(self, order: npt.NDArray[np.int32]) -> Iterable[Tensor]:
        """Yield batches of uint8 images on the device, in this order."""
        for rows in torch.from_numpy(order).to(self.device).split(self.batch_size):
            yield self.images[rows]

    def train(self, order: npt.NDArray[np.int32]) -> Any:
        losses = []  # Read once at the end, since reading a loss waits for its step.
        for batch in self.batches(order):
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(batch)
            loss.backward()
            self.update()
            losses.append(loss.detach())
        return torch.stack(losses).cpu()

    def update(self) -> None:
        """Apply the gradients."""
        self.optimizer.step()

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.images[torch.from_numpy(rows).to(self.device)]).backward()
        return self._named(lambda parameter: parameter.grad)

    def encode(self, images: Pixels) -> Floats:
        return self._in_chunks(self.encode_chunk, images, self.sizes.latent)

    def decode(self, z: Floats) -> Floats:
        return self._in_chunks(self.decode_chunk, z, self.sizes.pixels)

    def encode_chunk(self, images: Tensor) -> Tensor:
        """Map uint8 images on the device to latent points."""
        return self.model[0](images.float() / 255)

    def decode_chunk(self, z: Tensor) -> Tensor:
        """Map latent points on the device to images."""
        return self.model[1](z)

    def weights(self) -> Weights:
        return self._named(lambda parameter: parameter.detach())

    def synchronise(self) -> None:
        # On a CPU, calls return when their work is done.
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    @torch.inference_mode()
    def _in_chunks(
        self, function: Callable[[Tensor], Tensor], rows: npt.NDArray[Any], width: int
    ) -> Floats:
        def call(chunk: npt.NDArray[Any]) -> Any:
            return function(torch.from_numpy(chunk).to(self.device)).cpu()

        return in_chunks(call, rows, width, CHUNK)

    def _named(self, part: Callable[[Tensor], Any]) -> Weights:
        named: Weights = {}
        for layer, dense in self.dense.items():
            # Copies, because the next step writes in place.
            named[f"{layer}.kernel"] = part(dense.weight).cpu().numpy().T.copy()
            named[f"{layer}.bias"] = part(dense.bias).cpu().numpy().copy()
        return named


class TorchOneCycle(TorchEager):
    """jaxae's fast recipe: a one-cycle schedule over eight epochs."""

    def reset(self, weights: Weights) -> None:
        super().reset(weights)
        self.steps = 8 * -(-len(self.images) // self.batch_size)
        peak = 4 * self.learning_rate
        # Optax counts steps from 0 to `steps` and PyTorch to `total_steps - 1`, so that one more
        # step, and the share of them up to the peak, give Optax's schedule.
        total = self.steps + 1
        rising = int(0.2 * self.steps) + 1
        self.schedule = OneCycleLR(
            self.optimizer, peak, total, pct_start=rising / total, cycle_momentum=False
        )

    def update(self) -> None:
        super().update()
        if self.schedule.last_epoch < self.steps:  # The last rate stays.
            self.schedule.step()
