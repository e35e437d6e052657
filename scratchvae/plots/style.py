"""The look that all pictures share: paper, ink, sizes, colours."""

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 192  # 2⁷ + 2⁶: whole numbers of pixels survive the way to inches and back
TITLE_SIZE = 9.0  # points
LABEL_SIZE = 7.0
INK = "#262626"
FAINT = "#8c8c8c"

# The colour of pixels that were not observed is no shade of grey, and is light enough beside black and white.
MISSING = "#f0c27a"

TRAIN, HELD_OUT = "#0072b2", "#d55e00"  # Okabe and Ito

# Petroff 2021, "Accessible color sequences for data visualization", and two darker ones.
CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59",
    "#e76300", "#b9ac70", "#717581", "#92dadd", "#1c2f6b", "#0f6b43",
)  # fmt: skip

# For lines, which are thin: Okabe and Ito 2008 without yellow, then the same with other dashes.
RUN_COLOURS = (TRAIN, HELD_OUT, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", INK)
RUN_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))


class Picture(Figure):
    """A matplotlib Figure that a notebook shows when it is the last value of a cell, without pyplot too."""

    def _repr_png_(self) -> bytes:
        """Return the bytes of the PNG that a notebook shows, which are those that `plots.save` writes."""
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi, metadata={"Software": None})
        return buffer.getvalue()


def blank_figure(width: float, height: float) -> Picture:
    """Return a white figure of width x height inches."""
    return Picture(figsize=(width, height), dpi=DPI, facecolor="white")


def dress(axes: Axes) -> None:
    """Give the axes two thin spines, small ticks and small letters."""
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=INK, linewidth=0.6)
    axes.tick_params(labelsize=LABEL_SIZE, color=INK, labelcolor=INK, width=0.6, length=2.5, pad=2)


def tick_locator(most: int, *, whole: bool = False) -> MaxNLocator:
    """Place about `most` ticks at multiples of 1, 2, 2.5 or 5 times a power of 10, or at `whole` numbers."""
    return MaxNLocator(
        most,
        integer=whole,
        steps=(1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10),
        min_n_ticks=1 if whole else 2,
    )
