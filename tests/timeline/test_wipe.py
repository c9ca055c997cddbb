"""Wipes: what is uncovered, where, and that the area is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.timeline.wipe import KINDS, Wipe, ranked, uncovered

WIDTH, HEIGHT = 48, 27


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("softness", [0.0, 0.1, 0.25, 1.0])
def test_gamma_is_the_area_that_is_uncovered(kind, softness):
    order = Wipe(kind).order(WIDTH, HEIGHT)
    for share in (0.0, 0.03, 0.3, 0.5, 0.92, 1.0):
        area = uncovered(order, share, softness)
        assert area.min() >= 0.0
        assert area.max() <= 1.0
        assert area.mean() == pytest.approx(share, abs=1 / order.size)
        assert (share in (0.0, 1.0)) == (np.ptp(area) == 0.0)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_gamma_uncovers_more_everywhere(one, other, softness):
    order = Wipe("iris").order(WIDTH, HEIGHT)
    less, more = (uncovered(order, share, softness) for share in sorted((one, other)))
    assert (more >= less).all()


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("left", (13, 47), (13, 0)),
        ("right", (13, 0), (13, 47)),
        ("up", (26, 24), (0, 24)),
        ("down", (0, 24), (26, 24)),
        ("iris", (13, 24), (0, 0)),
        ("clock", (0, 24), (0, 23)),
        ("radial", (0, 24), (26, 24)),
    ],
)
def test_where_a_wipe_begins_and_ends(kind, first, last):
    order = Wipe(kind).order(WIDTH, HEIGHT)
    assert order[first] < 0.02
    assert order[last] > 0.95


def test_a_clock_goes_clockwise_and_a_fan_to_both_sides():
    clock, fan = (Wipe(kind).order(49, 49) for kind in ("clock", "radial"))
    right, below, left = (24, 47), (47, 24), (24, 1)
    assert clock[right] < clock[below] < clock[left]
    assert fan[right] == pytest.approx(fan[left], abs=0.02)
    assert fan[right] < fan[below]


def test_noise_is_the_same_at_any_size_and_in_every_run():
    small, large = Wipe("noise").order(64, 36), Wipe("noise").order(256, 144)
    nearest = large.reshape(36, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), nearest.ravel())[0, 1] > 0.99
    assert np.array_equal(small, Wipe("noise").order(64, 36))
    # In blots: neighbours are alike, and there is more than one.
    assert np.abs(np.diff(large, axis=1)).mean() < 0.02
    assert (np.diff((large[72] < 0.5).astype(int)) != 0).sum() >= 3


def test_ranks_are_a_share_each():
    field = np.array([[0.3, 0.1], [0.3, 0.9]])
    assert ranked(field).tolist() == [[0.375, 0.125], [0.625, 0.875]]


def test_wipes_as_text():
    for text in (*KINDS, "left,follow"):
        assert str(Wipe.parse(text)) == text
    assert Wipe.parse("follow") == Wipe("noise", follow=True)
    assert Wipe.parse(" Iris , follow ") == Wipe("iris", follow=True)
    for wrong, hint in (("rihgt", "did you mean right"), ("x,y", "there are left"), ("", "there")):
        with pytest.raises(ValueError, match=hint):
            Wipe.parse(wrong)
