"""What computes a run: the devices and the versions of the packages."""

import dataclasses
import importlib.metadata
import platform
from typing import Any

from jax.sharding import Mesh

# Those that compile and compute a training step, then those that only read and write.
_DECISIVE = ("jax", "jaxlib", "flax", "optax")
_PACKAGES = ("jaxae", *_DECISIVE, "orbax-checkpoint", "numpy")


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of Python and of installed packages."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


@dataclasses.dataclass(frozen=True)
class Environment:
    """What computes a run. A resumed run is bit for bit the same only where this is.

    Attributes:
      platform: of the devices, such as "cpu".
      kind: the devices' model, as JAX names it.
      count: how many share a batch, over all processes; None where it was not recorded.
      versions: of Python and the packages, by name.
    """

    platform: str
    kind: str
    count: int | None
    versions: dict[str, str]

    @classmethod
    def of(cls, mesh: Mesh) -> "Environment":
        """Describe this installation and a mesh of its devices."""
        device = mesh.local_devices[0]
        return cls(device.platform, device.device_kind, mesh.size, versions_of(_PACKAGES))

    @classmethod
    def parse(cls, sections: Any) -> "Environment":
        """Read what `as_json` gave, once through JSON.

        Raises:
          ValueError: a value is of another type. Where the form is another, LookupError, TypeError
            or AttributeError.
        """
        device, versions = sections["device"], sections["versions"]
        count = device.get("count")
        texts = (device["platform"], device["kind"], *versions.values())
        if not all(isinstance(text, str) for text in texts) or type(count) not in (int, type(None)):
            raise ValueError(f"device is {device} and versions are {versions}; expected text")
        return cls(device["platform"], device["kind"], count, versions)

    def as_json(self) -> dict[str, Any]:
        """Return the sections `device` and `versions`."""
        device = {"platform": self.platform, "kind": self.kind, "count": self.count}
        return {"device": device, "versions": self.versions}

    def differences(self, now: "Environment") -> list[str]:
        """Name what differs in another environment and may change results, old → new."""
        return [
            f"{name} {old} → {new}"
            for name, (old, new) in {
                **{name: (self.versions.get(name), now.versions.get(name)) for name in _DECISIVE},
                "device": (self.kind, now.kind),
                "number of devices": (self.count, now.count),
            }.items()
            if old is not None and new != old
        ]
