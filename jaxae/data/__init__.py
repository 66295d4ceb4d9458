"""Data sets of labelled images: the bundled MNIST, a folder of IDX files, or one of TFDS."""

from jaxae.data.dataset import Dataset, Split
from jaxae.data.load import load_dataset

__all__ = ["Dataset", "Split", "load_dataset"]
