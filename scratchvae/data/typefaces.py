"""The characters of the glyphs and the typefaces they are drawn from, each drawn once as a signed distance field."""

import functools
import math
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion, distance_transform_edt

from scratchvae.arrays import Array

CHARACTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"),
)  # files that Matplotlib ships, all of which have all of the characters

FRAME = 28.0  # lengths are in units of which the picture has 28 to a side: pixels, when it is 28 x 28
LETTER = 20.0  # a capital H is this high, and no glyph is higher or wider (MNIST's digits fill a box of 20 as well)
FIELD = 24.0  # a field's side: the letter and a margin around it
SAMPLES = 60  # samples along that side
POINTS = 128  # size at which a font is drawn before it is brought to the field's resolution


@functools.cache
def distance_field(character: int, font: int) -> Array:
    """Signed distance to the outline of one glyph, positive inside, (60, 60) float32 in units of 1/28 picture.

    The glyph's bounding box is centred; sample (i, j) lies at the centre of its square of the field. Read-only.
    Where the outline passes, a sample's coverage c says how far inside its centre lies: s = c − 1/2. Elsewhere the distance is
    ±(distance to the nearest such sample) + its s, after Gustavson and Strand (2011), "Anti-aliased Euclidean distance
    transform".
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
    """How much of each square of the field the glyph covers, (60, 60) in 0..1."""
    typeface = _typeface(font)
    left, top, right, bottom = typeface.getbbox(character)
    highest, lowest = typeface.getbbox("H")[1::2]
    half = FIELD / 2 * max(right - left, bottom - top, lowest - highest) / LETTER
    x, y = math.ceil(half - (left + right) / 2), math.ceil(half - (top + bottom) / 2)
    canvas = Image.new("L", (math.ceil(2 * half) + 1,) * 2)
    ImageDraw.Draw(canvas).text((x, y), character, fill=255, font=typeface)
    middle_x, middle_y = x + (left + right) / 2, y + (top + bottom) / 2
    box = (middle_x - half, middle_y - half, middle_x + half, middle_y + half)
    return np.asarray(canvas.resize((SAMPLES, SAMPLES), Image.Resampling.BOX, box)) / 255.0


@functools.cache
def _typeface(font: str) -> ImageFont.FreeTypeFont:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    return ImageFont.truetype(str(path), POINTS, layout_engine=ImageFont.Layout.BASIC)
