"""The contestants by name; a new one is a file and an entry here."""

from typing import Any

from benchmarks.contestants.entry import Entry
from benchmarks.tasks.suite import GROWTH, LATENT, PARTS, STANDARD, STEP, TRAINING

# A persistent compilation cache makes a second start faster.
_CACHED = (*STANDARD, "cold-cached")
_RUNG = ("ladder",)
_TO_LOSS = ("time-to-loss",)
_FIT = ("train", *LATENT, "cold")
# Starts are those of the plain `fit`.
_TUNED = (*TRAINING, *LATENT)


def _jax(module: str, cls: str, package: str = "flax", **traits: Any) -> Entry:
    traits = {"group": "epoch", **traits}
    return Entry(module=module, cls=cls, packages=(package,), library="jax", **traits)


def _torch(module: str, cls: str, **traits: Any) -> Entry:
    traits = {"group": "eager", **traits}
    return Entry(module=module, cls=cls, packages=("torch",), library="torch", **traits)


def _keras(backend: str, module: str = "keras_fit", cls: str = "KerasFit", **traits: Any) -> Entry:
    return Entry(
        module=module,
        cls=cls,
        packages=("keras", backend),
        library=backend,
        group="fit",
        environment={"KERAS_BACKEND": backend},
        **traits,
    )


def _keras_tuned(backend: str) -> Entry:
    what = f"keras-{backend}, fed with row numbers"
    return _keras(backend, "keras_tuned", "KerasTuned", what=what, tasks=_TUNED)


def _exported(cls: str, runtime: str, what: str) -> Entry:
    return Entry(
        module="exported",
        cls=cls,
        packages=(runtime, "jax2onnx"),
        library=runtime,
        group="exported",
        what=what,
        tasks=LATENT,
    )


CONTESTANTS = {
    "flax": _jax(
        "flax_scan",
        "FlaxScan",
        what="jaxae's own path: a compiled epoch",
        tasks=(*_CACHED, *STEP, *_TO_LOSS, *GROWTH, *_RUNG, *(f"{part}-*" for part in PARTS)),
        after="flax-device",
        quick=True,
    ),
    "flax-again": _jax(
        "flax_scan",
        "FlaxScan",
        what="flax under a second name, to show the noise",
        tasks=(*TRAINING, *LATENT),
        quick=True,
    ),
    "flax-loop": _jax(
        "flax_loop",
        "FlaxLoop",
        group="step",
        what="jaxae's compiled step, called from Python",
        tasks=(*TRAINING, *STEP),
    ),
    "flax-onecycle": _jax(
        "flax_scan",
        "FlaxOneCycle",
        what="flax with jaxae's fast recipe, for time-to-loss",
        tasks=_TO_LOSS,
        one_cycle_of="flax",
    ),
    "flax-nojit": _jax(
        "flax_loop",
        "FlaxNoJit",
        group="eager",
        what="ablation: nothing is compiled",
        tasks=_RUNG,
    ),
    "flax-jit": _jax(
        "flax_loop",
        "FlaxJit",
        group="step",
        what="ablation: each step is compiled",
        tasks=_RUNG,
        after="flax-nojit",
    ),
    "flax-donate": _jax(
        "flax_loop",
        "FlaxLoop",
        group="step",
        what="ablation: flax-jit with a donated state",
        tasks=_RUNG,
        after="flax-jit",
    ),
    "flax-device": _jax(
        "flax_loop",
        "FlaxDevice",
        group="step",
        what="ablation: flax-donate with the images on the device",
        tasks=_RUNG,
        after="flax-donate",
    ),
    "equinox": _jax(
        "equinox_scan",
        "EquinoxScan",
        "equinox",
        what="Equinox: a compiled epoch",
        tasks=_CACHED,
        quick=True,
    ),
    "linen": _jax(
        "linen_scan",
        "LinenScan",
        what="flax.linen: a compiled epoch",
        tasks=_CACHED,
    ),
    "plain-jax": _jax(
        "plain_jax",
        "PlainJax",
        "optax",
        what="JAX without a library of layers: a compiled epoch",
        tasks=_CACHED,
    ),
    "torch-eager": _torch(
        "torch_eager",
        "TorchEager",
        what="PyTorch, eager, as fast as it goes",
        tasks=(*STANDARD, *STEP, *_TO_LOSS, *GROWTH, *_RUNG),
        after="torch-tensors",
        quick=True,
    ),
    "torch-tensors": _torch(
        "torch_loader",
        "TorchTensors",
        what="ablation: Adam is not fused",
        tasks=_RUNG,
        after="torch-loader",
    ),
    "torch-loader": _torch(
        "torch_loader",
        "TorchLoader",
        what="PyTorch with a DataLoader, as in the lecture",
        tasks=("train", "cold", *_RUNG),
    ),
    "torch-compile": _torch(
        "torch_compile",
        "TorchCompile",
        group="step",
        what="PyTorch with a compiled step: loss, gradient and Adam",
        tasks=(*_CACHED, *STEP, *_RUNG),
        after="torch-eager",
    ),
    "torch-onecycle": _torch(
        "torch_eager",
        "TorchOneCycle",
        what="torch-eager with jaxae's fast recipe, for time-to-loss",
        tasks=_TO_LOSS,
        one_cycle_of="torch-eager",
    ),
    "keras-jax": _keras("jax", what="Keras's fit on JAX", tasks=(*_CACHED, *STEP), quick=True),
    "keras-torch": _keras("torch", what="Keras's fit on PyTorch, eager", tasks=_FIT),
    "keras-tensorflow": _keras("tensorflow", what="Keras's fit on TensorFlow", tasks=_FIT),
    "keras-jax-tuned": _keras_tuned("jax"),
    "keras-torch-tuned": _keras_tuned("torch"),
    "keras-tensorflow-tuned": _keras_tuned("tensorflow"),
    "tensorflow": Entry(
        module="tensorflow_epoch",
        cls="TensorFlowEpoch",
        packages=("tensorflow",),
        library="tensorflow",
        group="epoch",
        what="TensorFlow: a compiled epoch",
    ),
    "numpy": Entry(
        module="numpy_only",
        cls="NumpyOnly",
        packages=("numpy",),
        library="numpy",
        group="eager",
        what="NumPy in float32",
    ),
    "onnxruntime": _exported("OnnxRuntime", "onnxruntime", "jaxae's exported model, ONNX Runtime"),
    "openvino": _exported("OpenVino", "openvino", "jaxae's exported model, OpenVINO"),
}
