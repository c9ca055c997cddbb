"""Optical flow between frames: backward flow, warp, reliability. OpenCV's BGR stays inside."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.images import Frame

Flow = NDArray[np.float32]
Mask = NDArray[np.float32]
Picture = NDArray[np.float32]


def optical_flow(frame: Frame, other: Frame) -> Flow:
    """Dense flow from `frame` to `other`: what is at p in `frame` is at p + flow[p] in `other`.

    Frames are uint8 `(H, W, 3)`, RGB, the flow is `(H, W, 2)` = (dx, dy) in pixels. With `other`
    the frame before, it is the backward flow. The method is DIS: Kroeger et al., "Fast Optical
    Flow using Dense Inverse Search" (ECCV 2016), as OpenCV has it.
    """
    gray, other_gray = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame, other))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    initial = np.zeros((*gray.shape, 2), np.float32)
    return np.asarray(dis.calc(gray, other_gray, initial), np.float32)


def warp(picture: Picture, flow: Flow) -> Picture:
    """`picture` `(H, W)` or `(H, W, C)` pulled along the backward flow; edges are repeated.

    Lanczos: bilinear sampling would blur the picture a little more in each frame of a shot.
    """
    x, y = sources(flow)
    warped = cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def reliability(backward: Flow, forward: Flow) -> Mask:
    """Where the warp along `backward` can be trusted: float32 `(H, W)`, 1 = yes, 0 = no.

    `forward` is the flow of the other direction. Ruder, Dosovitskiy and Brox, "Artistic Style
    Transfer for Videos" (GCPR 2016), section 4.3: forward and backward flow have to agree, and
    motion boundaries do not count; nor, here, does what comes from outside the frame.
    """
    height, width = backward.shape[:2]
    x, y = sources(backward)
    # Half a pixel of tolerance is the pixel's own area: noise in the flow of a still is within.
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    there: Flow = np.asarray(
        cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    length = _squared(backward)
    disagree = _squared(backward + there) > 0.01 * (length + _squared(there)) + 0.5
    gradients = [g for part in (0, 1) for g in np.gradient(backward[..., part])]
    boundary = _squared(np.stack(gradients, axis=-1)) > 0.01 * length + 0.002
    return np.asarray(inside & ~disagree & ~boundary, np.float32)


def feather(mask: Mask) -> Mask:
    """The mask with its trusted areas drawn in by a pixel and soft edges, still 0..1.

    Our departure from Ruder et al.: a hard edge leaves specks and seams around moving things.
    """
    drawn_in = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(drawn_in, (0, 0), 1.0), np.float32)


def sources(flow: Flow) -> tuple[Mask, Mask]:
    """The x and y, each `(H, W)`, that each pixel is pulled from."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _squared(vectors: Flow) -> Mask:
    return np.asarray((vectors * vectors).sum(axis=-1), np.float32)
