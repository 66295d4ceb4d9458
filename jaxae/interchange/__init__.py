"""Export a model to formats that other software reads; one module per format."""

from jaxae.interchange import onnx, safetensors, stablehlo

__all__ = ["onnx", "safetensors", "stablehlo"]
