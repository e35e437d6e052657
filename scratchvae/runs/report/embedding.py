"""Figures, arrays of images and sounds become text within a page."""

import re
from base64 import b64encode
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import wav_bytes
from scratchvae.runs.report.page import text

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.figure import Figure

THEME = {  # colours of figures that follow the page's theme
    "#262626": "var(--ink)",
    "#ffffff": "var(--paper)",
    "#8c8c8c": "var(--faint)",
    "#0072b2": "var(--train)",
    "#d55e00": "var(--held-out)",
}
# An inch of a figure becomes so many pixels: its letters are then nearly as large as those around it.
CSS_INCH = 115
WIDEST = 900  # the width of a mosaic in pixels, at most
LARGEST = 84  # the side of an image in it in pixels, at most


def drawing(figure: "Figure", name: str, alt: str) -> str:
    """Return a figure as inline SVG, in the colours of the page's theme.

    The ids in it begin with `name`, which no other drawing has.
    """
    from matplotlib import rc_context

    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    buffer = StringIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        figure.savefig(
            buffer,
            format="svg",
            dpi=figure.dpi,
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<=base64,)[^"]+', lambda found: "".join(found[0].split()), svg)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg).replace("url(#", f"url(#{name}-")
    svg = re.sub(r"#[0-9a-f]{6}", lambda found: THEME.get(found[0], found[0]), svg)
    end = svg.index(">") + 1
    box = re.search(r'viewBox="[^"]*"', svg[:end])
    width = f'width="{figure.get_figwidth() * CSS_INCH:.0f}"'
    return f'<svg {box[0] if box else ""} {width} role="img" aria-label="{text(alt)}">{svg[end:]}'


def mosaic(images: Array, columns: int, alt: str, *, together: tuple[int, int] = (1, 1)) -> str:
    """Return images (N, H, W, 3) of bytes, row after row, as one PNG in which the page shows between them.

    `together` says how many rows, and how many columns, stand close to each other; wider gaps follow them.
    """
    from PIL import Image

    N, H, W, _ = images.shape
    rows = -(-N // columns)
    scale = max(1, min(LARGEST // max(H, W), WIDEST // (W * columns)))
    tops, lefts = (
        _starts(n, size * scale, several)
        for n, size, several in ((rows, H, together[0]), (columns, W, together[1]))
    )
    picture = np.zeros((tops[-1] + H * scale, lefts[-1] + W * scale, 4), np.uint8)
    for k, image in enumerate(images):
        top, left = tops[k // columns], lefts[k % columns]
        cell = picture[top : top + H * scale, left : left + W * scale]
        cell[..., :3], cell[..., 3] = image.repeat(scale, axis=0).repeat(scale, axis=1), 255
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    height, width = picture.shape[:2]
    source = _uri("image/png", buffer.getvalue())
    return f'<img src="{source}" width="{width}" height="{height}" alt="{text(alt)}">'


def sound(samples: Array, rate: int, label: str) -> str:
    """Return a player of samples (T,), which are scaled so that the largest is 1."""
    loudest = max(float(np.abs(samples).max(initial=0)), 1e-9)
    source = _uri("audio/wav", wav_bytes(samples / loudest, rate))
    return f'<audio controls preload="metadata" src="{source}" aria-label="{text(label)}"></audio>'


def _starts(n: int, size: int, together: int) -> list[int]:
    """Return where n cells begin, with a narrow gap after each and a wider one after every few."""
    narrow = 1 if together > 1 else max(2, size // 24)
    return [k * (size + narrow) + k // together * (8 if together > 1 else 0) for k in range(n)]


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
