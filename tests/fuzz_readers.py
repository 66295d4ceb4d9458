"""The readers to fuzz, each with valid files, a generator of almost valid ones, and a check.

The checks read a file by struct, gzip, json and numpy.lib.format alone.
"""

import gzip
import io
import json
import math
import random
import struct
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from jaxae import Autoencoder, ModelConfig, Run, TrainConfig, create_model
from jaxae._utils.npy import ArrayFile, prefix_errors
from jaxae.config import DataConfig, RunConfig
from jaxae.data.folder import read_class_names
from jaxae.data.idx import read_idx
from jaxae.interchange import safetensors
from jaxae.runs.metrics_file import read_rows
from tests.fuzz_files import Reader, any_text, edited, edited_json, json_bombs, random_bytes
from tests.idx_files import gzip_bomb, idx_header

# IDX.


def _verify_idx(path: Path, images: Any) -> None:
    content = path.read_bytes() if path.stat().st_size < 1 << 24 else path.open("rb").read(1 << 24)
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    assert images.shape == struct.unpack(">3I", content[4:16])
    assert images.tobytes() == content[16:]


_VALID_IDX = idx_header((2, 3, 4)) + bytes(range(24))


def _any_idx(rng: random.Random) -> bytes:
    largest = rng.choice((5, 5, 2**32 - 1))
    sides = tuple(rng.randint(0, largest) for _ in range(3))
    size = math.prod(sides)
    body = rng.randbytes(size) if size < 130 and rng.random() < 0.5 else random_bytes(rng, 130)
    content = idx_header(sides) + body
    return gzip.compress(content, mtime=0) if rng.random() < 0.5 else content


IDX = Reader(
    "IDX",
    "train-images-idx3-ubyte",
    [_VALID_IDX, gzip.compress(_VALID_IDX, mtime=0), idx_header((0, 3, 4))],
    _any_idx,
    lambda path: read_idx(path, ndim=3),
    _verify_idx,
    lambda: tuple(gzip_bomb((n, 1 << 10, 1 << 10), mib=1 << 12) for n in (1 << 9, 1 << 12)),
)


# .npy.


def _read_npy(path: Path) -> Any:
    with prefix_errors(path):
        return ArrayFile(path).map()


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npy_of(header: str, version: int, claimed: int | None, body: bytes) -> bytes:
    text = header.encode(errors="surrogatepass")
    length = len(text) if claimed is None else claimed
    packed = struct.pack(
        "<H" if version == 1 else "<I", length & 0xFFFF if version == 1 else length
    )
    return b"\x93NUMPY" + bytes([version, 0]) + packed + text + body


def _verify_npy(path: Path, array: Any) -> None:
    with path.open("rb") as file:
        if path.stat().st_size > 1 << 24:
            file = io.BytesIO(file.read(1 << 24))  # type: ignore[assignment]
        expected = np.lib.format.read_array(file, allow_pickle=False)
    assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
    assert array.tobytes() == expected.tobytes()


_DTYPES = (
    *("'<f4'", "'|u1'", "'>i8'", "'|O'", "'<U2'", "'|S999999999'", "'|V9'", "'<M8'", "'?'"),
    *("[('a', '<f4')]", "('<f4', (2, 2))", "('<f4', (-1,))", "'f4,O'", "'x'"),
    *("[]", "{}", "1", "None"),
)


def _any_npy(rng: random.Random) -> bytes:
    def size() -> object:
        odd = ("True", "1.5", "()", "-" * 500 + "1", rng.randint(-(2**70), 2**70))
        return rng.randint(-2, 5) if rng.random() < 0.8 else rng.choice(odd)

    header = "{{'descr': {}, 'fortran_order': {}, 'shape': ({}), }}\n".format(
        rng.choice(_DTYPES),
        rng.choice(("True", "False", "False", "1", "None")),
        " ".join(f"{size()}," for _ in range(rng.randint(0, 4))),
    )
    return _npy_of(
        header if rng.random() < 0.9 else any_text(rng, 50),
        rng.choice((1, 1, 2, 2, 3, 4)),
        None if rng.random() < 0.7 else rng.randrange(2**32),
        random_bytes(rng, 64),
    )


NPY = Reader(
    ".npy",
    "images.npy",
    [_npy(np.arange(6, dtype=np.float32).reshape(2, 3)), _npy(np.zeros((0, 2), np.uint8))],
    _any_npy,
    _read_npy,
    _verify_npy,
)


# A run's folder.

_SETTINGS = RunConfig(
    ModelConfig(hidden_dim=2, latent_dim=1),
    TrainConfig(),
    DataConfig("blobs", "nowhere", "0" * 64, (2, 2), 300),
)
_COMPUTED = {"device": {"platform": "cpu", "kind": "cpu"}, "versions": {"jax": "0.8.1"}}
_CONFIG: dict[str, Any] = {
    "format": 1,
    **{name: asdict(_SETTINGS)[name] for name in ("model", "train", "data")},
    "checkpoints": {"checkpoint_every": 2, "keep": 1},
    **_COMPUTED,
}
_RESUMED = _CONFIG | {"format": 2, "resumed": [{"epoch": 3, **_COMPUTED}]}


def _check_config(given: Any, config: RunConfig) -> None:
    """Check settings against the JSON that they were read from, which may lack defaults."""
    written = json.loads(json.dumps(asdict(config)))
    match given["model"].get("hidden_dim"):
        case [width]:
            given["model"]["hidden_dim"] = width
    for name in ("model", "train", "data"):
        assert written[name] | given[name] == written[name], (written[name], given[name])


def _verify_config(path: Path, run: Run) -> None:
    given = json.loads(path.read_bytes())
    _check_config(given, run.config)
    assert run.config.format == given["format"]
    computed = (given, *given.get("resumed", ()))[-1]
    device = {"count": None} | {
        name: value
        for name, value in computed["device"].items()
        if name in ("platform", "kind", "count")
    }
    assert run.environment.as_json() == {"device": device, "versions": computed["versions"]}


def _verify_metrics(path: Path, rows: Any) -> None:
    # To JSON, a carriage return is white space and does not end a line.
    given = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    expected = [{name: value for name, value in row.items() if value is not None} for row in given]
    assert [row.as_json() for row in rows] == expected


def _row(epoch: int) -> dict[str, Any]:
    losses = {"train_loss": 2.5, "test_loss": 3.0}
    terms = {"test_squared_error": 2.0, "test_divergence": 1.0} if epoch > 1 else {}
    return {"epoch": epoch, **losses, "seconds": 0.1, "images_per_second": 9.0, **terms}


def _lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _any_rows(rng: random.Random) -> bytes:
    whole = [_row(epoch) for epoch in range(1, rng.randint(1, 4))]
    return _lines([edited(rng, row) if rng.random() < 0.5 else row for row in whole])


CONFIG = Reader(
    "config.json",
    "config.json",
    [json.dumps(config).encode() for config in (_CONFIG, _RESUMED)],
    edited_json(_RESUMED),
    lambda path: Run.open(path.parent),
    _verify_config,
    json_bombs,
)
METRICS = Reader(
    "metrics.jsonl",
    "metrics.jsonl",
    [_lines([_row(1)]), b"", _lines([_row(1), _row(2), _row(3)])],
    _any_rows,
    read_rows,
    _verify_metrics,
    json_bombs,
)


# A data folder.


def _verify_meta(path: Path, names: Any) -> None:
    given = json.loads(path.read_bytes()).get("class_names")
    assert names == (None if given is None else tuple(map(str, given)))


_META = {"class_names": ["low", "middle", "high"], "source": "by hand"}
META = Reader(
    "meta.json",
    "meta.json",
    [json.dumps(_META).encode(), b"{}"],
    edited_json(_META),
    lambda path: read_class_names(path.parent),
    _verify_meta,
    json_bombs,
)


# safetensors.


_MODELS = (ModelConfig(1, 2), ModelConfig(1, 2, "vae"), ModelConfig(1, (2, 3)))


def _whole_safetensors(config: ModelConfig, image_shape: tuple[int, int]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model = create_model(config, image_shape, seed=0)
        safetensors.write(path, model, replace(_SETTINGS, model=config))
        return path.read_bytes()


def _parse_safetensors(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _safetensors_bytes(header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _verify_safetensors(path: Path, result: tuple[Autoencoder, RunConfig]) -> None:
    model, config = result
    header, body = _parse_safetensors(path.read_bytes())
    if "jaxae" in header.get("__metadata__", {}):
        _check_config(json.loads(header["__metadata__"]["jaxae"]), config)
    for name, param in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        entry = header[".".join(map(str, name)).replace("kernel", "weight")]
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
        found = np.asarray(param[...])
        assert found.tobytes() == np.ascontiguousarray(array.T).tobytes()


_WHOLE = [_whole_safetensors(config, (2, 2)) for config in _MODELS]


def _any_safetensors(rng: random.Random) -> bytes:
    header, body = _parse_safetensors(rng.choice(_WHOLE))
    if rng.random() < 0.5:
        about = json.loads(header["__metadata__"]["jaxae"])
        header["__metadata__"]["jaxae"] = json.dumps(edited(rng, about))
        return _safetensors_bytes(header, body)
    return _safetensors_bytes(edited(rng, header), body)


SAFETENSORS = Reader(
    "safetensors",
    "model.safetensors",
    _WHOLE,
    _any_safetensors,
    safetensors.read,
    _verify_safetensors,
    lambda: (
        (2**63).to_bytes(8, "little") + _WHOLE[0][8:],
        _safetensors_bytes({"__metadata__": {"jaxae": "[" * 10**6}}, b""),
    ),
)


def _without_metadata(content: bytes) -> bytes:
    header, body = _parse_safetensors(content)
    del header["__metadata__"]
    return _safetensors_bytes(header, body)


# As PyTorch saves them. Images of 28×28 pixels are assumed to be MNIST.
_RESAVED = [_without_metadata(_whole_safetensors(config, (28, 28))) for config in _MODELS]


def _any_resaved(rng: random.Random) -> bytes:
    header, body = _parse_safetensors(rng.choice(_RESAVED))
    return _safetensors_bytes(edited(rng, header), body)


RESAVED = Reader(
    "safetensors of PyTorch",
    "model.safetensors",
    _RESAVED,
    _any_resaved,
    safetensors.read,
    _verify_safetensors,
)

READERS = (IDX, NPY, CONFIG, METRICS, META, SAFETENSORS, RESAVED)
