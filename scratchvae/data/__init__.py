"""Data: where the examples x come from. Everything ends as a `Dataset`, images as stored and batches (B, D) in [0, 1].

    sources        load("glyphs" | "mnist" | "fashion-mnist" | a path) -> Dataset
    dataset        Dataset: images, labels, factors; batch, subset, split
    binarization   binarize(x, rng): grey values as probabilities, drawn anew at each visit

    glyphs         glyphs(n): characters warped by known factors; draw_glyphs(factors) draws any you ask for
    bars           bars(n): images of bars; bars_law() lists all there are with their probabilities
    typefaces      the characters and fonts behind them, as signed distance fields
    idx            read_idx(path): the format of MNIST, plain or gzipped
    numpy_files    read_arrays(path): images from .npy and .npz
    array_files    read_named_arrays(path): whatever arrays a .npz or .safetensors holds
    images         read_png_folder(folder): PNG files, or a sub-folder of them for each class
    layouts        channels_first: which axis of a file's array is what
    streams        files read no further than their headers promise

Bad input of any kind is an `InputError` that names the file or the argument.
"""

from scratchvae.data.array_files import read_named_arrays
from scratchvae.data.bars import bars, bars_law
from scratchvae.data.binarization import binarize
from scratchvae.data.dataset import Dataset
from scratchvae.data.glyphs import FACTORS, draw_glyphs, glyphs
from scratchvae.data.idx import read_idx
from scratchvae.data.images import read_png_folder
from scratchvae.data.numpy_files import read_arrays
from scratchvae.data.sources import NAMES, SOURCES, load
from scratchvae.data.typefaces import CHARACTERS, FONTS

__all__ = [
    "CHARACTERS",
    "FACTORS",
    "FONTS",
    "NAMES",
    "SOURCES",
    "Dataset",
    "bars",
    "bars_law",
    "binarize",
    "draw_glyphs",
    "glyphs",
    "load",
    "read_arrays",
    "read_idx",
    "read_named_arrays",
    "read_png_folder",
]
