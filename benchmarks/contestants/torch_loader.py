"""Eager PyTorch as in the lecture: a DataLoader feeds the loop from the host."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contestants.torch_eager import TorchEager
from benchmarks.tasks import Pixels, Settings, Weights

DEFAULT = "Adam is PyTorch's default, as in the lecture, which is not its fastest"


class TorchTensors(TorchEager):
    """The eager loop over tensors in memory, with the lecture's Adam: between the two in speed."""

    settings = Settings(mode="eager", loader="device", transfers="once", remark=DEFAULT)
    fused = None


class TorchLoader(TorchTensors):
    """The eager loop over a `DataLoader`, which collates each batch from single examples."""

    settings = Settings(mode="eager", loader="DataLoader", transfers="batch", remark=DEFAULT)

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        super().__init__(weights, images[:1], batch_size, learning_rate)
        self.dataset = TensorDataset(torch.from_numpy(images))

    def gradients(self, rows: npt.NDArray[np.int32]) -> Weights | None:
        self.images = self.dataset.tensors[0].to(self.device)
        return super().gradients(rows)

    def batches(self, order: npt.NDArray[np.int32]) -> Iterable[Tensor]:
        # In the given order, where the lecture's loader shuffles.
        loader = DataLoader(self.dataset, self.batch_size, sampler=order.tolist(), num_workers=0)
        for (batch,) in loader:
            yield batch.to(self.device)
