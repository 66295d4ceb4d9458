"""The runtimes that read ONNX files, on the CPU and with as many threads as all frameworks."""

import os
import sys
from collections.abc import Callable
from typing import Any

# 0 lets the runtime choose.
THREADS = int(os.environ.get("OMP_NUM_THREADS", 0))

Program = Callable[[Any], Any]


def onnxruntime_program(model: bytes) -> Program:
    """Load a model of one input and one output in ONNX Runtime, as a function of an array."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (name,) = (given.name for given in session.get_inputs())
    return lambda rows: session.run(None, {name: rows})[0]


def openvino_program(model: bytes) -> Program:
    """Load a model of one input and one output in OpenVINO, as a function of an array.

    The next call overwrites what a call returns. Arithmetic is in float32; by default it would be
    in bfloat16 where the CPU has it.
    """
    # Else importing OpenVINO reports it over the network, from a forked process.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": THREADS,
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model), "CPU", options).create_infer_request()

    def run(rows: Any) -> Any:
        # For one row, half as long as passing and returning arrays.
        request.set_input_tensor(openvino.Tensor(rows, shared_memory=True))
        request.infer()
        return request.get_output_tensor().data

    return run
