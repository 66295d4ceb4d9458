"""The ONNX files that jaxae exports, in the runtimes that read them."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.contestants.chunks import in_chunks
from benchmarks.contestants.flax_scan import model_of
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights
from benchmarks.tasks.runtimes import Program, onnxruntime_program, openvino_program
from jaxae import interchange

# Rows in a call.
CHUNK = 1024


class Exported:
    """A runtime that loads both files; `reset` exports again."""

    settings = Settings(
        mode="step",
        loader="host",
        transfers="batch",
        remark="the exported encoder is extended to divide the pixels by 255",
    )

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        self.sizes = Sizes.of(weights)
        with tempfile.TemporaryDirectory() as folder:
            files = interchange.onnx.write(Path(folder) / "model.onnx", model_of(weights))
            take_pixels(files[0])
            self.encoder, self.decoder = (self.program(file.read_bytes()) for file in files)

    def program(self, model: bytes) -> Program:
        """Load a model as a function that maps rows to rows."""
        raise NotImplementedError

    def encode(self, images: Pixels) -> Floats:
        def call(images: Pixels) -> Any:
            return self.encoder(images.reshape(len(images), 1, self.sizes.pixels))

        return in_chunks(call, images, self.sizes.latent, CHUNK)

    def decode(self, z: Floats) -> Floats:
        def call(z: Floats) -> Any:
            return self.decoder(z).reshape(len(z), self.sizes.pixels)

        return in_chunks(call, z, self.sizes.pixels, CHUNK)


class OnnxRuntime(Exported):
    """ONNX Runtime."""

    def program(self, model: bytes) -> Program:
        return onnxruntime_program(model)


class OpenVino(Exported):
    """OpenVINO."""

    def program(self, model: bytes) -> Program:
        program = openvino_program(model)
        return lambda rows: program(rows).copy()


def take_pixels(encoder: Path) -> None:
    """Change the input of an exported encoder from floats in [0, 1] to uint8 pixels.

    Dividing them with NumPy, in one thread, would add a fifth to the time.
    """
    model = onnx.load(encoder)
    (given,) = model.graph.input
    for node in model.graph.node:
        node.input[:] = ["scaled" if name == given.name else name for name in node.input]
    steps = (
        onnx.helper.make_node("Cast", [given.name], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Div", ["floats", "white"], ["scaled"]),
    )
    for place, node in enumerate(steps):
        model.graph.node.insert(place, node)
    white = onnx.numpy_helper.from_array(np.array(255, np.float32), "white")
    model.graph.initializer.append(white)
    given.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    onnx.save(model, encoder)
