"""How well images are reconstructed."""

import numpy as np
import numpy.typing as npt


def squared_errors(
    images: npt.NDArray[np.uint8], x_hat: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Compute the squared error of each image: Σ (x̂ − x)² over pixels, with x = pixel / 255.

    Divided by the number of pixels, it is the mean squared error per pixel, 0 to 1. Each channel of
    a colour image counts as a pixel.

    Args:
      images: uint8 of shape (n, height, width) or (n, height, width, 3).
      x_hat: the reconstructions, the same shape, values 0 to 1.

    Returns:
      Shape (n,), each from 0 to the number of an image's values.

    Raises:
      ValueError: the shapes differ.
    """
    if images.shape != x_hat.shape:
        raise ValueError(f"images of shape {images.shape}, reconstructions of {x_hat.shape}")
    errors = np.empty(len(images))
    step = 4096  # In chunks, so that the images are never all in memory as floats.
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        off = (x_hat[part].astype(np.float64) - images[part] / 255).reshape(len(images[part]), -1)
        errors[part] = np.einsum("np,np->n", off, off)
    return errors
