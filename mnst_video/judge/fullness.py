"""What a picture lacks of the paintings: in each layer, and in its worst tiles."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.method.crossfade import Grams
from mnst_video.method.losses import STYLE_LAYERS

Array = NDArray[np.float64]
# What the layers show, by their places in `STYLE_LAYERS`.
WORDS: Mapping[str, tuple[int, ...]] = {"texture": (0, 1), "strokes": (2,), "motifs": (3, 4)}
# A tile's side and the step between tiles, in pixels of the judge's view: a motif fills a tile.
SIDE, STEP = 64, 32
# The share of the tiles that the worst decile is worse than.
WORST = 0.9


def in_words(by_layer: Sequence[float]) -> tuple[float, ...]:
    """One number for each of `WORDS` from one for each style layer: the mean over its layers."""
    return tuple(float(np.mean([by_layer[at] for at in places])) for places in WORDS.values())


def worst_tiles(
    content: Mapping[str, Tensor],
    frame: Mapping[str, Tensor],
    targets: Sequence[Grams],
    masks: Sequence[Tensor] = (),
) -> tuple[float, ...]:
    """For each of `WORDS`, what is missing in a tile that nine tenths of all are better than.

    content, frame: features of the style layers. targets: Grams over the picture's pixels; of
    several, a tile has that of the mask `(1, 1, H, W)` that it has most of.
    Of each tile and layer, the squared distance of the tile's own Gram to the target, over the mean
    of that over the content's tiles: one tile of a content may lie near the target by chance.
    """
    bare, painted = (
        np.array([_tile_distances(features, target) for target in targets])
        for features in (content, frame)
    )
    own = np.zeros(bare.shape[-1], int)
    if len(targets) > 1:
        shares = [_tile_shares(mask, content)[: len(own)] for mask in masks]
        own = np.argmax(shares, axis=0)
    bare, painted = (found[own, :, np.arange(len(own))].T for found in (bare, painted))
    residuals = painted / np.maximum(bare.mean(axis=1, keepdims=True), 1e-30)
    words = [residuals[[*places]].mean(axis=0) for places in WORDS.values()]
    return tuple(float(np.quantile(word, WORST)) for word in words)


def _tile_shares(mask: Tensor, features: Mapping[str, Tensor]) -> Array:
    """The mean of a mask over each tile of a picture with such features: `(tiles,)`."""
    side, step = _grid(features)
    down, across = _tiles(features)
    tiles = mask[0].unfold(1, side, step).unfold(2, side, step).mean(dim=(0, 3, 4))
    return np.asarray(tiles[:down, :across].reshape(-1).cpu().double().numpy())


def _grid(features: Mapping[str, Tensor]) -> tuple[int, int]:
    """A tile's side, and the step between tiles, in pixels."""
    side = min(SIDE, *(16 * length for length in features[STYLE_LAYERS[-1]].shape[2:]))
    return side, side * STEP // SIDE


def _tiles(features: Mapping[str, Tensor]) -> tuple[int, int]:
    """How many tiles there are down and across, in the layer that has the fewest."""
    side, step = _grid(features)
    counts = [
        [1 + (length - (side >> depth)) // (step >> depth) for length in features[layer].shape[2:]]
        for depth, layer in enumerate(STYLE_LAYERS)
    ]
    down, across = (min(axis) for axis in zip(*counts, strict=True))
    return down, across


def _tile_distances(features: Mapping[str, Tensor], target: Grams) -> Array:
    """Of each layer and tile, the mean square of Gram minus target: `(layers, tiles)`."""
    side, step = _grid(features)
    distances = []
    for depth, layer in enumerate(STYLE_LAYERS):
        rows = features[layer][0].float().unfold(1, side >> depth, step >> depth)
        tiles = rows.unfold(2, side >> depth, step >> depth).permute(1, 2, 0, 3, 4).flatten(3)
        grams = tiles @ tiles.mT / side**2
        distance = (grams - target[layer]).square().mean(dim=(2, 3))
        distances.append(distance.cpu().double().numpy())
    # In a deeper layer, whose size is rounded down, a row may be missing.
    down, across = _tiles(features)
    return np.array([d[:down, :across].ravel() for d in distances])
