"""What is missing of the paintings: by layer, in tiles, and beside a still."""

import numpy as np
import pytest
import torch

from mnst_video.judge.evaluate import evaluate
from mnst_video.judge.fullness import SIDE, STEP, WORDS, in_words, worst_tiles
from mnst_video.method.device import to_image
from mnst_video.method.losses import STYLE_LAYERS, style_grams


def test_words_are_means_over_their_layers():
    assert list(WORDS) == ["texture", "strokes", "motifs"]
    assert in_words((0.1, 0.3, 0.5, 0.0, 0.4)) == pytest.approx((0.2, 0.5, 0.2))


def looked_at(network, picture):
    with torch.no_grad():
        return network(to_image(picture, "cpu"), STYLE_LAYERS)


def test_the_worst_decile_is_that_of_the_tiles_own_grams(network, texture, as_image):
    """Against features that are cut out, multiplied and sorted by hand."""
    content, frame = texture(320, 192, 1, 4.0), texture(320, 192, 2, 1.0)
    target = style_grams(network, as_image(texture(320, 192, 3, 0.8)), 320.0 * 192.0)
    views = [looked_at(network, picture) for picture in (content, frame)]
    distances = np.zeros((2, 5, 5, 9))
    for picture, features in enumerate(views):
        for depth, layer in enumerate(STYLE_LAYERS):
            for row in range(5):
                for column in range(9):
                    top, left, side = (v >> depth for v in (STEP * row, STEP * column, SIDE))
                    part = features[layer][0, :, top : top + side, left : left + side].flatten(1)
                    difference = part @ part.T / SIDE**2 - target[layer]
                    distances[picture, depth, row, column] = difference.square().mean()
    residuals = (distances[1] / distances[0].mean(axis=(1, 2), keepdims=True)).reshape(5, -1)
    expected = [np.quantile(residuals[[*at]].mean(axis=0), 0.9) for at in WORDS.values()]
    assert worst_tiles(*views, [target]) == pytest.approx(expected, rel=1e-4)


def test_a_bare_corner_is_among_the_worst_tiles(network, texture, as_image):
    content, style = texture(320, 180, 4, 6.0), texture(320, 180, 5, 0.8)
    target = style_grams(network, as_image(style), 320.0 * 180.0)
    bare = style.copy()
    bare[:120, :120] = content[:120, :120]
    scores = [
        worst_tiles(looked_at(network, content), looked_at(network, picture), [target])
        for picture in (style, bare, content)
    ]
    for full, partly, nothing in zip(*scores, strict=True):
        assert full < 0.5 * partly
        assert partly > 0.5 * nothing


def test_a_still_is_painted_of_the_last_frame_of_each_part(make_clip, quick):
    clip = make_clip(frames=6)
    options = quick(gamma=1.0, content_weight=0.0)
    seen = []
    judged = evaluate(clip, clip, options, stills=2, observe=lambda *n: seen.append(n))
    assert [still.frame for still in judged.stills] == [2, 5]
    assert seen[-1] == (8, 8)
    for still in judged.stills:
        assert np.mean(still.residuals) < 0.1 < judged.frames[still.frame].rho == 1.0
        assert still.mix > 0.8
        assert len(still.worst) == len(WORDS)
    assert judged.missing(judged.frames) == (1.0, 1.0, 1.0)
    assert max(judged.missing(judged.stills)) < 0.3
    assert evaluate(clip, clip, options).stills == ()
