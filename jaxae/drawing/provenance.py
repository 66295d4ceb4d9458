"""Provenance: what a figure was drawn from, in the metadata of a PNG, PDF or SVG file."""

import hashlib
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from PIL import Image
from pypdf import PdfReader

from jaxae.models import AutoencoderLike, parameters
from jaxae.runs import versions_of

Provenance = dict[str, Any]

_PACKAGES = ("jaxae", "jax", "jaxlib", "flax", "numpy", "matplotlib")
_KEYS = {".png": "Description", ".pdf": "Subject", ".svg": "Description"}
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on."""
    return versions_of(_PACKAGES)


def parameters_hash(model: AutoencoderLike) -> str:
    """Return the SHA-256 of a model's parameters: names, shapes, float32 values; in hexadecimal."""
    digest = hashlib.sha256()
    for path, leaf in sorted(nnx.to_flat_state(parameters(model))):
        values = np.ascontiguousarray(np.asarray(leaf[...], np.float32))
        digest.update(f"{'.'.join(map(str, path))}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def check_suffix(suffix: str) -> None:
    """Raise ValueError unless files with this suffix hold provenance."""
    if suffix not in _KEYS:
        raise ValueError(f"figures of type {suffix!r} hold no provenance; expected {_known()}")


def metadata_for(suffix: str, provenance: Provenance) -> dict[str, str]:
    """Return the metadata to pass to Matplotlib for a file with this suffix."""
    check_suffix(suffix)
    return {_KEYS[suffix]: json.dumps(provenance, sort_keys=True)}


def read_provenance(path: Path) -> Provenance:
    """Read the provenance in a figure's file.

    Raises:
      ValueError: the file is not PNG, PDF or SVG, or has no provenance.
      OSError: the file cannot be opened.
    """
    suffix = path.suffix
    if suffix not in _KEYS:
        raise ValueError(f"{path}: expected a figure, {_known()}")
    try:
        if suffix == ".png":
            with Image.open(path) as image:
                text = image.info.get(_KEYS[suffix])
        elif suffix == ".pdf":
            metadata = PdfReader(path).metadata
            text = None if metadata is None else metadata.subject
        else:
            found = ElementTree.parse(path).find(f".//{_DESCRIPTION}")
            text = None if found is None else found.text
        provenance: Provenance = json.loads(text or "")
        if "figure" not in provenance:
            raise ValueError
    except OSError:
        if not path.is_file():
            raise
        raise ValueError(f"{path} is not a {suffix[1:].upper()} file") from None
    except Exception:  # Each reader raises its own errors for a damaged file.
        raise ValueError(
            f"{path} does not say what it was drawn from; draw it with jaxae figures"
        ) from None
    return provenance


def _known() -> str:
    return ", ".join(_KEYS)
