"""Scores of stylized frames: stability, style, naked areas, grain; see docs/evaluation.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from mnst_video.media.images import Frame
from mnst_video.method.crossfade import Grams
from mnst_video.method.sigma import Calibration
from mnst_video.method.vgg import VGG19
from mnst_video.painting.flow import Flow, Mask, Picture, sources
from mnst_video.painting.frame import to_image

Array = NDArray[np.float64]

# Of the network's view of naked areas, in pixels: the picture's width, a tile's side, the step.
TILES_WIDTH, TILE, STRIDE = 320, 32, 16
# Deeper layers see beyond a tile.
TILE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1")
# The least residual of a lag over the greatest, above which no shift stands out.
DISTINCT = 0.75
# The share of a requested jump that the mix has to go in all.
LEAST_WAY = 0.75
# A tile is naked below such a share of the frame's median improvement; the second one counts.
NAKED = (1 / 3, 1 / 2, 2 / 3)


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


def warping_error(frame: Frame, earlier: Frame, flow: Flow, trust: Mask) -> float:
    """Sum of M * (O_t - W(O_s))^2 over 3 * sum of M, pixels in 0..1; NaN where M is 0 everywhere.

    Lai et al., "Learning Blind Video Temporal Consistency" (ECCV 2018), section 4.2.
    """
    difference = (frame.astype(np.float32) - pull(earlier.astype(np.float32), flow)) / 255.0
    weight = 3.0 * float(trust.sum(dtype=np.float64))
    if weight == 0.0:
        return math.nan
    return float((trust[..., None] * difference**2).sum(dtype=np.float64)) / weight


@dataclass(frozen=True)
class StyleScores:
    """How much style a frame has, against the target at its own mix.

    rho: style loss over that of its content; 0 is the target. ri1, ri2: relative improvements.
    mix: where its Grams stand on the line from style 2 (0) to style 1 (1).
    """

    rho: float
    ri1: float
    ri2: float
    mix: float

    @classmethod
    def of(cls, content: Calibration, frame: Calibration, w: float) -> "StyleScores":
        """From what `calibrate` measures of a content frame and of the stylized one, at mix w.

        With D_i = G - G_i the place on the line is <G - G2, G1 - G2> / |G1 - G2|^2, and
        G1 - G2 = D2 - D1. Products are weighted over the layers as in the style loss.
        """
        ri1, ri2 = content.improvements(frame)
        apart = frame.style1 + frame.style2 - 2.0 * frame.cross
        return cls(
            rho=frame.style(w) / content.style(w),
            ri1=ri1,
            ri2=ri2,
            mix=(frame.style2 - frame.cross) / apart if apart > 0.0 else math.nan,
        )


def lag(requested: Sequence[float], measured: Sequence[float], longest: int) -> float:
    """By how many frames the measured mix follows the requested one; NaN where that is not known.

    The shift, 0 to `longest` or a third of the frames, with the least root mean square residual of
    an affine fit of the measured mix to the shifted request, all over the same frames. It is not
    known where the request rests, and where it moves so steadily that all shifts fit nearly alike:
    a straight line that is late is a straight line that is lower.
    """
    wanted, found = np.asarray(requested, np.float64), np.asarray(measured, np.float64)
    longest = min(longest, len(wanted) // 3)
    if longest < 1 or np.ptp(wanted) < 1e-3:
        return math.nan
    residuals = []
    for shift in range(longest + 1):
        x = wanted[longest - shift : len(wanted) - shift]
        design = np.stack([x, np.ones_like(x)], axis=1)
        fit, *_ = np.linalg.lstsq(design, found[longest:])
        residuals.append(float(np.sqrt(np.square(found[longest:] - design @ fit).mean())))
    best = int(np.argmin(residuals))
    told = best < longest and residuals[best] <= DISTINCT * max(residuals)
    return float(best) if told else math.nan


def jumps(
    requested: Sequence[float], measured: Sequence[float], least: float = 0.25
) -> list[tuple[int, int | None]]:
    """Frames at which the request jumps by `least` or more, and how many it then takes.

    A jump is a step from a request that is held afterwards. It has arrived when the measured mix
    has gone 90 % of its way from the frame before to where it stands at the end of the hold; None
    where that way is less than `LEAST_WAY` of the step. As with a lag, a paler style is no delay.
    """
    found: list[tuple[int, int | None]] = []
    for t in range(1, len(requested)):
        step = requested[t] - requested[t - 1]
        if abs(step) < least:
            continue
        end = t
        while end + 1 < len(requested) and requested[end + 1] == requested[t]:
            end += 1
        gone = [(measured[k] - measured[t - 1]) / step for k in range(t, end + 1)]
        arrived = None
        if gone[-1] >= LEAST_WAY:
            arrived = next(k for k, share in enumerate(gone) if share >= 0.9 * gone[-1])
        found.append((t, arrived))
    return found


def tile_improvements(network: VGG19, content: Frame, frame: Frame, target: Grams) -> Array:
    """How many times closer to the target each tile is than its content: `(rows, columns)`.

    content, frame: uint8 `(h, TILES_WIDTH, 3)`, RGB. target: Grams over the picture's pixels.
    Of each layer, the mean square of the differences of the features' amplitudes, the roots of the
    Grams' diagonals; the content's over the frame's, and the geometric mean of that over layers.
    In the style loss one layer has nine tenths of the say, and a tile of a good picture is hardly
    closer than its content: amplitudes tell painted tiles from bare ones better.
    """
    before, after = (_tile_losses(network, picture, target) for picture in (content, frame))
    return np.asarray(np.exp(np.log((before + 1e-6) / (after + 1e-6)).mean(axis=0)), np.float64)


def _tile_losses(network: VGG19, picture: Frame, target: Grams) -> Array:
    """Of each layer and tile: `(layers, rows, columns)`."""
    image = to_image(picture, network.device)
    with torch.no_grad():
        features = network(image, TILE_LAYERS)
    losses = []
    for depth, layer in enumerate(TILE_LAYERS):
        squares = features[layer].float().square()
        # Over a tile's own pixels, of which a feature has one for 2^depth x 2^depth.
        means = F.avg_pool2d(squares, TILE >> depth, STRIDE >> depth) / 4**depth
        wanted = target[layer].diagonal().clamp(min=0.0).sqrt()[None, :, None, None]
        losses.append((means.sqrt() - wanted).square().mean(dim=1)[0].double().cpu().numpy())
    # In a deeper layer, whose size is rounded down, a row may be missing.
    rows, columns = (min(loss.shape[axis] for loss in losses) for axis in (0, 1))
    return np.array([loss[:rows, :columns] for loss in losses])


def naked_shares(
    improvements: Array, areas: Array, inside: NDArray[np.bool_] | None = None
) -> tuple[float, ...]:
    """The shares of the area that are naked, at each of the thresholds `NAKED`.

    improvements: of tiles. areas: what each speaks for, `tile_areas`. inside: only tiles where it
    is true count; NaN where none is. The median is always that of all tiles.
    """
    counted = areas if inside is None else areas * inside
    if counted.sum() == 0.0:
        return (math.nan,) * len(NAKED)
    limits = np.multiply(NAKED, np.median(improvements))
    return tuple(
        float((counted * (improvements < limit)).sum() / counted.sum()) for limit in limits
    )


def tile_areas(rows: int, columns: int, width: int, height: int) -> Array:
    """The pixels nearest to each tile's centre: `(rows, columns)`, together the picture's."""
    return np.outer(np.diff(_edges(rows, height)), np.diff(_edges(columns, width)))


def tile_means(mask: Array, rows: int, columns: int) -> Array:
    """The mean of a mask `(h, TILES_WIDTH)` over the pixels nearest to each tile's centre."""
    height, width = mask.shape
    starts = [_edges(rows, height)[:-1], _edges(columns, width)[:-1]]
    sums = np.add.reduceat(np.add.reduceat(mask, starts[0], 0), starts[1], 1)
    return np.asarray(sums / tile_areas(rows, columns, width, height), np.float64)


def _edges(tiles: int, length: int) -> NDArray[np.int64]:
    """Where the area of each tile along one side begins, and where the last one ends."""
    between = TILE // 2 + STRIDE // 2 + STRIDE * np.arange(tiles - 1)
    return np.concatenate([[0], between, [length]]).astype(np.int64)


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
