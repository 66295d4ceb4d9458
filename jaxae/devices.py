"""Choose the device to compute on."""

from typing import Literal

import jax

Device = Literal["auto", "cpu", "gpu", "tpu"]


def find_device(kind: Device = "auto") -> jax.Device:
    """Return the first device of a kind; `auto` is the one that JAX prefers.

    Raises:
      ValueError: there is none of that kind; the text lists what there is.
    """
    if kind == "auto":
        return jax.devices()[0]
    try:
        return jax.devices(kind)[0]
    except RuntimeError as error:
        there = sorted({device.platform for device in [*jax.devices(), *jax.devices("cpu")]})
        raise ValueError(
            f"device {kind!r} is not here; JAX finds {', '.join(there)} "
            "(the extras jaxae[cuda] and jaxae[tpu] install support for those)"
        ) from error
