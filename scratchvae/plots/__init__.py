"""Pictures of a model and its training: arrays in, a matplotlib Figure out.

ascent                  curves that rise towards a level none can pass
growth                  cost against size
learning_curves         bound, reconstruction and divergence, epoch after epoch
grids                   images side by side; data above their reconstructions; samples
latent_traversals       one latent walks through its range: the codes to decode, and their picture
latent_interpolations   from one code to another: the codes to decode, and their picture
latent_plane            the manifold over two latents: the codes to decode, and one big picture
latent_codes            where data go in the plane of two latents
saving                  a figure becomes a PNG file
mosaic, labels, style   many images as one array; words and numbers; sizes and colours
"""

from scratchvae.plots.ascent import ascent
from scratchvae.plots.grids import image_grid, reconstructions, samples
from scratchvae.plots.growth import growth
from scratchvae.plots.latent_codes import codes
from scratchvae.plots.latent_interpolations import interpolation_codes, interpolations
from scratchvae.plots.latent_plane import manifold, manifold_codes
from scratchvae.plots.latent_traversals import traversal_codes, traversals
from scratchvae.plots.learning_curves import curves
from scratchvae.plots.saving import save

__all__ = [
    "ascent",
    "codes",
    "curves",
    "growth",
    "image_grid",
    "interpolation_codes",
    "interpolations",
    "manifold",
    "manifold_codes",
    "reconstructions",
    "samples",
    "save",
    "traversal_codes",
    "traversals",
]
