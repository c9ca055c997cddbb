import math

import pytest
import torch

from mnst_video.method.crossfade import blend, mix
from mnst_video.method.losses import STYLE_LAYERS, style_grams, style_loss
from mnst_video.method.sigma import Look, calibrate

CONTENT_LAYER = "block4_conv2"
WIDTH, HEIGHT = 48, 32
DIVISOR = float(WIDTH * HEIGHT)


@pytest.fixture(scope="module")
def grams_of_styles(network, texture, as_image):
    """Grams of a fine and of a coarse texture, the second darker."""
    pictures = (texture(WIDTH, HEIGHT, 1, 0.7), texture(WIDTH, HEIGHT, 2, 5.0) // 2)
    return tuple(style_grams(network, as_image(picture), DIVISOR) for picture in pictures)


def looks(network, images):
    return (Look.at(network, image, CONTENT_LAYER, DIVISOR) for image in images)


def measure(network, images, styles):
    """The calibration of the only pair of styles."""
    (calibration,) = calibrate(looks(network, images), styles)
    return calibration


@pytest.mark.parametrize("w", [0.0, 0.2, 0.5, 0.77, 1.0])
def test_style_is_the_style_loss_against_the_blended_target(
    network, grams_of_styles, texture, as_image, w
):
    image = as_image(texture(WIDTH, HEIGHT, 3))
    calibration = measure(network, [image], grams_of_styles)
    expected = style_loss(style_grams(network, image, DIVISOR), blend(*grams_of_styles, w))
    assert calibration.style(w) == pytest.approx(float(expected), rel=1e-4)


def test_a_calibration_measures_the_bare_content(network, grams_of_styles, texture, as_image):
    image = as_image(texture(WIDTH, HEIGHT, 3))
    calibration = measure(network, [image], grams_of_styles)
    grams = style_grams(network, image, DIVISOR)
    assert calibration.style1 == pytest.approx(
        float(style_loss(grams, grams_of_styles[0])), rel=1e-5
    )
    assert calibration.style2 == pytest.approx(
        float(style_loss(grams, grams_of_styles[1])), rel=1e-5
    )
    energy = network(image, {CONTENT_LAYER})[CONTENT_LAYER].square().mean()
    assert calibration.content == pytest.approx(float(energy), rel=1e-5)


def test_a_calibration_averages_over_the_images(network, grams_of_styles, texture, as_image):
    images = [as_image(texture(WIDTH, HEIGHT, seed)) for seed in (4, 5, 6)]
    alone = [measure(network, [i], grams_of_styles) for i in images]
    together = measure(network, iter(images), grams_of_styles)
    for field in ("style1", "style2", "cross", "content"):
        values = [getattr(calibration, field) for calibration in alone]
        assert getattr(together, field) == pytest.approx(sum(values) / 3, rel=1e-6)
        assert min(values) < getattr(together, field) < max(values)


def test_a_setlist_has_a_calibration_for_each_neighbouring_pair(
    network, grams_of_styles, texture, as_image
):
    images = [as_image(texture(WIDTH, HEIGHT, seed)) for seed in (4, 5)]
    third = style_grams(network, as_image(texture(WIDTH, HEIGHT, 7, 1.5)), DIVISOR)
    one, two = grams_of_styles
    pairs = calibrate(looks(network, images), (one, two, third))
    expected = measure(network, images, (one, two)), measure(network, images, (two, third))
    assert pairs == expected


def test_a_calibration_needs_an_image(network, grams_of_styles):
    with pytest.raises(ValueError, match="at least one image"):
        measure(network, [], grams_of_styles)


def toy_grams(ratio):
    """Grams of a content and two styles with S1c / S2c = ratio, as free float64 variables."""
    torch.manual_seed(0)
    content = {name: torch.randn(4, 4).double() for name in STYLE_LAYERS}
    styles = []
    for loss in (ratio, 1.0):
        way = {name: torch.randn(4, 4).double() for name in STYLE_LAYERS}
        zero = {name: torch.zeros(4, 4).double() for name in STYLE_LAYERS}
        length = math.sqrt(loss / float(style_loss(way, zero)))
        styles.append({name: content[name] + length * way[name] for name in STYLE_LAYERS})
    return content, *styles


def optimum(grams1, grams2, gamma, sigma2):
    """Grams that minimise gamma * S1 + (1 - gamma) * sigma2 * S2, found by descent."""
    grams = {name: gram.clone().requires_grad_() for name, gram in grams1.items()}
    solver = torch.optim.LBFGS(
        list(grams.values()), max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        solver.zero_grad()
        loss = gamma * style_loss(grams, grams1) + (1.0 - gamma) * sigma2 * style_loss(
            grams, grams2
        )
        loss.backward()
        return loss

    solver.step(closure)
    return {name: gram.detach() for name, gram in grams.items()}


def improvements(content, grams1, grams2, result):
    """RI1 / RI2, with RI_i = S_i(content) / S_i(result)."""
    ri1, ri2 = (
        float(style_loss(content, grams) / style_loss(result, grams)) for grams in (grams1, grams2)
    )
    return ri1 / ri2


@pytest.mark.parametrize("ratio", [9.0, 3.6, 0.4])
def test_sigma2_makes_both_styles_improve_alike_at_one_half(ratio):
    """Where nothing but the styles pulls; without sigma the improvements differ by S1c / S2c."""
    content, grams1, grams2 = toy_grams(ratio)
    calibration = toy_calibration(content, grams1, grams2)
    assert calibration.sigma2 == pytest.approx(math.sqrt(ratio))
    plain = optimum(grams1, grams2, 0.5, 1.0)
    balanced = optimum(grams1, grams2, 0.5, calibration.sigma2)
    assert improvements(content, grams1, grams2, plain) == pytest.approx(ratio, rel=1e-3)
    assert improvements(content, grams1, grams2, balanced) == pytest.approx(1.0, rel=1e-3)


def test_without_sigma_the_article_s_ratio_balances_at_0_345():
    content, grams1, grams2 = toy_grams(3.6)
    low, high = 0.01, 0.99
    for _ in range(40):  # RI1 / RI2 grows with gamma
        gamma = (low + high) / 2
        result = blend(grams1, grams2, mix(gamma, 1.0))
        if improvements(content, grams1, grams2, result) < 1.0:
            low = gamma
        else:
            high = gamma
    assert gamma == pytest.approx(0.345, abs=5e-4)
    assert gamma == pytest.approx(1.0 / (1.0 + math.sqrt(3.6)), rel=1e-6)


def test_a_content_that_is_one_of_the_styles_needs_no_sigma():
    content, _, other = toy_grams(1.0)
    for pair in ((content, other), (other, content)):
        plain = toy_calibration(content, *pair)
        shared = plain.with_shares((1.0,) * 5)
        assert plain.sigma2 == shared.sigma2 == 1.0
        for made in (plain, shared):
            assert made.style(1.0) > 0.0
            assert all(map(math.isfinite, made.layer_weights(0.0) + made.layer_weights(1.0)))
    same = toy_calibration(content, content, content).with_shares((1.0,) * 5)
    assert same.layer_weights(0.5) == (0.0,) * 5
    assert same.style(0.5) > 0.0


def toy_calibration(content, grams1, grams2):
    """What `calibrate` would measure of a content with these Grams."""
    look = Look(content, torch.ones(1, 1, 1, 1))
    (calibration,) = calibrate([look], (grams1, grams2))
    return calibration


@pytest.mark.parametrize("w", [0.0, 0.3, 1.0])
def test_every_layer_has_its_share_of_the_content_s_style_loss(w):
    """Against the loss itself, with the weights that come out, at the target's Grams."""
    content, grams1, grams2 = toy_grams(7.0)
    shares = (3.0, 0.0, 1.0, 5.0, 1.0)
    weights = toy_calibration(content, grams1, grams2).with_shares(shares).layer_weights(w)
    target = blend(grams1, grams2, w)
    parts = [
        weight * float((content[name] - target[name]).square().mean())
        for name, weight in zip(STYLE_LAYERS, weights, strict=True)
    ]
    assert parts == pytest.approx([share / 10.0 for share in shares])
    assert float(style_loss(content, target, weights)) == pytest.approx(1.0)


def test_with_shares_sigma2_weighs_layers_alike():
    """S1c / S2c is turned over when the styles change places, whatever the layers' scales."""
    content, grams1, grams2 = toy_grams(7.0)
    shares = (0.1, 0.1, 0.2, 0.3, 0.3)
    sigma = toy_calibration(content, grams1, grams2).with_shares(shares).sigma2
    turned = toy_calibration(content, grams2, grams1).with_shares(shares).sigma2
    assert sigma * turned == pytest.approx(1.0)
    scaled = [
        {name: gram * 10.0**at for at, (name, gram) in enumerate(grams.items())}
        for grams in (content, grams1, grams2)
    ]
    assert toy_calibration(*scaled).with_shares(shares).sigma2 == pytest.approx(sigma)
