"""Relative improvements and sigma: by theory, and by real runs on small pictures."""

import json
import math

import numpy as np
import pytest

from mnst_video.cli.show.judgement import balance_json
from mnst_video.cli.show.plots import draw_balance
from mnst_video.errors import InputError, UsageError
from mnst_video.media.frames import resize
from mnst_video.media.images import load_image, save_image
from mnst_video.method.crossfade import mix
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.styles import Styles
from mnst_video.stills.calibrate import GAMMAS, METHODS, Balance, measure
from mnst_video.timeline.fader import Fader


def by_theory(s1, s2, distance=1.0):
    """At the optimum S1 = (1-w)^2 d and S2 = w^2 d, so RI1 = s1/((1-w)^2 d), RI2 = s2/(w^2 d)."""
    w = tuple(i / 40 for i in range(1, 40))
    ri1 = tuple(s1 / (1 - x) ** 2 / distance for x in w)
    ri2 = tuple(s2 / x**2 / distance for x in w)
    return Balance(w, ri1, ri2, closed_form=math.sqrt(s1 / s2))


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.6, 9.0])
def test_the_theory_and_the_articles_figures(ratio):
    """From a ratio of 3.6 follow 0.345, 1.90, and 0.655 with the plain ratio as sigma."""
    balance = by_theory(ratio, 1.0)
    assert balance.sigma2["none"] == 1.0
    for method in ("closed_form", "article", "refined"):
        assert balance.sigma2[method] == pytest.approx(math.sqrt(ratio), rel=2e-3)
        assert balance.balanced_gamma[method] == pytest.approx(0.5, abs=1e-3)
    assert balance.balanced_gamma["none"] == pytest.approx(1 / (1 + math.sqrt(ratio)), abs=1e-3)
    if ratio == 3.6:
        assert balance.balanced_gamma["none"] == pytest.approx(0.345, abs=1e-3)
        assert balance.sigma2["closed_form"] == pytest.approx(1.90, abs=5e-3)
        w = balance.balanced_w
        assert w * ratio / (1 - w + w * ratio) == pytest.approx(0.655, abs=1e-3)


def test_curves_are_read_at_the_mix_of_each_method():
    balance = by_theory(4.0, 1.0)
    for method in METHODS:
        ri1, ri2 = balance.curves(method)
        for gamma, one, two in zip(GAMMAS[1:-1], ri1[1:-1], ri2[1:-1], strict=True):
            w = min(max(mix(gamma, balance.sigma2[method]), 1 / 40), 39 / 40)
            assert one == pytest.approx(4.0 / (1 - w) ** 2, rel=0.05)
            assert two == pytest.approx(1.0 / w**2, rel=0.05)


def test_where_one_style_always_wins_there_is_no_balance():
    balance = Balance((0.25, 0.5, 0.75), (9.0, 9.0, 9.0), (2.0, 2.0, 2.0), 1.0)
    assert math.isnan(balance.sigma2["refined"])
    about = json.loads(balance_json(balance))
    assert about["sigma2"]["refined"] is None
    assert about["balanced_gamma"]["none"] is None
    assert about["check"] is None
    assert set(about["ri1"]["refined"]) == {None}


@pytest.fixture
def photo(tmp_path, texture):
    path = tmp_path / "photo.png"
    save_image(texture(64, 48, 3), path)
    return path


def test_a_measurement_is_borne_out_by_real_runs(photo, quick, network, tmp_path, styles):
    """With the refined sigma both styles improve alike at gamma = 0.5."""
    options = quick(first_steps=20, max_side=40, losses="article", content_weight=0.002)
    given = {"style_weight": 0.02, "first_rate": 12.0, "pixel_rate": 1.0, "pyramid_levels": 4}
    options = options.model_copy(update=given)
    seen = []
    balance = measure(photo, options, lambda *n: seen.append(n))
    assert seen[-1] == (len(balance.w) + 1, len(balance.w) + 1)
    content = resize(load_image(photo), 40, 30)
    refined = options.model_copy(update={"sigma": balance.sigma2["refined"]})
    stylist = Styles(network, refined.paint, [load_image(path) for path in styles], 40, 30)
    before = stylist.calibrate([content])
    assert balance.closed_form == pytest.approx(before[0].sigma2)
    result = first_frame(stylist, content, Aim.at(stylist, before, Fader(0, 0.5)))
    (after,) = stylist.calibrate([result.frame])
    ri1, ri2 = before[0].style1 / after.style1, before[0].style2 / after.style2
    assert balance.check == pytest.approx((ri1, ri2), rel=0.02)
    assert ri1 / ri2 == pytest.approx(1.0, abs=0.15)
    at = balance.curves("refined")[:, GAMMAS.index(0.5)]
    assert [ri1, ri2] == pytest.approx(at.tolist(), rel=0.2)
    ratios = np.log(np.array(balance.ri1) / np.array(balance.ri2))
    assert np.all(np.diff(ratios) > 0)
    draw_balance(balance, tmp_path / "ri.png")
    assert load_image(tmp_path / "ri.png").std() > 10


def test_a_clip_is_sampled(make_clip, quick):
    seen = []
    balance = measure(make_clip(frames=9), quick(first_steps=1), lambda *n: seen.append(n))
    assert seen[-1][1] == 3 * (len(balance.w) + 1)


def test_one_style_twice_is_balanced_as_it_is(photo, quick, styles):
    balance = measure(photo, quick(style1=styles[0], style2=styles[0]))
    assert balance.sigma2 == pytest.approx(dict.fromkeys(METHODS, 1.0), abs=1e-6)
    assert balance.balanced_gamma["none"] == pytest.approx(0.5)


def test_a_content_that_is_a_style_has_no_balance(photo, quick):
    balance = measure(photo, quick(style1=photo))
    assert math.isnan(balance.sigma2["refined"])
    assert balance.check is None


def test_the_balance_is_where_the_first_style_takes_over():
    """Not just anywhere at 0: noise may make the curve fall on the way."""
    w = tuple(i / 10 for i in range(1, 10))
    logs = [-2.0, -1.9, -2.1, -1.0, -1.2, -0.5, 0.5, 0.4, 1.0]
    balance = Balance(w, tuple(math.exp(x) for x in logs), (1.0,) * 9, 1.0)
    assert 0.6 < balance.balanced_w < 0.7
    falling = Balance(w, tuple(math.exp(-x) for x in logs), (1.0,) * 9, 1.0)
    assert math.isnan(falling.balanced_w)


def test_what_cannot_be_measured_is_refused(photo, quick, tmp_path):
    with pytest.raises(UsageError, match="compares two styles"):
        measure(photo, quick(more_styles=[photo]))
    with pytest.raises(InputError, match="no such picture"):
        measure(tmp_path / "none.png", quick())
