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
    content: Mapping[str, Tensor], frame: Mapping[str, Tensor], target: Grams
) -> tuple[float, ...]:
    """For each of `WORDS`, what is missing in a tile that nine tenths of all are better than.

    content, frame: features of the style layers. target: Grams over the picture's pixels.
    Of each tile and layer, the squared distance of the tile's own Gram to the target, over the mean
    of that over the content's tiles: one tile of a content may lie near the target by chance.
    """
    bare, painted = (_tile_distances(features, target) for features in (content, frame))
    residuals = painted / np.maximum(bare.mean(axis=1, keepdims=True), 1e-30)
    words = [residuals[[*places]].mean(axis=0) for places in WORDS.values()]
    return tuple(float(np.quantile(word, WORST)) for word in words)


def _tile_distances(features: Mapping[str, Tensor], target: Grams) -> Array:
    """Of each layer and tile, the mean square of Gram minus target: `(layers, tiles)`."""
    side = min(SIDE, *(16 * length for length in features[STYLE_LAYERS[-1]].shape[2:]))
    step = side * STEP // SIDE
    distances = []
    for depth, layer in enumerate(STYLE_LAYERS):
        rows = features[layer][0].float().unfold(1, side >> depth, step >> depth)
        tiles = rows.unfold(2, side >> depth, step >> depth).permute(1, 2, 0, 3, 4).flatten(3)
        grams = tiles @ tiles.mT / side**2
        distance = (grams - target[layer]).square().mean(dim=(2, 3))
        distances.append(distance.cpu().double().numpy())
    # In a deeper layer, whose size is rounded down, a row may be missing.
    down, across = (min(d.shape[axis] for d in distances) for axis in (0, 1))
    return np.array([d[:down, :across].ravel() for d in distances])
