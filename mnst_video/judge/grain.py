"""Fine detail and colours of a frame."""

import cv2
import numpy as np

from mnst_video.media.frames import Frame


def high_frequencies(frame: Frame) -> float:
    """Mean square of the luminance, 0..255, less its blur by a Gaussian of one pixel."""
    luminance = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = luminance - cv2.GaussianBlur(luminance, (0, 0), 1.0)
    return float(np.square(fine).mean(dtype=np.float64))


def colors(frame: Frame) -> tuple[float, ...]:
    """Mean and deviation of luminance, then of saturation (HSV), each 0..1."""
    luminance = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) / 255.0
    saturation = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 1] / 255.0
    return tuple(float(v) for part in (luminance, saturation) for v in (part.mean(), part.std()))
