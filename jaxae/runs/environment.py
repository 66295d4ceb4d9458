"""The environment of a run: devices, and versions of Python and packages."""

import dataclasses
import importlib.metadata
import platform
from typing import Any

from jax.sharding import Mesh

# The packages that decide how a training step rounds, and all packages that are recorded.
_DECISIVE = ("jax", "jaxlib", "flax", "optax")
_PACKAGES = ("jaxae", *_DECISIVE, "orbax-checkpoint", "numpy")


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of Python and of some installed packages."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


@dataclasses.dataclass(frozen=True)
class Environment:
    """The devices and versions that compute a run. With others, a resumed run rounds differently.

    Attributes:
      platform: platform of the devices, such as "cpu".
      kind: model of the devices, as JAX names it.
      count: number of devices that share a batch, over all processes; None if it was not recorded.
      versions: versions of Python and of packages, by name.
    """

    platform: str
    kind: str
    count: int | None
    versions: dict[str, str]

    @classmethod
    def of(cls, mesh: Mesh) -> "Environment":
        """Describe this installation and the devices of a mesh."""
        device = mesh.local_devices[0]
        return cls(device.platform, device.device_kind, mesh.size, versions_of(_PACKAGES))

    @classmethod
    def parse(cls, sections: Any) -> "Environment":
        """Make an environment from the sections `device` and `versions` of a config.json.

        Raises:
          ValueError: a value has another type. If the form is wrong, LookupError, TypeError or
            AttributeError.
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
        """List the differences that may change results, each as "name old → new"."""
        return [
            f"{name} {old} → {new}"
            for name, (old, new) in {
                **{name: (self.versions.get(name), now.versions.get(name)) for name in _DECISIVE},
                "device": (self.kind, now.kind),
                "number of devices": (self.count, now.count),
            }.items()
            if old is not None and new != old
        ]
