"""The ONNX files that jaxae exports, in the runtimes that read them."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.contestants.chunks import in_chunks
from benchmarks.contestants.flax_scan import model_of
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights
from jaxae import interchange

# Rows in a call.
CHUNK = 1024
# As every framework gets them; 0 lets the runtime choose.
THREADS = int(os.environ.get("OMP_NUM_THREADS", 0))

Program = Callable[[Any], Any]


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
            self.encoder, self.decoder = map(self.program, files)

    def program(self, file: Path) -> Program:
        """Load a file as a function that maps rows to rows."""
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
    """ONNX Runtime on the CPU."""

    def program(self, file: Path) -> Program:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        (name,) = (given.name for given in session.get_inputs())
        return lambda rows: session.run(None, {name: rows})[0]


class OpenVino(Exported):
    """OpenVINO on the CPU, which would otherwise compute in bfloat16 where the CPU can."""

    def program(self, file: Path) -> Program:
        # Else importing OpenVINO reports it over the network, from a forked process.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        import openvino

        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": THREADS,
        }
        request = openvino.compile_model(file, "CPU", options).create_infer_request()

        def run(rows: Any) -> Any:
            # For one row, half as long as passing and returning arrays.
            request.set_input_tensor(openvino.Tensor(rows, shared_memory=True))
            request.infer()
            return request.get_output_tensor().data.copy()

        return run


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
