"""Colours as mean and covariance, and pictures that take those of others."""

import numpy as np
import pytest

from mnst_video.painting.palette import Palette


@pytest.fixture
def warm(texture):
    """Much red and yellow, little blue."""
    return (texture(60, 40, 1) * np.array([1.0, 0.7, 0.5])).astype(np.uint8)


@pytest.fixture
def cold(texture):
    return (100 + texture(50, 30, 2) * np.array([0.2, 0.3, 0.5])).astype(np.uint8)


def test_a_palette_is_mean_and_covariance(warm):
    palette = Palette.of([warm])
    pixels = warm.reshape(-1, 3).astype(float)
    assert palette.mean == pytest.approx(pixels.mean(axis=0))
    assert np.array(palette.covariance) == pytest.approx(np.cov(pixels.T, bias=True))


def test_pictures_count_by_their_pixels(warm, cold):
    together = Palette.of([warm, cold])
    pixels = np.concatenate([warm.reshape(-1, 3), cold.reshape(-1, 3)]).astype(float)
    assert together.mean == pytest.approx(pixels.mean(axis=0))
    assert np.array(together.covariance) == pytest.approx(np.cov(pixels.T, bias=True))
    with pytest.raises(ValueError, match="at least one picture"):
        Palette.of([])


def test_a_mixed_palette_is_that_of_pictures_mixed(warm, cold):
    mixed = Palette.of([warm]).mixed(Palette.of([cold]), warm.size / (warm.size + cold.size))
    together = Palette.of([warm, cold])
    assert mixed.mean == pytest.approx(together.mean)
    assert np.array(mixed.covariance) == pytest.approx(np.array(together.covariance))


def test_a_painted_picture_has_the_palette(warm, cold):
    painted = Palette.of([cold]).paint(warm)
    assert (painted.shape, painted.dtype) == (warm.shape, np.uint8)
    found, wanted = Palette.of([painted]), Palette.of([cold])
    assert found.mean == pytest.approx(wanted.mean, abs=1.0)
    assert np.array(found.covariance) == pytest.approx(np.array(wanted.covariance), rel=0.1, abs=60)


def test_its_own_palette_leaves_a_picture_nearly_as_it_is(warm):
    assert np.abs(Palette.of([warm]).paint(warm).astype(int) - warm).max() <= 6


def test_light_stays_light(warm, cold):
    """The map moves colours least: it does not turn the scale of brightness round."""
    painted = Palette.of([cold]).paint(warm)
    before, after = (p.reshape(-1, 3).sum(axis=1).astype(float) for p in (warm, painted))
    assert np.corrcoef(before, after)[0, 1] > 0.6


def test_a_grey_palette_makes_grey_and_a_grey_picture_stays_finite(warm, texture):
    grey = np.repeat(texture(40, 30, 3)[..., :1], 3, axis=2)
    painted = Palette.of([grey]).paint(warm).astype(int)
    assert np.abs(painted - painted.mean(axis=-1, keepdims=True)).max() < 6
    colored = Palette.of([warm]).paint(np.full((8, 8, 3), 99, np.uint8))
    assert np.abs(colored - np.array(Palette.of([warm]).mean)).max() <= 1
