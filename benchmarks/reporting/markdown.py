"""Tables, times and ratios as text."""

from collections.abc import Sequence

from benchmarks.stats import Ratio

_LIBRARIES = {
    "jax": "JAX",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "numpy": "NumPy",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, whose columns but the first are aligned right; empty without rows."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    lines = (columns, rule, *rows) if rows else ()
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def seconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return "—"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.2f} ms" if value >= 1e-3 else f"{1e6 * value:.0f} µs"


def share(value: float | None) -> str:
    """A share, or a factor, with two decimals."""
    return "—" if value is None else f"{value:.2f}"


def mark(ratio: Ratio) -> str:
    """≈ after a ratio that does not differ significantly from 1, ? after one of too few rounds."""
    return {"≈": " ≈", "too few rounds": " ?"}.get(ratio.verdict, "")


def short(ratio: Ratio | None) -> str:
    """A ratio without its interval."""
    return "—" if ratio is None else share(ratio.median) + mark(ratio)


def full(ratio: Ratio | None) -> str:
    """A ratio with its interval."""
    return "—" if ratio is None else ratio.interval + mark(ratio)


def library(name: str) -> str:
    """A library's name as its authors write it."""
    return _LIBRARIES.get(name, name)
