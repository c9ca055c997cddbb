"""Regions: a picture that is painted towards several targets at once, by masks.

The guided Gram matrices of Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer"
(CVPR 2017), section 4, and of Chan and Bhattad, "Neural Style Transfer with masks" (2016): a Gram
of each region, of the features weighted by its mask. Our departure: a target is that of a whole
style, at a mix of its own, and a mask that is soft is a blend of a few regions, see `knots`.
"""

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.method.losses import STYLE_LAYERS
from mnst_video.method.vgg import block_of

# Below this share of a picture, an area has too few places for statistics of its own.
SMALLEST = 0.003
# Of the regions between the least and the greatest value of a mask: how many there are at most, how
# far apart they are, in levels of 255, and the share of the picture that one has at least.
MOST_BETWEEN, APART, LEAST_BETWEEN = 3, 51, 0.02

# By how many pixels the mask of a region is drawn in, for each of `STYLE_LAYERS`, and what of it
# has to be left. Without, the other painting reaches 12 pixels across a boundary, so 6
# (docs/benchmarks.md).
REACH, LEFT = (1, 3, 8, 16, 24), 0.5

Levels = NDArray[np.uint8]
Shares = NDArray[np.float64]


def at_layer(mask: Tensor, layer: str) -> Tensor:
    """`mask` `(1, 1, H, W)` at the size of a layer."""
    # Averages over the squares that the network's own pools take the maximum of.
    return F.avg_pool2d(mask, 2 ** (block_of(layer) - 1))


def by_layer(mask: Tensor) -> dict[str, Tensor] | None:
    """`mask` `(1, 1, H, W)`, 0..1, at the size of each style layer; None where it is too small."""
    masks = {name: at_layer(mask, name) for name in STYLE_LAYERS}
    return masks if min(m.mean() for m in masks.values()) > SMALLEST else None


def inside(mask: Tensor) -> dict[str, Tensor] | None:
    """The same of a region: of a layer those places that see little beyond its boundary.

    Features near it see the other side, and would paint there: unlike the paper, which weighs all
    features or none (section 4.1), we draw the mask in by about as far as most of what a layer sees
    reaches. A region that would lose much is drawn in by less.
    """
    masks = {}
    for name, reach in zip(STYLE_LAYERS, REACH, strict=True):
        drawn_in = _drawn_in(mask, reach)
        while reach > 0 and drawn_in.mean() < LEFT * mask.mean():
            reach //= 2
            drawn_in = _drawn_in(mask, reach)
        masks[name] = at_layer(drawn_in, name)
    return masks if min(m.mean() for m in masks.values()) > SMALLEST else None


def _drawn_in(mask: Tensor, by: int) -> Tensor:
    """The least value within so many pixels, across and down; nothing is lost at the edges."""
    if by == 0:
        return mask
    across = F.max_pool2d(-mask, (1, 2 * by + 1), 1, (0, by))
    return -F.max_pool2d(across, (2 * by + 1, 1), 1, (by, 0))


def spectrum(mask: Levels, weights: Levels | None = None) -> Shares:
    """The share of each of the 256 levels of a mask, `(256,)`, together 1; 0 of no area.

    weights: how much each place counts, 0..255; None: all alike.
    """
    counted = None if weights is None else weights.reshape(-1)
    counts = np.bincount(mask.reshape(-1), counted, minlength=256).astype(np.float64)
    return counts / max(float(counts.sum()), 1.0)


def knots(shares: Shares) -> tuple[int, ...]:
    """The levels, increasing, of the regions that a mask of some `spectrum` is a blend of.

    The least and the greatest value that more than specks have, and a few between them where there
    is anything between them. Each place is of the two regions that are nearest to its value, so
    their Grams together cost at most twice what the picture's does, however many there are.
    """
    there = np.flatnonzero(np.cumsum(shares) > SMALLEST)
    back = np.flatnonzero(np.cumsum(shares[::-1]) > SMALLEST)
    if not len(there):
        return (int(shares.argmax()),)
    low, high = int(there[0]), 255 - int(back[0])
    if high <= low:
        return (int(shares.argmax()),)
    count = min(MOST_BETWEEN, (high - low) // APART - 1)
    between = [low + round((high - low) * k / (count + 1)) for k in range(1, count + 1)]
    weights = hats((low, *between, high)) @ shares
    kept = (b for b, w in zip(between, weights[1:-1], strict=True) if w > LEAST_BETWEEN)
    return (low, *kept, high)


def hats(levels: Sequence[int]) -> Shares:
    """How much of each of 256 values is of each of some levels: `(levels, 256)`, each column 1."""
    values = np.arange(256)
    rows = [np.interp(values, levels, unit) for unit in np.eye(len(levels))]
    return np.array(rows)
