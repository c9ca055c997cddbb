"""Regions: masks at the layers, and soft masks as few regions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.method.losses import STYLE_LAYERS, area_grams, gram_matrix
from mnst_video.method.regions import REACH, hats, inside, knots, spectrum


def test_a_hard_mask_is_its_two_values():
    mask = np.full((20, 30), 51, np.uint8)
    mask[:, 10:] = 204
    assert knots(spectrum(mask)) == (51, 204)


def test_soft_edges_and_specks_add_no_region():
    mask = np.zeros((100, 100), np.uint8)
    mask[:, 50:] = 255
    mask[:, 50] = 128  # an edge of one pixel
    mask[0, 0] = 200
    assert knots(spectrum(mask)) == (0, 255)


def test_a_ramp_has_regions_between_its_ends():
    ramp = np.linspace(0, 255, 256).round().astype(np.uint8)[None].repeat(10, 0)
    assert knots(spectrum(ramp)) == (0, 64, 128, 191, 255)


def test_a_mask_of_one_value_is_one_region_and_weights_choose():
    mask = np.full((8, 8), 77, np.uint8)
    assert knots(spectrum(mask)) == (77,)
    mask[:, 4:] = 10
    weights = np.zeros((8, 8), np.uint8)
    weights[:, :4] = 255
    assert knots(spectrum(mask, weights)) == (77,)
    assert spectrum(mask, np.zeros_like(weights)).sum() == 0.0


@given(st.lists(st.integers(0, 255), min_size=1, max_size=5, unique=True))
def test_regions_share_each_place_and_keep_its_value(levels):
    levels.sort()
    shares = hats(levels)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    assert ((shares > 0).sum(axis=0) <= 2).all()
    values = np.arange(256).clip(levels[0], levels[-1])
    np.testing.assert_allclose(levels @ shares, values, atol=1e-9)


def test_the_grams_of_areas_are_those_of_masks_with_their_gradients():
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(1, 5, 6, 8))).float()
    hard = torch.zeros(1, 1, 6, 8)
    hard[..., :3] = 1.0
    soft = torch.from_numpy(rng.uniform(size=(1, 1, 6, 8))).float()
    weight = torch.from_numpy(rng.normal(size=(2, 5, 5))).float()
    found = []
    for grams in (
        lambda x: area_grams(x, [hard, soft]),
        lambda x: torch.stack([gram_matrix(x, hard), gram_matrix(x, soft)]),
    ):
        image = features.clone().requires_grad_()
        value = grams(image)
        (gradient,) = torch.autograd.grad((weight * value).sum(), image)
        found.append((value, gradient))
    torch.testing.assert_close(*(value for value, _ in found))
    torch.testing.assert_close(*(gradient for _, gradient in found))


def test_a_region_is_drawn_in_by_the_reach_of_a_layer_but_not_at_the_edges():
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., :160] = 1.0
    masks = inside(mask)
    assert masks is not None
    for number, (name, reach) in enumerate(zip(STYLE_LAYERS, REACH, strict=True)):
        shown = masks[name][0, 0]
        assert shown.shape == (256 >> number, 256 >> number)
        assert float(shown.mean()) == pytest.approx((160 - reach) / 256)
        assert (shown[:, 0] == 1.0).all()


def test_a_narrow_region_is_drawn_in_by_less_and_specks_are_none():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:36] = 1.0
    masks = inside(mask)
    assert masks is not None
    for name in STYLE_LAYERS:
        assert float(masks[name].mean()) >= 8 / 64
    speck = torch.zeros(1, 1, 64, 64)
    speck[..., 3, 3] = 1.0
    assert inside(speck) is None
