"""Scores on made-up frames whose score is known."""

import math

import cv2
import numpy as np
import pytest
import torch

from mnst_video.judge.grain import colors, high_frequencies
from mnst_video.judge.naked import (
    STRIDE,
    TILE,
    TILE_LAYERS,
    naked_shares,
    tile_areas,
    tile_improvements,
    tile_means,
)
from mnst_video.judge.stability import join, judge_flow, warping_error
from mnst_video.judge.style import StyleScores, jumps, lag
from mnst_video.method.device import to_image
from mnst_video.method.losses import STYLE_LAYERS, style_grams
from mnst_video.method.sigma import Calibration

WIDTH, HEIGHT = 64, 48


def constant_flow(dx, dy):
    return np.full((HEIGHT, WIDTH, 2), (dx, dy), np.float32)


@pytest.fixture(scope="module")
def moving(texture):
    """Frame t and the one before: everything goes 3 pixels right and 2 down."""
    scene = texture(WIDTH + 10, HEIGHT + 10, 1)
    return scene[:HEIGHT, :WIDTH].copy(), scene[2 : HEIGHT + 2, 3 : WIDTH + 3].copy()


def test_what_moves_along_the_flow_has_no_error(moving):
    frame, earlier = moving
    inside = np.zeros((HEIGHT, WIDTH), np.float32)
    inside[2:, 3:] = 1.0
    assert warping_error(frame, earlier, constant_flow(-3, -2), inside) == 0.0
    assert warping_error(frame, earlier, constant_flow(0, 0), inside) > 1e-3


def test_a_change_of_brightness_is_an_error_of_its_square_where_the_flow_is_trusted():
    before = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    after = before.copy()
    after[:, : WIDTH // 2] += 51  # a fifth of the range
    trust = np.zeros((HEIGHT, WIDTH), np.float32)
    still = constant_flow(0, 0)
    assert math.isnan(warping_error(after, before, still, trust))
    trust[:, : WIDTH // 2] = 1.0
    assert warping_error(after, before, still, trust) == pytest.approx(0.04, rel=1e-5)
    trust[:] = 1.0
    assert warping_error(after, before, still, trust) == pytest.approx(0.02, rel=1e-5)


def test_joined_flows_add_up_along_the_way():
    """What was at x - 5 two frames ago, through a place that is not trusted at 20 in between."""
    everywhere, gap = np.ones((HEIGHT, WIDTH), np.float32), np.ones((HEIGHT, WIDTH), np.float32)
    gap[:, 20] = 0.0
    flow, trust = join(constant_flow(-3, 0), everywhere, constant_flow(-2, 0), gap)
    assert np.allclose(flow, (-5, 0))
    assert not trust[:, 23].any()  # that place is seen 3 further right
    assert not trust[:, :3].any()  # from outside
    assert trust[:, 3:23].all()
    assert trust[:, 24:].all()


def test_the_judges_flow_finds_a_motion(moving):
    flow = judge_flow(*moving)
    inner = flow[12:-12, 12:-12]
    assert np.abs(inner - (-3, -2)).mean() < 0.3


def test_style_scores_are_those_of_the_grams():
    """Against Grams on which everything is computed from its definition."""
    rng = np.random.default_rng(0)
    content, frame, one, two = (
        {name: rng.normal(size=(4, 4)) for name in STYLE_LAYERS} for _ in range(4)
    )

    weights = (1.0, 0.5, 2.0, 0.1, 0.0)

    def inners(a, b, c, d):
        return tuple(((a[n] - b[n]) * (c[n] - d[n])).mean() for n in STYLE_LAYERS)

    def inner(*grams):
        return sum(w * value for w, value in zip(weights, inners(*grams), strict=True))

    def calibration(g):
        ways = (g, one, g, one), (g, two, g, two), (g, one, g, two)
        return Calibration(*(inners(*way) for way in ways), 1.0, weights)

    w = 0.3
    target = {n: w * one[n] + (1 - w) * two[n] for n in STYLE_LAYERS}
    scores = StyleScores.of(calibration(content), calibration(frame), w)
    missing, bare = (np.array(inners(g, target, g, target)) for g in (frame, content))
    assert scores.residuals == pytest.approx(missing / bare)
    assert scores.rho == pytest.approx(np.mean(missing / bare))
    ratio = inner(content, one, content, one) / inner(frame, one, frame, one)
    assert scores.ri1 == pytest.approx(ratio)
    place = inner(frame, two, one, two) / inner(one, two, one, two)
    assert scores.mix == pytest.approx(place)
    reached = StyleScores.of(calibration(content), calibration(target), w)
    assert (reached.rho, reached.mix) == (pytest.approx(0.0, abs=1e-9), pytest.approx(w))


@pytest.mark.parametrize("late", [0, 1, 5])
def test_the_lag_of_a_late_and_paler_look_is_found(late):
    times = np.arange(80)
    wanted = 0.5 + 0.4 * np.sin(times / 6.0)
    seen = 0.1 + 0.7 * (0.5 + 0.4 * np.sin((times - late) / 6.0))
    assert lag(wanted, seen, 12) == late


def test_a_mix_that_rests_has_no_lag():
    assert math.isnan(lag([0.5] * 30, [0.4] * 30, 12))
    assert math.isnan(lag([0.0, 1.0], [0.0, 1.0], 12))


def test_a_straight_line_does_not_tell_its_lag():
    noise = 0.01 * np.random.default_rng(0).normal(size=60)
    line = np.arange(60) / 60
    assert math.isnan(lag(line, (line - 0.1).clip(0.0) + noise, 12))


def test_a_jump_arrives_at_nine_tenths():
    wanted = [0.2] * 3 + [0.8] * 12
    gone = [1.0 - 0.5 ** (k + 1) for k in range(12)]  # 0.5, 0.75, 0.875, 0.9375
    assert jumps(wanted, [0.2] * 3 + [0.2 + 0.6 * g for g in gone]) == [(3, 3)]
    assert jumps(wanted, [0.2] * 3 + [0.5] * 12) == [(3, None)]
    assert jumps([i / 20 for i in range(20)], [0.0] * 20) == []
    back = [1.0] * 2 + [0.0] * 2 + [1.0] * 2
    assert jumps(back, [1.0, 1.0, 0.05, 0.0, 0.5, 0.95]) == [(2, 0), (4, 1)]
    pale = [1.0] * 3 + [0.0] * 5
    assert jumps(pale, [0.85] * 3 + [0.4, 0.2, 0.06, 0.05, 0.05]) == [(3, 2)]
    assert jumps(pale, [0.85] * 3 + [0.4, 0.3, 0.2, 0.15, 0.15]) == [(3, None)]


def test_tiles_share_out_the_picture():
    for width, height in ((320, 180), (320, 96), (320, 32)):
        rows, columns = (height - TILE) // STRIDE + 1, (width - TILE) // STRIDE + 1
        areas = tile_areas(rows, columns, width, height)
        assert areas.shape == (rows, columns)
        assert (areas.sum(), areas.min()) == (width * height, STRIDE**2 if rows > 1 else 512)
    mask = np.zeros((96, 320))
    mask[:, :48] = 1.0
    means, areas = tile_means(mask, 5, 19), tile_areas(5, 19, 320, 96)
    assert means[0, :4].tolist() == [1.0, 1.0, 0.5, 0.0]  # they end at 24, 40, 56
    assert (areas * means).sum() == mask.sum()


def test_naked_is_below_a_share_of_the_median():
    improvements = np.array([[4.0, 4.0, 4.0], [1.0, 1.5, 2.5]])
    areas = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]])
    assert naked_shares(improvements, areas) == (0.1, 0.3, 0.3)  # below 1.083, 1.625, 2.167
    inside = np.array([[False, False, True], [True, False, False]])
    assert naked_shares(improvements, areas, inside) == (0.5, 0.5, 0.5)
    assert all(map(math.isnan, naked_shares(improvements, areas, inside & False)))


@pytest.fixture(scope="module")
def painted(network, texture, as_image):
    """A smooth content, a picture in a fine style all over, and that style's Grams.

    The picture is as good as real ones are: its tiles are several times closer than the content.
    """
    content = 96 + texture(320, 180, 4, 6.0) // 4
    style = texture(320, 180, 5, 0.8)
    target = style_grams(network, as_image(style), 320.0 * 180.0)
    return content, (0.7 * style + 0.3 * content).astype(np.uint8), target


def views(network, *pictures):
    """The features of pictures at the style layers."""
    with torch.no_grad():
        return [network(to_image(picture, "cpu"), STYLE_LAYERS) for picture in pictures]


@pytest.mark.parametrize(
    ("left", "top", "width", "height"),
    [(100, 40, 128, 96), (90, 50, 80, 80), (103, 61, 64, 64), (0, 0, 160, 180)],
)
def test_a_bare_rectangle_scores_its_area(network, painted, left, top, width, height):
    content, picture, target = painted
    frame = picture.copy()
    here = np.s_[top : top + height, left : left + width]
    frame[here] = content[here]
    improvements = tile_improvements(*views(network, content, frame), target)
    rows, columns = improvements.shape
    areas = tile_areas(rows, columns, 320, 180)
    third, half, two_thirds = naked_shares(improvements, areas)
    assert half == pytest.approx(width * height / (320 * 180), rel=0.1)
    assert third <= half <= two_thirds
    mask = np.zeros((180, 320))
    mask[here] = 1.0
    bare = tile_means(mask, rows, columns)
    assert naked_shares(improvements, areas, bare == 1.0)[1] > 0.9
    assert naked_shares(improvements, areas, bare == 0.0)[1] < 0.05


def test_a_tiles_improvement_is_that_of_a_picture_of_its_own(network, painted):
    """Against the Grams of features cut out by hand."""
    content, picture, target = painted
    improvements = tile_improvements(*views(network, content, picture), target)
    row, column = 3, 7
    ratios = []
    for depth, layer in enumerate(TILE_LAYERS):
        y, x, side = ((v >> depth) for v in (row * STRIDE, column * STRIDE, TILE))
        losses = []
        for frame in (content, picture):
            image = torch.from_numpy(frame.astype(np.float32)).permute(2, 0, 1)[None]
            features = network(image, {layer})[layer]
            cut = features[0, :, y : y + side, x : x + side].detach().double().flatten(1)
            gram = (cut @ cut.T / TILE**2).numpy()
            apart = np.sqrt(gram.diagonal()) - np.sqrt(target[layer].numpy().diagonal())
            losses.append(np.square(apart).mean())
        ratios.append(losses[0] / losses[1])
    assert improvements[row, column] == pytest.approx(np.prod(ratios) ** (1 / 3), rel=1e-3)


def test_fine_detail_is_what_a_blur_takes():
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert high_frequencies(flat) < 1e-6
    noise = np.random.default_rng(0).normal(0.0, 8.0, (HEIGHT, WIDTH)).round()
    grainy, grainier = (
        (128 + scale * noise).clip(0, 255).astype(np.uint8)[..., None].repeat(3, -1)
        for scale in (1, 2)
    )
    assert high_frequencies(grainier) == pytest.approx(4 * high_frequencies(grainy), rel=0.02)
    blurred = cv2.GaussianBlur(grainy, (0, 0), 2.0)
    assert high_frequencies(blurred) < 0.1 * high_frequencies(grainy)


def test_colours_are_means_and_deviations_of_luminance_and_saturation():
    frame = np.zeros((10, 10, 3), np.uint8)
    frame[:5] = (255, 0, 0)
    frame[5:] = 255
    luminance, spread, saturation, other_spread = colors(frame)
    assert luminance == pytest.approx((0.299 + 1.0) / 2, abs=0.01)
    assert spread == pytest.approx((1.0 - 0.299) / 2, abs=0.01)
    assert (saturation, other_spread) == (pytest.approx(0.5), pytest.approx(0.5))
