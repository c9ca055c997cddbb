"""Scores of stylized frames: stability, style, naked areas, grain; see docs/evaluation.md."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame, Picture
from mnst_video.method.regions import Levels
from mnst_video.painting.flow import Flow, Mask, sources


def judge_flow(frame: Frame, other: Frame) -> Flow:
    """Dense flow from `frame` to `other` by Farneback's method, not the renderer's.

    Frames are uint8 `(H, W, 3)`, RGB; the result is `(H, W, 2)` in pixels. So the judge does not
    share the player's errors. Farneback, "Two-Frame Motion Estimation Based on Polynomial
    Expansion" (SCIA 2003).
    """
    gray, other_gray = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame, other))
    found = cv2.calcOpticalFlowFarneback(
        gray,
        other_gray,
        np.zeros((*gray.shape, 2), np.float32),
        pyr_scale=0.5,
        levels=5,
        winsize=15,
        iterations=5,
        poly_n=7,
        poly_sigma=1.5,
        flags=0,
    )
    return np.asarray(found, np.float32)


def pull(picture: Picture, flow: Flow, outside: float | None = None) -> Picture:
    """`picture` along the flow, bilinear; beyond the edges they are repeated, or `outside` is."""
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    moved = cv2.remap(
        picture, *sources(flow), cv2.INTER_LINEAR, borderMode=border, borderValue=outside or 0.0
    )
    return np.asarray(moved, np.float32)


def join(flow: Flow, trust: Mask, earlier: Flow, earlier_trust: Mask) -> tuple[Flow, Mask]:
    """The flow from t to s, and its mask, from those of t to r and of r to s."""
    whole = pull(earlier_trust, flow, outside=0.0) > 0.999
    return flow + pull(earlier, flow), trust * whole.astype(np.float32)


def near_boundary(now: Levels, before: Levels, reach: int) -> NDArray[np.bool_]:
    """Where a mask `(H, W)`, 0..255, is between, changes or has an edge, and within `reach` pixels.

    before: the mask of the frame before.
    """
    edges = cv2.morphologyEx(now, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    there = ((now > 0) & (now < 255)) | (now != before) | edges
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(there.astype(np.uint8), kernel) > 0)


def warping_error(frame: Frame, earlier: Frame, flow: Flow, trust: Mask) -> float:
    """Sum of M * (O_t - W(O_s))^2 over 3 * sum of M, pixels in 0..1; NaN where M is 0 everywhere.

    Lai et al., "Learning Blind Video Temporal Consistency" (ECCV 2018), section 4.2.
    """
    difference = (frame.astype(np.float32) - pull(earlier.astype(np.float32), flow)) / 255.0
    weight = 3.0 * float(trust.sum(dtype=np.float64))
    if weight == 0.0:
        return math.nan
    return float((trust[..., None] * difference**2).sum(dtype=np.float64)) / weight
