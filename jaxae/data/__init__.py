"""Data sets of labelled images: the bundled MNIST, folders of files, TensorFlow Datasets."""

from jaxae._utils.npy import ArrayFile, prefix_errors, write_array
from jaxae.data.dataset import Dataset, Images, Split
from jaxae.data.load import load_dataset, names_folder
from jaxae.data.ondisk import NpyImages
from jaxae.data.prefetch import stream

__all__ = [
    "ArrayFile",
    "Dataset",
    "Images",
    "NpyImages",
    "Split",
    "load_dataset",
    "names_folder",
    "prefix_errors",
    "stream",
    "write_array",
]
