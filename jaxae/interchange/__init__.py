"""Export a model to formats that other software reads; one module per format."""

from jaxae.interchange import onnx as onnx
from jaxae.interchange import safetensors as safetensors
from jaxae.interchange import stablehlo as stablehlo
