"""Moving pictures: frames of an animation, stacked in short windows, and scenes that need no file."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from PIL import Image, ImageSequence

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data.dataset import Dataset
from scratchvae.data.glyphs import draw_glyphs
from scratchvae.data.images import UNREADABLE, decoding, require_room_to_decode
from scratchvae.data.limits import OF_A_FRAME, require_room, require_room_to_draw
from scratchvae.data.typefaces import CHARACTERS, FONTS, FRAME, LETTER
from scratchvae.files import path_from

ANIMATIONS = ("GIF", "PNG", "WEBP")
SCALE = 0.5  # the scale of a bouncing glyph
SMALLEST = 16  # pixels a side: in smaller pictures a glyph is 5 pixels high or less, and no longer legible
WALL = FRAME / 2 - LETTER * SCALE / 2  # so far from the picture's middle the middle of the ink turns round


def read_video(path: str | PathLike[str]) -> Array:
    """Read the frames of an animated GIF, PNG or WebP in grey, (T, H, W) uint8, as they are seen over black.

    A still picture has one frame. InputError for another format, for a file that breaks off, and for frames
    that would take more bytes than reading may, where each frame counts as OF_A_FRAME at least.
    """
    path = path_from("read_video", path)
    frames: list[Array] = []
    with decoding(path, ANIMATIONS, "an animated GIF, PNG or WebP") as image:
        try:
            for frame in ImageSequence.Iterator(image):
                # a GIF's frame may be larger than the picture before it
                require_room_to_decode(frame, str(path))
                seen = frame.convert("RGBA")
                over_black = Image.alpha_composite(Image.new("RGBA", seen.size, (0, 0, 0, 255)), seen)
                frames.append(np.asarray(over_black.convert("L")))
                if frames[-1].shape != frames[0].shape:
                    raise InputError(
                        f"{path}: frames should be of one size, "
                        f"found {frames[0].shape} and {frames[-1].shape}"
                    )
                need = len(frames) * max(OF_A_FRAME, frames[0].nbytes)
                require_room(str(path), need, f"the first {len(frames):,} frames and more")
        except InputError:
            raise
        except UNREADABLE as error:
            where = f"after {len(frames)} frames " if frames else ""
            raise InputError(
                f"{path}: can't be read as an animated GIF, PNG or WebP {where}({error!s:.200})"
            ) from None
    return np.stack(frames)


def windows(
    video: Array, length: int = 4, *, step: int = 1, name: str = "video", kind: str = "values"
) -> Dataset:
    """Stack every `length` frames that follow each other, and keep every `step`-th stack.

      video (T, H, W)  ->  (N, length, H, W), N = ⌊(T − length) / step⌋ + 1

    The frames become channels. The stacks are views of the same memory, and the factor `time` is the index of
    their first frame. The numbers are of the `kind` that is declared, as those of a Dataset are: "pixels" for
    what read_video gives. InputError for a video that is shorter than a window.
    """
    video = np.asarray(video)
    if video.ndim != 3:
        raise InputError(f"windows: video should have shape (T, H, W), found {video.shape}")
    if length < 1 or step < 1 or len(video) < length:
        expected = f"1 to {len(video)}, the frames there are, and step at least 1"
        raise InputError(f"windows: length should be {expected}; found {length} and {step}")
    every = np.lib.stride_tricks.sliding_window_view(video, length, axis=0)[::step]
    return Dataset(name, np.moveaxis(every, 3, 1), factors={"time": np.arange(len(every)) * step}, kind=kind)


def bouncing_glyphs(
    n: int = 5_000,
    *,
    length: int = 4,
    characters: Sequence[str] = CHARACTERS,
    speed: tuple[float, float] = (1.0, 3.0),
    size: int = 28,
    seed: int | np.random.SeedSequence = 0,
) -> Dataset:
    """Draw n short scenes (n, length, size, size) uint8 of a glyph that flies straight and bounces off walls.

    Labels are the index of the character. The factors are its start x and y and its velocity, speed_x to the
    right and speed_y downwards, in 1/28 of the picture's side per frame. The absolute speed is uniform in
    `speed`, and the direction and the start are uniform too. The same seed gives the same bytes, and the
    first m of n scenes are those of bouncing_glyphs(m).
    """
    for name, count, low in (("n", n, 1), ("length", length, 1), ("size", size, SMALLEST)):
        require_count("bouncing_glyphs", name, count, low)
    require_room_to_draw("bouncing_glyphs", n, length * (size**2 + 100))
    if not (np.isfinite(speed).all() and 0 <= speed[0] <= speed[1]):
        raise InputError(f"bouncing_glyphs: speed should be a range of numbers from 0 on, found {speed}")
    if not characters or set(characters) - set(CHARACTERS):
        raise InputError(
            f"bouncing_glyphs: characters should be some of {''.join(CHARACTERS)}, "
            f"found {''.join(characters)!r}"
        )
    if not isinstance(seed, np.random.SeedSequence) and seed < 0:
        raise InputError(f"bouncing_glyphs: seed should not be negative, found {seed}")
    uniform = np.random.default_rng(seed).random((n, 6))
    labels = (uniform[:, 0] * len(characters)).astype(np.intp)
    direction, pace = 2 * np.pi * uniform[:, 4], speed[0] + (speed[1] - speed[0]) * uniform[:, 5]
    start = WALL * (2 * uniform[:, 2:4] - 1)
    velocity = pace[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    place = _reflected(start[:, None] + velocity[:, None] * np.arange(length)[:, None])  # (n, length, 2)
    still = {"rotation": 0.0, "scale": SCALE, "shear": 0.0, "weight": 0.0}
    factors = {name: np.full(n * length, value) for name, value in still.items()}
    factors["character"] = np.array([CHARACTERS.index(character) for character in characters])[labels].repeat(
        length
    )
    factors["font"] = (uniform[:, 1] * len(FONTS)).astype(np.intp).repeat(length)
    factors["x"], factors["y"] = place.reshape(-1, 2).T
    images = draw_glyphs(factors, size=size).reshape(n, length, size, size)
    moving = {"x": start[:, 0], "y": start[:, 1], "speed_x": velocity[:, 0], "speed_y": velocity[:, 1]}
    return Dataset("bouncing-glyphs", images, labels, tuple(characters), moving, kind="pixels")


def _reflected(place: Array) -> Array:
    """Return where a straight flight to `place` ends between walls at ±WALL.

    The line is folded at the walls: a flight there and back is 4 WALL long.
    """
    return np.abs((place - WALL) % (4 * WALL) - 2 * WALL) - WALL
