"""Areas that are left bare."""

import math
from collections.abc import Mapping

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.method.crossfade import Grams

Array = NDArray[np.float64]
# Of the network's view of naked areas, in pixels: the picture's width, a tile's side, the step.
TILES_WIDTH, TILE, STRIDE = 320, 32, 16
# Deeper layers see beyond a tile.
TILE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1")
# A tile is naked below such a share of the frame's median improvement; the second one counts.
NAKED = (1 / 3, 1 / 2, 2 / 3)


def tile_improvements(
    content: Mapping[str, Tensor], frame: Mapping[str, Tensor], target: Grams
) -> Array:
    """How many times closer to the target each tile is than its content: `(rows, columns)`.

    content, frame: features of pictures TILES_WIDTH wide. target: Grams over the picture's pixels.
    Of each layer, the mean square of the differences of the features' amplitudes, the roots of the
    Grams' diagonals; the content's over the frame's, and the geometric mean of that over layers.
    In a style loss the strongest features have all the say, and a tile of a good picture is hardly
    closer than its content: amplitudes tell painted tiles from bare ones better.
    """
    before, after = (_tile_losses(features, target) for features in (content, frame))
    return np.asarray(np.exp(np.log((before + 1e-6) / (after + 1e-6)).mean(axis=0)), np.float64)


def _tile_losses(features: Mapping[str, Tensor], target: Grams) -> Array:
    """Of each layer and tile: `(layers, rows, columns)`."""
    losses = []
    for depth, layer in enumerate(TILE_LAYERS):
        squares = features[layer].float().square()
        # Over a tile's own pixels, of which a feature has one for 2^depth x 2^depth.
        means = F.avg_pool2d(squares, TILE >> depth, STRIDE >> depth) / 4**depth
        wanted = target[layer].diagonal().clamp(min=0.0).sqrt()[None, :, None, None]
        losses.append((means.sqrt() - wanted).square().mean(dim=1)[0].cpu().double().numpy())
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
