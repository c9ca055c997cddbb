"""Two styles as one target, and the scales from gamma to the mix w."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.method.crossfade import EvenScale, blend, mix
from mnst_video.method.losses import STYLE_LAYERS, style_loss
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.palette import Palette
from mnst_video.painting.styles import Styles, sigma2_of
from mnst_video.timeline.fader import Fader


def random_grams(seed, scale=1.0):
    """Positive semidefinite float32 matrices at the style layers, of several sizes."""
    rng = np.random.default_rng(seed)
    grams = {}
    for size, layer in enumerate(STYLE_LAYERS, 2):
        factor = rng.normal(size=(size, 2 * size))
        grams[layer] = torch.from_numpy(scale * factor @ factor.T).float()
    return grams


@given(
    gamma=st.floats(0.0, 1.0),
    sigma2=st.floats(0.05, 20.0),
    seed=st.integers(0, 1000),
    scale=st.floats(0.1, 10.0),
)
def test_two_styles_are_one_target(gamma, sigma2, seed, scale):
    """a|G-G1|^2 + b|G-G2|^2 = (a+b)|G-(aG1+bG2)/(a+b)|^2 + ab/(a+b) |G1-G2|^2."""
    grams, grams1 = random_grams(seed), random_grams(seed + 1)
    grams2 = random_grams(seed + 2, scale)
    a, b = gamma, (1.0 - gamma) * sigma2
    w = mix(gamma, sigma2)
    assert 0.0 <= w <= 1.0
    both = a * style_loss(grams, grams1) + b * style_loss(grams, grams2)
    one = (a + b) * style_loss(grams, blend(grams1, grams2, w))
    constant = a * b / (a + b) * style_loss(grams1, grams2)
    assert float(one + constant) == pytest.approx(float(both), rel=1e-4)


def test_mix_and_blend_at_their_ends():
    assert (mix(0.0, 3.0), mix(1.0, 3.0), mix(0.5, 1.0), mix(0.5, 3.0)) == (0.0, 1.0, 0.5, 0.25)
    grams1, grams2 = random_grams(1), random_grams(2)
    for w, expected in ((1.0, grams1), (0.0, grams2)):
        blended = blend(grams1, grams2, w)
        assert all(torch.equal(blended[name], expected[name]) for name in STYLE_LAYERS)


def one_feature(power):
    return {"layer": torch.tensor([[power]])}


@pytest.mark.parametrize(("power1", "power2"), [(9.0, 1.0), (0.04, 1.0), (2.0, 2.0), (1.0, 0.0)])
def test_one_feature_fades_evenly_in_amplitude(power1, power2):
    """The Gram of one feature is its power: its root is to move in equal steps."""
    even = EvenScale.between(one_feature(power1), one_feature(power2))
    for gamma in np.linspace(0.0, 1.0, 14):
        power = float(blend(one_feature(power1), one_feature(power2), even(gamma))["layer"])
        expected = (1.0 - gamma) * math.sqrt(power2) + gamma * math.sqrt(power1)
        assert math.sqrt(power) == pytest.approx(expected, rel=2e-3, abs=0.02)


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10.0))
def test_equal_steps_of_gamma_are_equal_steps_of_every_layer_together(seed, scale):
    """Measured along the way from outside: |dG| / sqrt(|G|), each layer as a share of its way."""
    grams1, grams2 = random_grams(seed), random_grams(seed + 1, scale)
    even = EvenScale.between(grams1, grams2)
    places = [blend(grams1, grams2, even(gamma)) for gamma in np.linspace(0.0, 1.0, 801)]
    shares = np.zeros(800)
    for name in grams1:
        layer = np.array([place[name].double().numpy() for place in places])
        norms = np.linalg.norm(layer, axis=(1, 2))
        steps = np.linalg.norm(np.diff(layer, axis=0), axis=(1, 2))
        steps /= np.sqrt((norms[1:] + norms[:-1]) / 2)
        shares += steps / steps.sum() / len(grams1)
    tenths = shares.reshape(10, 80).sum(axis=1)
    assert tenths == pytest.approx(np.full(10, 0.1), rel=0.02)


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100.0))
def test_the_even_scale_rises_between_its_ends_and_has_no_sides(seed, scale):
    grams1, grams2 = random_grams(seed), random_grams(seed + 1, scale)
    even, back = EvenScale.between(grams1, grams2), EvenScale.between(grams2, grams1)
    assert (even(0.0), even(1.0)) == (0.0, 1.0)
    assert all(a < b for a, b in zip(even.mixes, even.mixes[1:], strict=False))
    louder = [{name: 7.0 * gram for name, gram in grams.items()} for grams in (grams1, grams2)]
    for gamma in (0.1, 0.37, 0.8):
        assert even(gamma) == pytest.approx(1.0 - back(1.0 - gamma), abs=1e-4)
        assert even(gamma) == pytest.approx(EvenScale.between(*louder)(gamma), abs=1e-5)


def test_one_style_twice_fades_linearly():
    grams = random_grams(1)
    assert EvenScale.between(grams, grams)(0.3) == pytest.approx(0.3, abs=1e-6)


@pytest.fixture(scope="module")
def styles_with(network, texture):
    """Styles between a loud and a faint style."""
    loud, faint = texture(48, 32, 2, 1.0), 128 + (texture(48, 32, 3, 1.0).astype(int) - 128) // 8

    def make(**given):
        options = Options(device="cpu", precision="float32", first_steps=100, **given)
        return Styles(network, options.paint, (loud, faint.astype(np.uint8)), 48, 32)

    return make


def test_an_even_sweep_moves_evenly_where_a_balanced_one_leaps(styles_with, texture):
    """By contrast, which no scale is made with: the largest step over the smallest."""
    content, ratio = texture(48, 32, 1), {}
    for scale in ("balanced", "even"):
        styles = styles_with(gamma_scale=scale)
        before = styles.calibrate([content])
        contrasts = [
            float(cv2.cvtColor(painted.frame, cv2.COLOR_RGB2LAB)[..., 0].std())
            for painted in (
                first_frame(styles, content, Aim.at(styles, before, Fader(0, i / 4)))
                for i in range(5)
            )
        ]
        steps = np.diff(contrasts)
        assert steps.min() > 0.0
        ratio[scale] = steps.max() / steps.min()
    assert ratio["even"] < 0.75 * ratio["balanced"]


def test_the_options_choose_the_scale(styles_with, texture):
    content = texture(48, 32, 1)
    mixes = []
    for chosen in (
        {},
        {"sigma": 3.0},
        {"gamma_scale": "linear", "sigma": 3.0},
        {"gamma_scale": "even"},
    ):
        styles = styles_with(**chosen)
        before = styles.calibrate([content])
        first, middle, last = (styles.mix(Fader(0, gamma), before) for gamma in (0.0, 0.4, 1.0))
        assert (first, last) == (0.0, 1.0)
        assert "gamma_scale" not in chosen or sigma2_of(styles.paint, before) == (1.0,)
        mixes.append(middle)
    balanced, by_hand, linear, even = mixes
    assert balanced == mix(0.4, styles_with().calibrate([content])[0].sigma2)
    assert by_hand == mix(0.4, 3.0)
    assert linear == 0.4
    assert 0.1 < even < 0.39  # the faint style gives way slowly


def test_with_the_footages_colours_the_even_scale_is_that_of_the_painted_styles(
    styles_with, texture
):
    styles = styles_with(gamma_scale="even")
    palette = Palette.of([texture(48, 32, 5) // 2])
    before = styles.calibrate([texture(48, 32, 1)])
    plain = styles.mix(Fader(0, 0.4), before)
    assert abs(styles.in_colors(palette).mix(Fader(0, 0.4), before) - plain) > 0.01
    assert styles.mix(Fader(0, 0.4), before) == plain
