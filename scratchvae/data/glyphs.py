"""glyphs: digits and letters in many typefaces, warped by known factors, which need no download."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_finite, require_shapes
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room_to_draw
from scratchvae.data.typefaces import CHARACTERS, FIELD, FONTS, FRAME, SAMPLES, distance_field

# name: values are uniform from the first number up to the second; a unit is 1/28 of a picture's side
FACTORS = {
    "character": (0, len(CHARACTERS)),  # index into CHARACTERS, the label
    "font": (0, len(FONTS)),  # index into FONTS
    "rotation": (-15.0, 15.0),  # degrees, counterclockwise
    "scale": (0.75, 1.05),  # 1: the longer side of a capital's ink is 20 units, of other ink at most that
    "shear": (-0.2, 0.2),  # tangent of the slant to the right
    "x": (-2.0, 2.0),  # units to the right of the picture's middle, where the middle of the ink's box lies
    "y": (-2.0, 2.0),  # units below the picture's middle
    "weight": (0.0, 1.4),  # units added to each stroke's thickness, and so to the ink's height and width
}
NUMERALS = {"font": (0, sum(font.startswith("DejaVu") for font in FONTS)), "x": (0, 0), "y": (0, 0)}
SMALLEST = 8  # pixels a side
DRAWN_AT_ONCE = 32  # images whose intermediate arrays fit the processor's cache together
OF_A_PIXEL_DRAWN = 64  # bytes of those arrays


def glyphs(
    n: int = 20_000,
    *,
    characters: Sequence[str] = CHARACTERS,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    seed: int | np.random.SeedSequence = 0,
    size: int = 28,
) -> Dataset:
    """Draw n glyphs of independent uniform FACTORS: images (n, 1, size, size) uint8, labelled by character.

    `characters` are those to draw, and labels are indices into them. `ranges` replaces the range of any
    factor but the character, so that {"x": (0, 0)} keeps x at 0. The same seed gives the same bytes. Row i of
    the uniform draws (n, 8) makes image i, so that the first m of n images are those of glyphs(m).
    """
    require_count("glyphs", "n", n)
    _require_size("glyphs", n, size)
    if not isinstance(seed, np.random.SeedSequence) and seed < 0:
        raise InputError(f"glyphs: seed should not be negative, found {seed}")
    if not characters or set(characters) - set(CHARACTERS):
        raise InputError(
            f"glyphs: characters should be some of {''.join(CHARACTERS)}, found {''.join(characters)!r}"
        )
    if unknown := (ranges or {}).keys() - (FACTORS.keys() - {"character"}):
        raise InputError(
            f"glyphs: ranges should be of {', '.join(FACTORS.keys() - {'character'})}; found {min(unknown)!r}"
        )
    uniform = np.random.default_rng(seed).random((n, len(FACTORS)))
    chosen = {**FACTORS, **(ranges or {}), "character": (0, len(characters))}
    factors = {
        name: low + (high - low) * uniform[:, k] for k, (name, (low, high)) in enumerate(chosen.items())
    }
    labels, factors["font"] = factors["character"].astype(np.intp), factors["font"].astype(np.intp)
    factors["character"] = np.array([CHARACTERS.index(character) for character in characters])[labels]
    return Dataset(
        "glyphs", draw_glyphs(factors, size=size), labels, tuple(characters), factors, kind="pixels"
    )


def numerals(n: int = 20_000, *, seed: int | np.random.SeedSequence = 0, size: int = 28) -> Dataset:
    """Draw n glyphs that are easy to learn: ten digits in the ten typefaces of DejaVu, each in the middle.

    A small model draws convincing ones after a minute of training, while all 62 characters of all typefaces
    take it longer.
    """
    drawn = glyphs(n, characters=CHARACTERS[:10], ranges=NUMERALS, seed=seed, size=size)
    return replace(drawn, name="numerals")


def draw_glyphs(factors: Mapping[str, Array], *, size: int = 28) -> Array:
    """Draw the images (n, 1, size, size) uint8 of n rows of FACTORS, each given as (n,).

    Values may lie a little beyond their range. A point q of the upright glyph is drawn at p = scale ·
    R(rotation) · S(shear) · q + (x, y). Here q is measured from the middle of the upright ink's bounding box,
    p from the middle of the picture, both in units of 1/28 of the picture's side. `distance_field` says how
    large the upright glyph is. A pixel looks up the signed distance d(q) at its own q, bilinearly, and is
    covered by clip(1/2 + (scale · d(q) + weight / 2) / pixel, 0, 1), the area that a straight edge at that
    distance leaves it.
    """
    _require_factors(factors)
    n = len(factors["character"])
    _require_size("draw_glyphs", n, size)
    drawn, field_of_image = np.unique(
        factors["character"] * len(FONTS) + factors["font"], return_inverse=True
    )
    fields = np.stack([distance_field(*divmod(int(p), len(FONTS))) for p in drawn])
    images = np.empty((n, 1, size, size), np.uint8)
    for start in range(0, n, DRAWN_AT_ONCE):
        rows = slice(start, start + DRAWN_AT_ONCE)
        warp = {name: factors[name][rows, None, None] for name in FACTORS}
        horizontal, vertical = _looked_up_at(warp, size)
        distance = _bilinear(fields, field_of_image[rows], vertical, horizontal)
        distance *= warp["scale"].astype(np.float32)
        distance += (warp["weight"] / 2).astype(np.float32)
        coverage = np.clip(0.5 + distance * np.float32(size / FRAME), 0, 1)
        images[rows, 0] = np.rint(255 * coverage)
    return images


def _require_size(where: str, n: int, size: int) -> None:
    """InputError unless n pictures of size x size pixels have room.

    The arrays from which DRAWN_AT_ONCE pictures are computed are counted too.
    """
    require_count(where, "size", size, SMALLEST)
    require_room_to_draw(
        where, n, size**2 + 8 * len(FACTORS), min(n, DRAWN_AT_ONCE) * size**2 * OF_A_PIXEL_DRAWN
    )


def _require_factors(factors: Mapping[str, Array]) -> None:
    if missing := FACTORS.keys() - factors.keys():
        raise InputError(
            f"draw_glyphs: factors should hold {', '.join(FACTORS)}; missing: {', '.join(sorted(missing))}"
        )
    require_shapes("draw_glyphs", **{name: (factors[name], "n") for name in FACTORS})
    for name in FACTORS:
        require_finite("draw_glyphs", name, factors[name])
    if len(factors["character"]) == 0 or np.min(factors["scale"]) <= 0:
        raise InputError(
            "draw_glyphs: factors should describe at least one glyph, and no scale should be 0 or less"
        )
    for name, kinds in (("character", CHARACTERS), ("font", FONTS)):
        index = factors[name]
        if index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= len(kinds):
            raise InputError(
                f"draw_glyphs: {name} should be integers in 0..{len(kinds) - 1}, "
                f"found {index.dtype} {index.min()}..{index.max()}"
            )


def _looked_up_at(warp: Mapping[str, Array], size: int) -> tuple[Array, Array]:
    """Return where in its field, in samples, each pixel looks: q = S⁻¹ R⁻¹ (p − (x, y)) / scale.

    The horizontal and the vertical positions are (B, size, size) float32 each.
    """
    centre = (np.arange(size) + 0.5) * (FRAME / size) - FRAME / 2
    angle, shear = np.deg2rad(warp["rotation"]), warp["shear"]
    cosine, sine = np.cos(angle) / warp["scale"], np.sin(angle) / warp["scale"]
    px, py = centre[None, None, :] - warp["x"], centre[None, :, None] - warp["y"]
    resolution, middle = SAMPLES / FIELD, (SAMPLES - 1) / 2
    across = [
        (part * resolution).astype(np.float32)
        for part in ((cosine + shear * sine) * px, (shear * cosine - sine) * py)
    ]
    down = [(part * resolution).astype(np.float32) for part in (sine * px, cosine * py)]
    return across[0] + across[1] + np.float32(middle), down[0] + down[1] + np.float32(middle)


def _bilinear(fields: Array, which: Array, vertical: Array, horizontal: Array) -> Array:
    """Interpolate fields[which] at fractional positions (B, size, size), which are clipped to the field."""
    row, column = (np.clip(position, 0, np.float32(SAMPLES - 1.001)) for position in (vertical, horizontal))
    top, left = row.astype(np.intp), column.astype(np.intp)
    row -= top.astype(np.float32)
    column -= left.astype(np.float32)
    corner = (which[:, None, None] * SAMPLES + top) * SAMPLES + left
    flat = fields.reshape(-1)
    a, b, c, d = (flat.take(corner + step, mode="clip") for step in (0, 1, SAMPLES, SAMPLES + 1))
    upper = a + column * (b - a)
    lower = c + column * (d - c)
    return upper + row * (lower - upper)
