"""Frames: 8-bit RGB pictures in memory, resized, fitted and faded."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Pictures `(H, W, 3)`, RGB, 0..255: rounded to 8 bits, and not rounded yet.
Frame = NDArray[np.uint8]
Picture = NDArray[np.float32]


def fit_style(style: Frame, width: int, height: int, scale: float = 1.0) -> Frame:
    """A style image at the working size: scaled to cover it, cropped to its centre, then scaled.

    `scale` is the size of the strokes: 2 makes them, and the result, twice as large.
    """
    have_height, have_width = style.shape[:2]
    cover = max(width / have_width, height / have_height)
    crop_width = min(have_width, max(1, round(width / cover)))
    crop_height = min(have_height, max(1, round(height / cover)))
    x, y = (have_width - crop_width) // 2, (have_height - crop_height) // 2
    crop = style[y : y + crop_height, x : x + crop_width]
    return resize(crop, max(16, round(width * scale)), max(16, round(height * scale)))


def resize(frame: Frame, width: int, height: int) -> Frame:
    """The frame at another size: area averages to shrink, cubic to enlarge."""
    if frame.shape[:2] == (height, width):
        return frame
    shrinks = width <= frame.shape[1] and height <= frame.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), np.uint8)


def faded(
    footage: Frame, painting: Frame, strength: float, mask: NDArray[np.uint8] | None = None
) -> Frame:
    """Between the footage, at strength 0, and the painting, at 1; all of one size.

    mask: `(H, W)`, what of the strength each place has; None, or one of a value, is no mask.
    """
    if mask is None or (mask == mask.flat[0]).all():
        share = 1.0 if mask is None else float(mask.flat[0]) / 255.0
        share *= strength
        mixed = cv2.addWeighted(painting, share, footage, 1.0 - share, 0.0)
        return np.asarray(mixed, np.uint8)
    return np.asarray(between(footage, painting, strength, mask).round(), np.uint8)


def between(
    footage: Frame, painting: Frame | Picture, strength: float, mask: NDArray[np.uint8] | None
) -> Picture:
    """The same, not rounded."""
    shares = np.float32(strength)
    weights = shares if mask is None else (shares * (mask / np.float32(255.0)))[..., None]
    return np.asarray(footage + weights * (painting - footage.astype(np.float32)), np.float32)


def working_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height within `max_side`, never enlarged; what is scaled gets even numbers.

    At least 16 on either side: VGG-19 halves a picture four times.
    """
    scale = min(1.0, max_side / max(width, height))
    if scale == 1.0:
        return max(16, width), max(16, height)
    even = (min(2 * round(side * scale / 2), max_side // 2 * 2) for side in (width, height))
    width, height = (max(16, side) for side in even)
    return width, height
