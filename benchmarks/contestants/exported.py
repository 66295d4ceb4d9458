"""Encoder and decoder from the ONNX files that jaxae exports, in the runtimes that read them."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants.chunks import in_chunks
from benchmarks.contestants.flax_scan import model_of
from benchmarks.tasks import Floats, Pixels, Settings, Sizes, Weights
from jaxae.interchange import onnx

# Rows in a call.
CHUNK = 512
# As every framework gets them; 0 lets the runtime choose.
THREADS = int(os.environ.get("OMP_NUM_THREADS", 0))

Program = Callable[[Any], Any]


class Exported:
    """A runtime that loads both files; `reset` exports again."""

    settings = Settings(mode="step", loader="host", transfers="batch")

    def __init__(
        self, weights: Weights, images: Pixels, batch_size: int, learning_rate: float = 1e-3
    ):
        self.reset(weights)

    def reset(self, weights: Weights) -> None:
        self.sizes = Sizes.of(weights)
        with tempfile.TemporaryDirectory() as folder:
            files = onnx.write(Path(folder) / "model.onnx", model_of(weights))
            self.encoder, self.decoder = map(self.program, files)

    def program(self, file: Path) -> Program:
        """Load a file as a function that maps rows to rows."""
        raise NotImplementedError

    def encode(self, images: Pixels) -> Floats:
        def call(images: Pixels) -> Any:
            x = np.divide(images, 255, dtype=np.float32)
            return self.encoder(x.reshape(len(x), 1, self.sizes.pixels))

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
        return lambda rows: request.infer([rows], share_inputs=True)[0]
