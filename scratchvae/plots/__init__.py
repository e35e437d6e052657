"""Pictures of a model and its training: each function takes arrays and returns a matplotlib Figure.

growth                  cost against size
lines                   curves with names, in panels side by side
bounds                  the held-out bounds of many runs in one picture
histograms              a column of a table, in the data and among samples
ellipses                Gaussians in the plane
learning_curves         bound, reconstruction and divergence, epoch after epoch
grids                   images side by side; data above their reconstructions; samples
classes                 a row for each class: what a conditional model makes of the same draws
latent_divergences      how much each latent tells of the data, a bar for each
latent_traversals       one latent walks through its range: the codes to decode, and their picture
latent_interpolations   from one code to another: the codes to decode, and their picture
latent_plane            the manifold over two latents: the codes to decode, and one big picture
rate_distortion         error against the number of latents, and against the rate
latent_codes            the places of data in the plane of two latents
path_speeds             how evenly decoded points move from one code to another
spectrograms            sound: the levels of frequencies over time
word_lists              the words that each latent makes likelier
saving                  a figure becomes a PNG file
mosaic, labels, style   many images as one array; words and numbers; sizes and colours
"""

from scratchvae.plots.bounds import bounds
from scratchvae.plots.classes import classes
from scratchvae.plots.ellipses import ellipses
from scratchvae.plots.grids import image_grid, reconstructions, samples
from scratchvae.plots.growth import growth
from scratchvae.plots.histograms import histogram, histograms
from scratchvae.plots.labels import latent_name
from scratchvae.plots.latent_codes import codes
from scratchvae.plots.latent_divergences import latent_divergences
from scratchvae.plots.latent_interpolations import interpolation_codes, interpolations
from scratchvae.plots.latent_plane import manifold, manifold_codes
from scratchvae.plots.latent_traversals import traversal_codes, traversals
from scratchvae.plots.learning_curves import TERM_TITLES, curves
from scratchvae.plots.lines import lines
from scratchvae.plots.mosaic import pixels
from scratchvae.plots.path_speeds import path_speeds
from scratchvae.plots.rate_distortion import rate_distortion
from scratchvae.plots.saving import save
from scratchvae.plots.spectrograms import spectrograms
from scratchvae.plots.style import CLASS_COLOURS
from scratchvae.plots.word_lists import word_lists

__all__ = [
    "CLASS_COLOURS",
    "TERM_TITLES",
    "bounds",
    "classes",
    "codes",
    "curves",
    "ellipses",
    "growth",
    "histogram",
    "histograms",
    "image_grid",
    "interpolation_codes",
    "interpolations",
    "latent_divergences",
    "latent_name",
    "lines",
    "manifold",
    "manifold_codes",
    "path_speeds",
    "pixels",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "spectrograms",
    "traversal_codes",
    "traversals",
    "word_lists",
]
