"""The readers to fuzz, each with valid files, a generator of almost valid ones, and a check.

The checks read a file by struct, gzip, json and numpy.lib.format alone.
"""

import gzip
import io
import json
import math
import pickle
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from flax import nnx

from jaxae import Autoencoder, ModelConfig, Run, TrainConfig, create_model
from jaxae._utils.npy import ArrayFile, prefix_errors
from jaxae.config import DataConfig, RunConfig
from jaxae.data.folder import read_class_names
from jaxae.data.idx import read_idx
from jaxae.interchange import safetensors
from jaxae.runs.metrics_file import read_rows
from tests.idx_files import gzip_bomb, idx_header


@dataclass(frozen=True)
class Reader:
    """One reader and its test files.

    Attributes:
      name: its name in the table.
      file_name: the name of the files that it is given.
      valid: contents of valid files.
      structured: generates a well-formed file with arbitrary values.
      read: the reader.
      verify: raises AssertionError unless a result is what the file says.
      bombs: generates files that attack this reader.
    """

    name: str
    file_name: str
    valid: list[bytes]
    structured: Callable[[random.Random], bytes]
    read: Callable[[Path], Any]
    verify: Callable[[Path, Any], None]
    bombs: Callable[[], tuple[bytes, ...]] = tuple


class Trap:
    """An object that ends the program when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[()]]:
        """Make unpickling call `spring`."""
        return spring, ()


def random_bytes(rng: random.Random, longest: int) -> bytes:
    """Generate at most `longest` bytes."""
    return rng.randbytes(rng.randint(0, longest))


def spring() -> NoReturn:
    """Raise an exception that no reader catches."""
    raise SystemExit("a pickle was opened")


def hostile_files(reader: Reader) -> Iterator[Callable[[Path], object]]:
    """Yield functions that write a hostile file to a path."""
    objects = np.array([Trap()], dtype=object)
    saved = io.BytesIO()
    np.save(saved, objects, allow_pickle=True)
    pickles = (pickle.dumps(Trap()), objects.dumps(), saved.getvalue())
    for content in (*pickles, _zip_bomb(), *reader.bombs()):
        yield partial(Path.write_bytes, data=content)
    for start in (b"", *reader.valid):
        yield partial(_write_sparse, start=start)


@cache
def _zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w") as entry:
            for _ in range(5 * 16):
                entry.write(bytes(1 << 24))
    return file.getvalue()


def _write_sparse(path: Path, start: bytes) -> None:
    # 4 GiB that take no space on the disk.
    with path.open("wb") as file:
        file.write(start)
        file.truncate(1 << 32)


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
        header if rng.random() < 0.9 else _any_text(rng, 50),
        rng.choice((1, 1, 2, 2, 3, 4)),
        None if rng.random() < 0.7 else rng.randrange(2**32),
        random_bytes(rng, 64),
    )


def _any_text(rng: random.Random, longest: int) -> str:
    last = rng.choice((127, 127, 255, 0x10FFFF))
    return "".join(chr(rng.randint(0, last)) for _ in range(rng.randint(0, longest)))


NPY = Reader(
    ".npy",
    "images.npy",
    [_npy(np.arange(6, dtype=np.float32).reshape(2, 3)), _npy(np.zeros((0, 2), np.uint8))],
    _any_npy,
    _read_npy,
    _verify_npy,
)


# JSON.


def _json_bombs() -> tuple[bytes, ...]:
    return b"[" + b"[]," * 20_000_000, b"[" * 1_000_000


def _any_json(rng: random.Random, depth: int = 2) -> Any:
    match rng.randrange(8 if depth else 6):
        case 0:
            return rng.choice((None, True, False))
        case 1:
            return rng.randint(-(2**70), 2**70)
        case 2:
            return rng.choice((10**400, -1, 0, 1, 2, 3, 0.5, 1e-3))
        case 3:
            return struct.unpack("<d", rng.randbytes(8))[0]
        case 4:
            return rng.choice((math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 2.0**53))
        case 5:
            return _any_text(rng, 9)
        case 6:
            return [_any_json(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {_any_text(rng, 5): _any_json(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def _edited(rng: random.Random, whole: Any) -> Any:
    """Replace, remove or add one to three values at any depth of a JSON value."""
    whole = json.loads(json.dumps(whole))
    for _ in range(rng.randint(1, 3)):
        place = whole
        while isinstance(place, dict) and place:
            key = rng.choice(sorted(place))
            if isinstance(place[key], dict) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            match rng.choice(("replace", "replace", "remove", "add")):
                case "replace":
                    place[key] = _any_json(rng)
                case "remove":
                    del place[key]
                case "add":
                    place[_any_text(rng, 5)] = _any_json(rng)
            break
    return whole


def _edited_json(whole: Any) -> Callable[[random.Random], bytes]:
    return lambda rng: json.dumps(_edited(rng, whole)).encode()


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
    return _lines([_edited(rng, row) if rng.random() < 0.5 else row for row in whole])


CONFIG = Reader(
    "config.json",
    "config.json",
    [json.dumps(config).encode() for config in (_CONFIG, _RESUMED)],
    _edited_json(_RESUMED),
    lambda path: Run.open(path.parent),
    _verify_config,
    _json_bombs,
)
METRICS = Reader(
    "metrics.jsonl",
    "metrics.jsonl",
    [_lines([_row(1)]), b"", _lines([_row(1), _row(2), _row(3)])],
    _any_rows,
    read_rows,
    _verify_metrics,
    _json_bombs,
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
    _edited_json(_META),
    lambda path: read_class_names(path.parent),
    _verify_meta,
    _json_bombs,
)


# safetensors.


def _whole_safetensors(kind: Any, image_shape: tuple[int, int]) -> bytes:
    config = ModelConfig(1, 2, kind)
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
    for (part, layer, kind), param in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        entry = header[f"{part}.{layer}.{'weight' if kind == 'kernel' else kind}"]
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
        found = np.asarray(param[...])
        assert found.tobytes() == np.ascontiguousarray(array.T).tobytes()


_WHOLE = [_whole_safetensors(kind, (2, 2)) for kind in ("ae", "vae")]


def _any_safetensors(rng: random.Random) -> bytes:
    header, body = _parse_safetensors(rng.choice(_WHOLE))
    if rng.random() < 0.5:
        about = json.loads(header["__metadata__"]["jaxae"])
        header["__metadata__"]["jaxae"] = json.dumps(_edited(rng, about))
        return _safetensors_bytes(header, body)
    return _safetensors_bytes(_edited(rng, header), body)


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
_RESAVED = [_without_metadata(_whole_safetensors(kind, (28, 28))) for kind in ("ae", "vae")]


def _any_resaved(rng: random.Random) -> bytes:
    header, body = _parse_safetensors(rng.choice(_RESAVED))
    return _safetensors_bytes(_edited(rng, header), body)


RESAVED = Reader(
    "safetensors of PyTorch",
    "model.safetensors",
    _RESAVED,
    _any_resaved,
    safetensors.read,
    _verify_safetensors,
)

READERS = (IDX, NPY, CONFIG, METRICS, META, SAFETENSORS, RESAVED)
