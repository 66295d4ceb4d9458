"""Data sets of labelled images: the bundled MNIST, folders of files, TensorFlow Datasets."""

from jaxae._utils.npy import ArrayFile as ArrayFile
from jaxae._utils.npy import prefix_errors as prefix_errors
from jaxae._utils.npy import write_array as write_array
from jaxae.data.dataset import Dataset as Dataset
from jaxae.data.dataset import Images as Images
from jaxae.data.dataset import Split as Split
from jaxae.data.holdout import hold_out as hold_out
from jaxae.data.load import load_dataset as load_dataset
from jaxae.data.load import names_folder as names_folder
from jaxae.data.ondisk import NpyImages as NpyImages
from jaxae.data.prefetch import stream as stream
from jaxae.data.rows import take_rows as take_rows
