"""Easings against their published definitions, written here a second time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.timeline.easing import FUNCTIONS, NAMES, Easing

shares = st.floats(0.0, 1.0)
# x and y of both points within 0..1: such a Bézier neither overshoots nor turns back.
points = st.tuples(shares, shares, shares, shares)


def sampled_bezier(u, x1, y1, x2, y2, count=20_000):
    """The y at x = u by walking along the curve, with numpy's help left out on purpose."""
    before = (0.0, 0.0)
    for i in range(1, count + 1):
        s = i / count
        x = 3 * (1 - s) ** 2 * s * x1 + 3 * (1 - s) * s**2 * x2 + s**3
        y = 3 * (1 - s) ** 2 * s * y1 + 3 * (1 - s) * s**2 * y2 + s**3
        if x >= u:
            part = (u - before[0]) / (x - before[0]) if x > before[0] else 1.0
            return before[1] + part * (y - before[1])
        before = (x, y)
    return 1.0


CSS = {
    "ease": (0.25, 0.1, 0.25, 1.0),
    "ease-in": (0.42, 0.0, 1.0, 1.0),
    "ease-out": (0.0, 0.0, 0.58, 1.0),
    "ease-in-out": (0.42, 0.0, 0.58, 1.0),
    "cubic-bezier(0.8,0,0.2,1)": (0.8, 0.0, 0.2, 1.0),
    "cubic-bezier(0.68,-0.55,0.265,1.55)": (0.68, -0.55, 0.265, 1.55),
}


@pytest.mark.parametrize("name", CSS)
@pytest.mark.parametrize("u", [0.0, 0.1, 0.25, 0.5, 0.8, 0.99, 1.0])
def test_the_css_easings_are_these_beziers(name, u):
    assert Easing.parse(name)(u) == pytest.approx(sampled_bezier(u, *CSS[name]), abs=1e-6)


def test_known_values_of_the_css_easings():
    """Computed by browsers, to the digits that they show."""
    assert Easing("ease")(0.5) == pytest.approx(0.8024, abs=1e-4)
    assert Easing("ease-in")(0.5) == pytest.approx(0.3154, abs=1e-4)
    assert Easing("ease-out")(0.5) == pytest.approx(0.6846, abs=1e-4)
    assert Easing("ease-in-out")(0.25) == pytest.approx(0.1292, abs=1e-4)


def power(n):
    return (
        lambda x: x**n,
        lambda x: 1 - (1 - x) ** n,
        lambda x: 2 ** (n - 1) * x**n if x < 0.5 else 1 - (-2 * x + 2) ** n / 2,
    )


# In, out and in-out as easings.net prints them.
PUBLISHED = {
    "sine": (
        lambda x: 1 - math.cos(x * math.pi / 2),
        lambda x: math.sin(x * math.pi / 2),
        lambda x: -(math.cos(math.pi * x) - 1) / 2,
    ),
    **{name: power(n) for n, name in enumerate(("quad", "cubic", "quart", "quint"), 2)},
    "expo": (
        lambda x: 0 if x == 0 else 2 ** (10 * x - 10),
        lambda x: 1 if x == 1 else 1 - 2 ** (-10 * x),
        lambda x: (
            x
            if x in (0, 1)
            else 2 ** (20 * x - 10) / 2
            if x < 0.5
            else (2 - 2 ** (-20 * x + 10)) / 2
        ),
    ),
    "circ": (
        lambda x: 1 - math.sqrt(1 - x**2),
        lambda x: math.sqrt(1 - (x - 1) ** 2),
        lambda x: (
            (1 - math.sqrt(1 - (2 * x) ** 2)) / 2
            if x < 0.5
            else (math.sqrt(1 - (-2 * x + 2) ** 2) + 1) / 2
        ),
    ),
}


@pytest.mark.parametrize("curve", PUBLISHED)
@pytest.mark.parametrize("u", [0.0, 0.05, 0.3, 0.5, 0.75, 0.9, 1.0])
def test_the_curves_of_easings_net(curve, u):
    for way, formula in zip(("ease-in", "ease-out", "ease-in-out"), PUBLISHED[curve], strict=True):
        assert Easing(f"{way}-{curve}")(u) == pytest.approx(formula(u), abs=1e-12), way


def test_linear_hold_and_steps():
    assert [Easing()(u) for u in (0.0, 0.3, 1.0)] == [0.0, 0.3, 1.0]
    assert [Easing("hold")(u) for u in (0.0, 0.3, 0.999)] == [0.0, 0.0, 0.0]
    steps = Easing("steps", (4.0,))
    assert [steps(u) for u in (0.0, 0.24, 0.25, 0.6, 0.75, 0.99)] == [0, 0, 0.25, 0.5, 0.75, 0.75]


def test_each_step_comes_at_its_very_share():
    """Also where rounding puts u * n below a whole number, as in 1/49 * 49."""
    for n in range(1, 200):
        steps = Easing("steps", (float(n),))
        assert [steps(k / n) for k in range(n + 1)] == [k / n for k in range(n + 1)], n


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("easeInOut", "ease-in-out"),
        ("Ease-In-Out", "ease-in-out"),
        ("easeInOutSine", "ease-in-out-sine"),
        ("easeOutExpo", "ease-out-expo"),
        ("sine-in-out", "ease-in-out-sine"),
        ("sineInOut", "ease-in-out-sine"),
        ("quad-in", "ease-in-quad"),
        ("circ-out", "ease-out-circ"),
        (" hold ", "hold"),
        ("steps( 4 )", "steps(4)"),
        ("cubic-bezier(.3, 0, .7, 1)", "cubic-bezier(0.3,0,0.7,1)"),
        ("cubicBezier(0.3,0,0.7,1)", "cubic-bezier(0.3,0,0.7,1)"),
    ],
)
def test_names_in_any_spelling(text, name):
    assert str(Easing.parse(text)) == name


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("easeinout", "there is no easing easeinout; did you mean ease-in-out?"),
        ("ease-in-bounce", "there is no easing ease-in-bounce; did you mean"),
        ("xyz", "there is no easing xyz; one of them is ease-in-out"),
        ("sine", "sine in which way. Did you mean ease-in-out-sine?"),
        ("ease(1)", "ease takes no numbers"),
        ("steps", r"steps takes one number: steps\(4\)"),
        ("steps(0)", "steps takes a whole number, from 1 on"),
        ("steps(2.5)", "steps takes a whole number, from 1 on"),
        ("steps(x)", r"steps takes one number: steps\(4\)"),
        ("steps(4, start)", r"steps takes one number: steps\(4\)"),
        ("steps()", r"steps takes one number: steps\(4\)"),
        ("linear()", "linear takes no numbers: linear"),
        ("cubic-bezir(x)", "there is no easing cubic-bezir; did you mean cubic-bezier?"),
        ("steps(4) hold", "nothing may follow the bracket: delete hold"),
        ("steps(4", r"steps\(4 lacks its closing bracket"),
        ("steps(nan)", "steps takes one number"),
        ("cubic-bezier(0.3,0,0.7)", r"takes four numbers: cubic-bezier\(0\.3,0,0\.7,1\)"),
        ("cubic-bezier(0.3,0,1.7,1)", "the first and the third number of cubic-bezier are times"),
        ("cubic-bezier(inf,0,0,0)", "takes four numbers"),
    ],
)
def test_what_is_no_easing_gets_advice(text, advice):
    with pytest.raises(ValueError, match=advice):
        Easing.parse(text)


@given(st.sampled_from(NAMES).filter(lambda name: name != "hold"), shares, shares)
def test_named_easings_are_monotone_from_0_to_1(name, u, v):
    easing = Easing(name)
    assert (easing(0.0), easing(1.0)) == (0.0, 1.0)
    low, high = easing(min(u, v)), easing(max(u, v))
    assert 0.0 <= low <= high + 1e-15 <= 1.0 + 2e-15


@given(points, shares, shares)
def test_a_bezier_within_the_square_is_monotone(numbers, u, v):
    easing = Easing("cubic-bezier", numbers)
    assert (easing(0.0), easing(1.0)) == (0.0, 1.0)
    if numbers[1] <= numbers[3]:  # else its y may turn back
        assert easing(min(u, v)) <= easing(max(u, v)) + 1e-12


@given(st.one_of(
    st.sampled_from(NAMES).map(Easing),
    points.map(lambda numbers: Easing("cubic-bezier", numbers)),
    st.integers(1, 10**6).map(lambda n: Easing("steps", (float(n),))),
))  # fmt: skip
def test_what_is_printed_is_read_again(easing):
    assert Easing.parse(str(easing)) == easing


def test_every_easing_is_in_the_reference(request):
    text = (request.config.rootpath / "docs" / "timeline.md").read_text()
    for name in (*NAMES, *FUNCTIONS):
        curve = name.rpartition("-")[2]
        assert f"`{name}" in text or f"`{curve}`" in text, name
