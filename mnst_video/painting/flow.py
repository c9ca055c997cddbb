"""Optical flow between frames: backward flow, warp, reliability. OpenCV's BGR stays inside."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame, Picture

Flow = NDArray[np.float32]
Mask = NDArray[np.float32]
# A backward flow, and where it can be trusted.
Motion = tuple[Flow, Mask]

# Levels of 255, mean of the channels, by which a place may change and still be the same.
ALIKE = 10.0
# Of Ruder et al. 2016, equation 6.
BOUNDARY = 0.002
WIDE_BOUNDARY = 0.02


def follow(frame: Frame, other: Frame) -> Motion:
    """How `frame` follows from `other`, the frame before: the backward flow, and its `trust`."""
    if np.array_equal(frame, other):
        return np.zeros((*frame.shape[:2], 2), np.float32), np.ones(frame.shape[:2], np.float32)
    backward, forward = optical_flow(frame, other), optical_flow(other, frame)
    return backward, trust(frame, other, backward, forward)


def optical_flow(frame: Frame, other: Frame) -> Flow:
    """Dense flow from `frame` to `other`: what is at p in `frame` is at p + flow[p] in `other`.

    Frames are uint8 `(H, W, 3)`, RGB, the flow is `(H, W, 2)` = (dx, dy) in pixels. With `other`
    the frame before, it is the backward flow. The method is DIS: Kroeger et al., "Fast Optical
    Flow using Dense Inverse Search" (ECCV 2016), as OpenCV has it.
    """
    gray, other_gray = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame, other))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Down to single pixels, smooth where there is nothing to see: on the sample the mean error
    # against the true flow is 0.15 pixels, 0.20 with the preset alone (docs/method.md).
    dis.setFinestScale(0)
    dis.setVariationalRefinementIterations(10)
    dis.setVariationalRefinementAlpha(40.0)
    initial = np.zeros((*gray.shape, 2), np.float32)
    return np.asarray(dis.calc(gray, other_gray, initial), np.float32)


def warp(picture: Picture, flow: Flow) -> Picture:
    """`picture` `(H, W)` or `(H, W, C)` pulled along the backward flow; edges are repeated.

    Lanczos: bilinear sampling would blur the picture a little more in each frame of a shot.
    """
    x, y = sources(flow)
    warped = cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def trust(frame: Frame, other: Frame, backward: Flow, forward: Flow) -> Mask:
    """How far `other` along the backward flow is `frame`: float32 `(H, W)`, 1 = wholly, 0 = no.

    The rules of `reliability`, with ten times the tolerance for motion boundaries, that both frames
    look alike, and soft edges. The flow of dark and flat areas is all boundaries by the paper's
    tolerance; with `alike`, nearly as much is found at less than half the false alarms.
    """
    whole = reliability(backward, forward, WIDE_BOUNDARY) * alike(frame, other, backward)
    return feather(whole) * _within(backward)


def reliability(backward: Flow, forward: Flow, boundary: float = BOUNDARY) -> Mask:
    """Where the warp along `backward` can be trusted: float32 `(H, W)`, 1 = yes, 0 = no.

    `forward` is the flow of the other direction. Ruder, Dosovitskiy and Brox, "Artistic Style
    Transfer for Videos" (GCPR 2016), section 4.3: forward and backward flow have to agree, and
    motion boundaries do not count; nor, here, does what comes from outside the frame.
    boundary: the squared gradient of a flow at rest, from which on it is a motion boundary.
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
    torn = _squared(np.stack(gradients, axis=-1)) > 0.01 * length + boundary
    return np.asarray(inside & ~disagree & ~torn, np.float32)


def alike(frame: Frame, other: Frame, flow: Flow) -> Mask:
    """Where `other` along `flow` looks like `frame`: float32 `(H, W)`, 1 = yes, 0 = no.

    Our addition to the rules of Ruder et al., for what both flows agree on and is wrong: what is
    uncovered by something with a texture of its own.
    """
    pictures = (frame.astype(np.float32), warp(other.astype(np.float32), flow))
    near, there = (cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in pictures)
    change = near - there
    # What most of the picture does is the light: a fade to black uncovers nothing. The rest of it
    # may have stayed as it was.
    lit = change - np.median(change, axis=(0, 1))
    least = np.minimum(np.abs(change).mean(axis=-1), np.abs(lit).mean(axis=-1))
    return np.asarray(least < ALIKE, np.float32)


def feather(mask: Mask) -> Mask:
    """The mask with its trusted areas drawn in by a pixel and soft edges, still 0..1.

    Our departure from Ruder et al.: a hard edge leaves specks and seams around moving things.
    """
    drawn_in = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(drawn_in, (0, 0), 1.0), np.float32)


def _within(flow: Flow) -> Mask:
    """The share of each pixel's area that is pulled from within the frame.

    A slow pan brings in less than a pixel a frame: all trusted, the edge would be drawn out into
    streaks.
    """
    height, width = flow.shape[:2]
    x, y = sources(flow)
    beyond = (np.maximum(-x, x - (width - 1)), np.maximum(-y, y - (height - 1)))
    shares = [1.0 - part.clip(0.0, 1.0) for part in beyond]
    return np.asarray(shares[0] * shares[1], np.float32)


def sources(flow: Flow) -> tuple[Mask, Mask]:
    """The x and y, each `(H, W)`, that each pixel is pulled from."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _squared(vectors: Flow) -> Mask:
    return np.asarray((vectors * vectors).sum(axis=-1), np.float32)
