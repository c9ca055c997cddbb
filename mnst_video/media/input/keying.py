"""Masks that are made of a picture itself: its light, all but a colour, the people in it."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from mnst_video.media.frames import Frame, resize

# A mask: uint8 `(H, W)`, 255 is white.
Levels = NDArray[np.uint8]

# MediaPipe's selfie segmentation, and the side of the pictures that it takes.
MODEL = Path(__file__).parent / "selfie" / "selfie_segmentation.tflite"
SEEN = 256
# Luminance, 0..1, over which the edge of a range is soft.
SOFT = 0.04
# The share of a key's tolerance beyond it, over which its edge is soft.
SOFT_KEY = 0.5


def luminance(frame: Frame) -> Levels:
    """0.299 R + 0.587 G + 0.114 B of the values as they are stored: no curve is undone."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def in_range(frame: Frame, low: float, high: float) -> Levels:
    """White where the luminance, 0..1, is between two values, with soft edges around them."""
    light = luminance(frame) / 255.0
    # What goes on to black or white has no edge there.
    above = 1.0 if low == 0.0 else ((light - low) / SOFT + 0.5).clip(0.0, 1.0)
    below = 1.0 if high == 1.0 else ((high - light) / SOFT + 0.5).clip(0.0, 1.0)
    return np.asarray((255.0 * above * below * np.ones_like(light)).round(), np.uint8)


def keyed(frame: Frame, color: str, tolerance: float) -> Levels:
    """Black where a picture has about a colour, such as that of a green screen.

    tolerance: the distance in CIELAB's plane of a* and b*, in which light and shade do not count.
    """
    wanted = _hues(np.array(ImageColor.getrgb(color)[:3], np.uint8).reshape(1, 1, 3))
    away = np.hypot(*np.moveaxis(_hues(frame) - wanted, -1, 0))
    return np.asarray(
        (255.0 * ((away - tolerance) / (SOFT_KEY * tolerance)).clip(0.0, 1.0)).round(), np.uint8
    )


def people(frame: Frame) -> Levels:
    """White where people are, by MediaPipe's selfie segmentation."""
    height, width = frame.shape[:2]
    seen = resize(frame, SEEN, SEEN).astype(np.float32) / 255.0
    network = _network()
    network.setInput(seen.transpose(2, 0, 1)[None].copy())
    found = network.forward()[0, 0].clip(0.0, 1.0)
    mask = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((255.0 * mask).round(), np.uint8)


@cache
def _network() -> cv2.dnn.Net:
    return cv2.dnn.readNetFromTFLite(str(MODEL))


def _hues(frame: Frame) -> NDArray[np.float32]:
    """a* and b* of each pixel."""
    lab = cv2.cvtColor(frame.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:], np.float32)
