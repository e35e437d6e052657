"""The characters of the glyphs and their typefaces, each drawn once as a signed distance field."""

import functools
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion, distance_transform_edt

from scratchvae.arrays import Array

CHARACTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
FONTS = (
    *(
        "DejaVuSans",
        "DejaVuSans-Bold",
        "DejaVuSans-Oblique",
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
    ),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"),
)  # Matplotlib ships these files, and every one of them has all of the characters

FRAME = 28.0  # lengths are in units of which the picture has 28 to a side: pixels, when it is 28 x 28
LETTER = 20.0  # the longer side of a capital's ink, and the most of any (MNIST's digits fill such a box too)
FIELD = 28.0  # a field's side: the ink, and a margin for strokes that grow and edges that small pictures blur
SAMPLES = 70  # samples along that side
POINTS = 128  # size at which a font is drawn before it is brought to the field's resolution


@functools.cache
def distance_field(character: int, font: int) -> Array:
    """Return the signed distance to the outline of one glyph, positive inside, (70, 70) float32.

    The unit is 1/28 of the picture's side. The font is enlarged until its capital H is 20 units high. A glyph
    whose ink is then higher or wider than 20 units is made smaller, its proportions kept, until the longer
    side is 20. So the longer side of every capital's ink is 20: its height, or its width where the capital is
    wider than high. The middle of the ink's bounding box is the middle of the field, and sample (i, j) lies
    at the centre of its square of the field. The array is read-only.

    Where the outline passes, a sample's coverage c says how far inside its centre lies: s = c − 1/2.
    Elsewhere the distance is ±(the distance to the nearest such sample) + that sample's s. Source: Gustavson
    and Strand (2011), "Anti-aliased Euclidean distance transform".
    """
    coverage = _coverage(CHARACTERS[character], FONTS[font])
    inside = coverage >= 0.5
    touched = coverage > 0
    edge = (touched & (coverage < 1)) | (inside & ~binary_erosion(touched))
    distance, (row, column) = distance_transform_edt(~edge, return_indices=True)
    signed = np.where(inside, distance, -distance) + coverage[row, column] - 0.5
    field = (signed * (FIELD / SAMPLES)).astype(np.float32)
    field.flags.writeable = False
    return field


def _coverage(character: str, font: str) -> Array:
    """Return how much of each square of the field the glyph covers, (70, 70) in 0..1."""
    canvas = _drawn(character, font)
    left, top, right, bottom = _ink_box(canvas)
    half = FIELD / 2 * max(right - left, bottom - top, _capital_height(font)) / LETTER
    x, y = (left + right) / 2, (top + bottom) / 2
    box = (x - half, y - half, x + half, y + half)
    return np.asarray(canvas.resize((SAMPLES, SAMPLES), Image.Resampling.BOX, box)) / 255.0


def _drawn(character: str, font: str) -> Image.Image:
    """Draw one character in white on black, near the middle of a picture that has room for the widest one."""
    canvas, middle = Image.new("L", (3 * POINTS, 3 * POINTS)), (1.5 * POINTS, 1.5 * POINTS)
    ImageDraw.Draw(canvas).text(middle, character, fill=255, font=_typeface(font), anchor="mm")
    return canvas


def _ink_box(canvas: Image.Image) -> tuple[float, float, float, float]:
    """Return where the ink begins and ends: left, top, right, bottom, in fractions of pixels.

    In the outermost row or column that the ink touches, the fraction is the largest coverage there. It is
    exact where the ink ends in a straight edge along the row, as that of an H does, and short by less than a
    pixel where the ink ends in a tip.
    """
    ink = np.asarray(canvas)
    ends = []
    for reach in (ink.max(axis=0) / 255.0, ink.max(axis=1) / 255.0):
        first, *_, last = np.flatnonzero(reach)
        ends.append((first + 1 - reach[first], last + reach[last]))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


@functools.cache
def _capital_height(font: str) -> float:
    """Return the height of the ink of a capital H in pixels, as `_drawn` draws it."""
    _, top, _, bottom = _ink_box(_drawn("H", font))
    return bottom - top


@functools.cache
def _typeface(font: str) -> ImageFont.FreeTypeFont:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    return ImageFont.truetype(str(path), POINTS, layout_engine=ImageFont.Layout.BASIC)
