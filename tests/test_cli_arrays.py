"""`jaxae encode` and `jaxae decode`: their results, and the files that they refuse."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from jaxae import Dataset, Run, decode, encode
from tests.commands import Trap, jaxae, refusal


def test_encode_and_decode_give_what_the_functions_give(
    trained: Path, tiny: Dataset, tmp_path: Path
) -> None:
    images, z, decoded = (tmp_path / "new" / f"{name}.npy" for name in ("images", "z", "decoded"))
    images.parent.mkdir()
    np.save(images, tiny.test.images)
    assert jaxae("encode", trained, images, z) == 0
    assert jaxae("decode", trained, z, decoded) == 0
    model = Run.open(trained).load_model()
    expected_z = encode(model, tiny.test.images)
    np.testing.assert_array_equal(np.load(z), expected_z, strict=True)
    np.testing.assert_array_equal(np.load(decoded), decode(model, expected_z), strict=True)
    assert {path.name for path in images.parent.iterdir()} == {"images.npy", "z.npy", "decoded.npy"}


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_empty_arrays_are_encoded_and_decoded(trained: Path, tmp_path: Path, command: str) -> None:
    shape, out_shape = ((0, 8, 6), (0, 2)) if command == "encode" else ((0, 2), (0, 8, 6))
    np.save(tmp_path / "none.npy", np.zeros(shape, np.float32))
    assert jaxae(command, trained, tmp_path / "none.npy", tmp_path / "out.npy") == 0
    assert np.load(tmp_path / "out.npy").shape == out_shape


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_the_input_file_is_never_overwritten(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = tmp_path / "array.npy"
    np.save(file, np.zeros((1, 8, 6) if command == "encode" else (1, 2), np.float32))
    (tmp_path / "link.npy").symlink_to(file)
    for out in (file, tmp_path / "link.npy"):
        line = refusal(capsys, command, trained, file, out, unchanged=tmp_path)
        assert f"{out} is the file to read" in line


def save_damaged(path: Path, kind: str) -> None:
    whole = np.zeros((4, 8, 6), np.float32)
    match kind:
        case "text":
            path.write_text("0.1 0.2\n")
        case "empty":
            path.write_bytes(b"")
        case "objects":
            np.save(path, np.array([Trap()], dtype=object), allow_pickle=True)
        case "pickle":
            path.write_bytes(np.array([Trap()], dtype=object).dumps())
        case "npz":
            with path.open("wb") as file:
                np.savez(file, images=whole)
        case "cut body" | "cut header":
            np.save(path, whole)
            path.write_bytes(path.read_bytes()[: -3 if kind == "cut body" else 30])


@pytest.mark.parametrize("command", ["encode", "decode"])
@pytest.mark.parametrize(
    "kind", ["text", "empty", "objects", "pickle", "npz", "cut body", "cut header", "missing"]
)
def test_a_file_that_is_not_an_array_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    path = tmp_path / "given.npy"
    save_damaged(path, kind)
    line = refusal(capsys, command, trained, path, tmp_path / "out" / "out.npy")
    assert str(path) in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "array", "reason"),
    [
        ("encode", np.zeros((2, 8, 8), np.uint8), r"\(2, 8, 8\).*\(n, 8, 6\)"),
        ("encode", np.zeros((8, 6), np.uint8), r"\(8, 6\).*\(n, 8, 6\)"),
        ("encode", np.full((2, 8, 6), np.nan), "nan"),
        ("encode", np.full((2, 8, 6), np.inf), "inf"),
        ("encode", np.full((2, 8, 6), 1.01), r"1\.01.*0 to 1 "),
        ("encode", np.full((2, 8, 6), -0.5), r"-0\.5.*0 to 1 "),
        ("encode", np.full((2, 8, 6), 256), r"256.*0 to 255"),
        ("encode", np.full((2, 8, 6), -1), r"-1.*0 to 255"),
        ("encode", np.full((2, 8, 6), "a"), "<U1"),
        ("encode", np.full((2, 8, 6), 0.5j), "complex"),
        ("decode", np.zeros((4, 3)), r"\(4, 3\).*\(n, 2\)"),
        ("decode", np.zeros(2), r"\(2,\).*\(n, 2\)"),
        ("decode", np.array([[0, np.nan]]), "NaN"),
        ("decode", np.array([[0, -np.inf]]), "infinite"),
        ("decode", np.array([[0, 1e300]]), "finite"),
        ("decode", np.full((2, 2), "a"), "<U1"),
        ("decode", np.full((2, 2), 1j), "complex"),
    ],
)
def test_an_array_that_does_not_fit_the_model_is_refused(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    array: npt.NDArray[Any],
    reason: str,
) -> None:
    path = tmp_path / "given.npy"
    np.save(path, array)
    line = refusal(capsys, command, trained, path, tmp_path / "out" / "out.npy")
    assert str(path) in line
    assert re.search(reason, line.removeprefix(f"jaxae: {path}"))
    assert not (tmp_path / "out").exists()


def test_a_refused_array_leaves_the_old_output_unchanged(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "given.npy", np.full((2, 8, 6), np.nan))
    (tmp_path / "z.npy").write_text("of an earlier call")
    args = ("encode", trained, tmp_path / "given.npy", tmp_path / "z.npy")
    refusal(capsys, *args, unchanged=tmp_path)
