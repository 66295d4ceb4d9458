"""A data set as embedded by a model, the plane to show it in, and decoded tiles."""

import dataclasses
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jaxae.analysis.estimates import UndefinedError
from jaxae.analysis.gaps import distance_to_nearest, gap_radius
from jaxae.data import Dataset, take_rows
from jaxae.latent import Box, Plane, decode, encode, fitted_box, grid_points, pca_plane
from jaxae.models import AutoencoderLike


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A data set as embedded by a model; each property is computed on first access.

    Attributes:
      model: the autoencoder.
      dataset: the data set.
    """

    model: AutoencoderLike
    dataset: Dataset

    @cached_property
    def z_train(self) -> npt.NDArray[np.float32]:
        """Embeddings of the training images, shape (n, latent_dim)."""
        return encode(self.model, self.dataset.train.images)

    @cached_property
    def z_test(self) -> npt.NDArray[np.float32]:
        """Embeddings of the test images, shape (m, latent_dim)."""
        return encode(self.model, self.dataset.test.images)

    @cached_property
    def z(self) -> npt.NDArray[np.float32]:
        """Embeddings of all images, training images first, shape (n + m, latent_dim)."""
        return np.concatenate([self.z_train, self.z_test])

    @cached_property
    def labels(self) -> npt.NDArray[np.integer]:
        """Labels of all images, shape (n + m,)."""
        return np.concatenate([self.dataset.train.labels, self.dataset.test.labels])

    @cached_property
    def plane(self) -> Plane:
        """The plane that figures show."""
        return pca_plane(self.z)

    @cached_property
    def points(self) -> npt.NDArray[np.floating]:
        """Coordinates of all images in the plane, shape (n + m, 2) or (n + m, 1)."""
        return self.plane.project(self.z)

    @cached_property
    def percentile_box(self) -> Box:
        """The box from the 1st to the 99th percentile of the cloud along each axis.

        Raises:
          UndefinedError: the two are equal along x, so the box has no width.
        """
        box = fitted_box(self.points)
        if box.x_min == box.x_max:
            raise UndefinedError("the embeddings are all the same along x; their box has no width")
        return box

    def of_labels(self, labels: Sequence[int]) -> "Embedding":
        """Restrict the embedding to the images with some labels, in the same plane.

        No image is encoded again, and images on disk stay there.
        """
        splits = (self.dataset.train, self.dataset.test)
        train, test = (np.flatnonzero(np.isin(split.labels, labels)) for split in splits)
        dataset = dataclasses.replace(
            self.dataset,
            train=take_rows(self.dataset.train, train),
            test=take_rows(self.dataset.test, test),
        )
        restricted = Embedding(self.model, dataset)
        # Take the place of the cached properties.
        restricted.__dict__.update(
            z_train=self.z_train[train], z_test=self.z_test[test], plane=self.plane
        )
        return restricted

    def tiles(self, box: Box, n: int = 12) -> "Tiles":
        """Decode an n×n grid on a box, row by row; on a plane of one axis, n points."""
        points = grid_points(box, n)
        points = points[0, :, :1] if len(self.plane.axes) == 1 else points.reshape(-1, 2)
        z = self.plane.lift(points).astype(np.float32)
        distance = distance_to_nearest(z, self.z)
        return Tiles(decode(self.model, z), distance, gap_radius(box, n))


@dataclasses.dataclass(frozen=True, eq=False)
class Tiles:
    """A decoded grid.

    Attributes:
      images: shape (n · n, *model.image_shape), values 0 to 1.
      distance: distance of each tile's point to the nearest embedding, in latent units, shape
        (n · n,).
      radius: half the spacing of the grid; a tile farther than that from any embedding is in a gap.
    """

    images: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float64]
    radius: float

    @property
    def in_gap(self) -> npt.NDArray[np.bool_]:
        """Whether each tile is in a gap, shape (n · n,)."""
        return self.distance > self.radius

    @staticmethod
    def in_rows(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Reshape a value of each tile of a plane, shape (n · n, ...), to (n, n, ...)."""
        n = math.isqrt(len(values))
        return values.reshape(n, n, *values.shape[1:])
