import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.media.frames import fit_style, working_size
from mnst_video.method.crossfade import blend
from mnst_video.method.losses import style_grams, style_loss
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.flow import optical_flow, trust, warp
from mnst_video.painting.frame import Previous, Result, first_frame, next_frame
from mnst_video.painting.palette import match_colors
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles, sigma2_of
from mnst_video.stills.stylize import stylize_image
from mnst_video.timeline.fader import Fader

WIDTH, HEIGHT = 48, 32


def faders(*gammas):
    return [Fader(0, gamma) for gamma in gammas]


def quick_options(**given):
    base = {"device": "cpu", "precision": "float32", "threads": 1, "first_steps": 3, "steps": 2}
    return Options(**{**base, **given})


@pytest.fixture(scope="module")
def frames(texture):
    """A coarse texture that moves by 2 pixels a frame to the right."""
    scene = texture(WIDTH + 8, HEIGHT, 1, 4.0)
    return [scene[:, 8 - 2 * i : 8 - 2 * i + WIDTH].copy() for i in range(4)]


@pytest.fixture(scope="module")
def paintings(texture):
    """A fine and bright texture, and a coarse and dark one."""
    return texture(60, 40, 2, 0.7), texture(40, 60, 3, 3.0) // 2


@pytest.fixture
def styles_with(network, paintings):
    """A styles with the given options."""
    return lambda **given: Styles(network, quick_options(**given).paint, paintings, WIDTH, HEIGHT)


def followed(content, previous_content, painted):
    """The painted frame along the flow, 0..255, and where that is trusted, 0..1."""
    backward = optical_flow(content, previous_content)
    forward = optical_flow(previous_content, content)
    trusted = trust(content, previous_content, backward, forward)
    return warp(painted.astype(np.float32), backward).clip(0.0, 255.0), trusted


def as_result(frame):
    """What is known of a frame that was read back from a file."""
    return Result(pixels=frame.astype(np.float32), steps=1, content=0.0, style=0.0, temporal=0.0)


def second_frame(styles, calibrations, frames, painted, gammas=(0.5, 0.5), callback=None):
    """The second of two frames, from the first one's picture."""
    before, now = (Aim.at(styles, calibrations, fader) for fader in faders(*gammas))
    previous = Previous(frames[0], as_result(painted), before)
    return next_frame(styles, frames[1], now, previous, callback)


def style_share(network, as_image, result, content, paintings, w):
    """The mean over layers of a result's style loss over the content's, measured from outside."""

    def grams(picture):
        vgg = network.repeating_edges()
        return style_grams(vgg, as_image(picture), float(WIDTH * HEIGHT))

    target = blend(*(grams(fit_style(picture, WIDTH, HEIGHT)) for picture in paintings), w)
    found, bare = grams(result), grams(content)
    shares = [
        (found[name] - target[name]).square().sum() / (bare[name] - target[name]).square().sum()
        for name in target
    ]
    return float(sum(shares)) / len(shares)


def test_stylize_image_takes_the_picture_most_of_the_way(network, as_image, frames, paintings):
    content = frames[0]
    options = quick_options(first_steps=25, sigma=1.0)
    result = stylize_image(content, *paintings, 0.8, options)
    assert result.shape == content.shape
    assert result.dtype == np.uint8
    assert style_share(network, as_image, result, content, paintings, 0.8) < 0.2


def test_stylize_image_gives_the_same_bytes_again(frames, paintings):
    once, again = (stylize_image(frames[0], *paintings, 0.3, quick_options()) for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_a_result_reports_its_relative_losses(network, as_image, frames, styles_with, paintings):
    """The losses before the last step: those of the picture that one step less would give."""
    styles, shorter = (
        styles_with(first_steps=4, sigma=2.0),
        styles_with(first_steps=3, sigma=2.0),
    )
    calibration = styles.calibrate(frames[:1])
    result = first_frame(styles, frames[0], Aim.at(styles, calibration, Fader(0, 0.5)))
    before = first_frame(shorter, frames[0], Aim.at(shorter, calibration, Fader(0, 0.5))).frame
    share = style_share(network, as_image, before, frames[0], paintings, 1.0 / 3.0)
    assert result.style == pytest.approx(share, rel=0.01)  # `before` is rounded to 8 bits
    layer = styles.paint.content_layer
    with torch.no_grad():
        f, c = (styles.network(as_image(p), {layer})[layer] for p in (before, frames[0]))
    content = float((f - c).square().mean() / c.square().mean())
    assert result.content == pytest.approx(content, rel=0.01)
    assert result.temporal == 0.0
    assert result.steps == 4


@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_the_article_s_formula_is_taken_literally(as_image, network, frames, paintings, gamma):
    """Before the first step the content term is 0: what is left are the styles, less the constant
    that makes them one target. Grams are not divided."""
    alpha, beta, sigma2 = 0.002, 0.02, 1.9
    options = quick_options(
        losses="article",
        content_layer="block5_conv2",
        content_weight=alpha,
        style_weight=beta,
        sigma=sigma2,
        first_steps=1,
    )
    styles = Styles(network, options.paint, paintings, WIDTH, HEIGHT)
    totals = []
    first_frame(
        styles,
        frames[0],
        Aim.at(styles, styles.calibrate(frames[:1]), Fader(0, gamma)),
        callback=lambda _, losses, __: totals.append(float(losses.total)),
    )
    grams, grams1, grams2 = (
        style_grams(network, as_image(fit_style(picture, WIDTH, HEIGHT)), 1.0)
        for picture in (frames[0], *paintings)
    )
    a, b = gamma, (1.0 - gamma) * sigma2
    styles = a * style_loss(grams, grams1) + b * style_loss(grams, grams2)
    constant = a * b / (a + b) * style_loss(grams1, grams2)
    assert totals == [pytest.approx(beta * float(styles - constant), rel=1e-4)]


def test_relative_losses_are_added_with_their_weights(frames, styles_with):
    """Content in shares of its energy, style in shares of the bare content's."""
    styles = styles_with(content_weight=0.3, style_weight=0.7, uncovered_weight=0.0, steps=3)
    calibration = styles.calibrate(frames)
    painted = first_frame(styles, frames[0], Aim.at(styles, calibration, Fader(0, 0.4))).frame
    totals = []
    result = second_frame(
        styles,
        calibration,
        frames,
        painted,
        (0.4, 0.4),
        callback=lambda _, losses, __: totals.append(float(losses.total)),
    )
    expected = 0.3 * result.content + 0.7 * result.style
    assert totals[-1] == pytest.approx(expected, rel=1e-5)
    assert min(0.3 * result.content, 0.7 * result.style) > 1e-3


def test_the_temporal_loss_is_in_pixels_of_0_to_1(frames, styles_with):
    """At a rate near 0 only the hold moves the start, which differs from the warp where that is not
    wholly trusted."""
    styles = styles_with(rate=1e-6, fresh_rate=1e-6, steps=2, temporal_weight=1.5)
    painted = 255 - frames[0]
    result = second_frame(styles, styles.calibrate(frames), frames, painted)
    warped, trusted = followed(frames[1], frames[0], painted)
    weight = trusted[..., None]
    away = (1.0 - weight) * (255.0 - frames[1] - warped) / 255.0 / (1.0 + 1.5 * weight) ** 2
    expected = float((weight * away**2).mean())
    assert result.temporal == pytest.approx(expected, rel=0.05)
    assert expected > 0.0


def test_a_picture_in_tiles_is_the_same_but_for_rounding(weights, texture, paintings):
    """Each frame from the same 8 bits: rounding there would be carried on."""
    content, fader = texture(144, 112, 5), Fader(0, 0.5)
    painted = []
    for network in (VGG19(weights), VGG19(weights, most_pixels=10_000)):
        paint = quick_options(first_steps=4, steps=2).paint
        styles = Styles(network, paint, paintings, 144, 112)
        aim = Aim.at(styles, styles.calibrate([content]), fader)
        first = first_frame(styles, content, aim)
        before = Previous(content, painted[0][0] if painted else first, aim)
        painted.append((first, next_frame(styles, np.roll(content, 3, axis=1), aim, before)))
    assert len(network.tiles(112, 144)) > 1
    for whole, tiled in zip(*painted, strict=True):
        assert tiled.style == pytest.approx(whole.style, rel=0.01)
        # Adam's first step moves a pixel by the rate whatever its gradient: where that is nearly 0,
        # rounding decides the direction.
        assert np.abs(tiled.pixels - whole.pixels).mean() < 0.1


def test_the_callback_gets_every_step(frames, styles_with):
    styles = styles_with(first_steps=3, steps=2)
    calls = []
    shot = stylize_shot(
        styles,
        styles.calibrate(frames),
        frames[:2],
        faders(0.5, 0.5),
        callback=lambda step, *_: calls.append(step),
    )
    assert [result.steps for result in shot] == [3, 2]
    assert calls == [0, 1, 2, 0, 1]


def test_a_huge_temporal_weight_keeps_reliable_pixels_at_the_warp(frames, styles_with):
    styles = styles_with(first_steps=10)
    calibration = styles.calibrate(frames)
    painted = first_frame(styles, frames[0], Aim.at(styles, calibration, Fader(0, 0.5))).frame
    warped, trusted = followed(frames[1], frames[0], painted)
    assert (trusted > 0.99).mean() > 0.5
    distance = {}
    for weight in (0.0, 1e5):
        styles = styles_with(temporal_weight=weight, steps=8)
        result = second_frame(styles, calibration, frames, painted)
        difference = np.abs(result.frame - warped).mean(axis=-1)
        distance[weight] = difference[trusted > 0.99].mean()
    assert distance[1e5] < 0.5
    assert distance[0.0] > 3.0 * distance[1e5]


def test_a_later_frame_starts_from_the_previous_result_along_the_flow(frames, styles_with):
    """At a rate near 0 a frame is its start: the warp as far as it is trusted, else the content in
    the colours of the previous result, which here are those of a negative."""
    styles = styles_with(rate=1e-6, fresh_rate=1e-6, steps=1, temporal_weight=0.0)
    painted = 255 - frames[0]
    result = second_frame(styles, styles.calibrate(frames), frames, painted)
    warped, trusted = followed(frames[1], frames[0], painted)
    assert trusted.min() < 0.1
    assert trusted.max() > 0.99
    negative = 255.0 - frames[1]
    start = negative + trusted[..., None] * (warped - negative)
    np.testing.assert_allclose(result.frame, start, atol=0.6)


def test_paint_holds_while_gamma_rests_and_is_fresh_while_it_moves(frames, styles_with):
    """A change of 0.05 in the mix frees all of it; one of 0.01 leaves most of the hold."""
    styles = styles_with(steps=6, temporal_weight=1.0, gamma_scale="linear")
    calibration = styles.calibrate(frames)
    painted = first_frame(styles, frames[0], Aim.at(styles, calibration, Fader(0, 0.5))).frame
    warped, trusted = followed(frames[1], frames[0], painted)
    moves = []
    for before in (0.5, 0.49, 0.45):
        result = second_frame(styles, calibration, frames, painted, (before, 0.5))
        moves.append(np.abs(result.pixels - warped)[trusted > 0.99].mean())
    assert moves[1] > 1.1 * moves[0]
    assert moves[2] > 1.1 * moves[1]


def test_a_repeated_frame_keeps_its_result_and_takes_no_step(frames, styles_with, monkeypatch):
    styles = styles_with()
    calibration = styles.calibrate(frames)
    sequence, gammas = [frames[0], frames[0].copy(), frames[1]], (0.5, 0.5, 0.5)
    shot = list(stylize_shot(styles, calibration, sequence, faders(*gammas)))
    np.testing.assert_array_equal(shot[1].frame, shot[0].frame)
    assert [result.steps for result in shot] == [3, 0, 2]
    assert (shot[1].content, shot[1].style) == (shot[0].content, shot[0].style)
    # The same content under another mix is painted, and without a flow to compute.
    monkeypatch.setattr("mnst_video.painting.flow.optical_flow", None)
    faded = second_frame(styles, calibration, [frames[0]] * 2, shot[0].frame, (0.5, 0.6))
    assert faded.steps > 0


def test_a_frame_is_done_when_it_has_settled(texture, network):
    """Noise as of a camera at rest takes few of the steps; something new in it takes more."""
    width, height = 128, 80
    scene = texture(width, height, 1, 3.0)
    rng = np.random.default_rng(2)
    noisy = np.clip(scene + rng.normal(0.0, 1.0, scene.shape), 0.0, 255.0).astype(np.uint8)
    changed = noisy.copy()
    changed[16:48, 24:72] = texture(48, 32, 9, 1.5)
    options = quick_options(first_steps=30, steps=6)
    styles = [texture(160, 100, seed, blur) for seed, blur in ((11, 1.0), (12, 4.0))]
    styles = Styles(network, options.paint, styles, width, height)
    calibration = styles.calibrate([scene])
    painted = first_frame(styles, scene, Aim.at(styles, calibration, Fader(0, 0.5)))
    taken = {}
    for name, content in (("noisy", noisy), ("changed", changed)):
        aim = Aim.at(styles, calibration, Fader(0, 0.5))
        before = Previous(scene, painted, aim)
        taken[name] = next_frame(
            styles, content, Aim.at(styles, calibration, Fader(0, 0.5)), before
        ).steps
    assert 2 <= taken["noisy"] < taken["changed"]


def test_content_that_is_a_style_stays_itself(network, paintings):
    """Nearly no style loss is bare there, and a moved frame has a thousand times as much."""
    content = fit_style(paintings[0], WIDTH, HEIGHT)
    styles = Styles(network, quick_options(steps=3).paint, (content, paintings[1]), WIDTH, HEIGHT)
    calibrations = styles.calibrate([content])
    moved = np.roll(content, 1, axis=1)
    result = second_frame(styles, calibrations, [content, moved], content, (1.0, 1.0))
    assert np.abs(result.pixels - moved).mean() < 12.0


@pytest.mark.parametrize("fresh", [False, True])
def test_fresh_paint_and_settled_paint_have_rates_of_their_own(frames, styles_with, fresh):
    """With one of them next to 0, only the other's area moves from where it starts."""
    rates = {"rate": 1e-6, "fresh_rate": 4.0} if fresh else {"rate": 40.0, "fresh_rate": 1e-6}
    painted = 255 - frames[0]
    still = styles_with(steps=1, temporal_weight=0.0, rate=1e-6, fresh_rate=1e-6)
    moving = styles_with(steps=1, temporal_weight=0.0, **rates, pyramid_levels=1, pixel_rate=1.0)
    calibrations = still.calibrate(frames)
    start, end = (second_frame(s, calibrations, frames, painted).pixels for s in (still, moving))
    _, trusted = followed(frames[1], frames[0], painted)
    moved = np.abs(end - start).mean(axis=-1)
    assert moved[trusted < 0.01].size > 20
    if fresh:
        assert moved[trusted < 0.01].mean() > 2.0
        assert moved[trusted > 0.999].max() < 0.01
    else:
        assert moved[trusted > 0.999].mean() > 2.0


def test_settled_paint_moves_with_the_root_of_what_is_missing(frames, styles_with):
    """Measured at a pixel's first step, whose size is the rate; at most that of bare content."""
    alone = {"pyramid_levels": 1, "pixel_rate": 1.0}
    styles = styles_with(steps=1, temporal_weight=0.0, rate=8.0, fresh_rate=1e-6, **alone)
    still = styles_with(steps=1, temporal_weight=0.0, rate=1e-6, fresh_rate=1e-6)
    calibrations = styles.calibrate(frames)
    painted = first_frame(
        styles_with(first_steps=40),
        frames[0],
        Aim.at(styles_with(first_steps=40), calibrations, Fader(0, 0.5)),
    ).frame
    for picture in (painted, 255 - frames[0]):
        start = second_frame(still, calibrations, frames, picture).pixels
        result = second_frame(styles, calibrations, frames, picture)
        _, trusted = followed(frames[1], frames[0], picture)
        inside = (start.min(axis=-1) > 10.0) & (start.max(axis=-1) < 245.0) & (trusted > 0.999)
        moved = np.median(np.abs(result.pixels - start)[inside])
        assert moved == pytest.approx(8.0 * min(1.0, result.style) ** 0.5, rel=0.05)


def test_a_flash_takes_the_steps_of_a_first_frame(frames, styles_with, texture):
    styles = styles_with(first_steps=9, steps=2)
    other = [frames[0], texture(WIDTH, HEIGHT, 99, 1.5)]
    calibrations = styles.calibrate(frames)
    assert second_frame(styles, calibrations, frames, frames[0]).steps == 2
    assert second_frame(styles, calibrations, other, frames[0]).steps >= 7


def test_the_target_of_a_fade_is_ahead_of_the_mix(frames, styles_with):
    """By one frame's way, 0.05 at most; not in a jump, at rest, or into another pair."""
    styles = styles_with(gamma_scale="linear")
    calibrations = styles.calibrate(frames[:1]) * 2

    def led(before, now):
        aims = (Aim.at(styles, calibrations, fader) for fader in (now, before))
        return next(aims).led(next(aims))

    for before, now, ahead in ((0.4, 0.42, 0.02 * 0.92), (0.99, 0.97, -0.02 * 0.92)):
        aim = led(Fader(0, before), Fader(0, now))
        assert aim.ahead == pytest.approx(ahead)
        expected = styles.target(0, now + ahead)
        for name, gram in aim.target.items():
            torch.testing.assert_close(gram, expected[name])
        assert aim.bare == Aim.at(styles, calibrations, Fader(0, now)).bare
    assert led(Fader(0, 0.0), Fader(0, 0.1)).ahead == 0.05
    assert led(Fader(0, 0.01), Fader(1, 0.99)).ahead == 0.0
    for before, now in ((0.5, 0.5), (0.0, 1.0), (0.9, 0.6)):
        assert led(Fader(0, before), Fader(0, now)).ahead == 0.0


def test_steps_follow_the_mix(frames, styles_with):
    """6 where it rests, 60 where it jumps from style to style; in a setlist across its pairs too,
    and the end of one pair is the beginning of the next."""
    styles = styles_with(first_steps=60, steps=6, gamma_scale="linear")
    calibrations = styles.calibrate(frames[:1]) * 2

    def aim(fader):
        return Aim.at(styles, calibrations, fader)

    for before, now, steps in (
        (Fader(0, 0.5), Fader(0, 0.5), 6),
        (Fader(0, 0.5), Fader(0, 0.6), 11),
        (Fader(0, 0.0), Fader(0, 1.0), 60),
        (Fader(0, 0.0), Fader(1, 1.0), 6),
        (Fader(0, 0.25), Fader(1, 0.75), 33),
        (Fader(0, 1.0), Fader(1, 0.0), 60),
    ):
        assert aim(now).steps(aim(before)) == steps
    middle = aim(Fader(0, 0.5))
    assert middle.steps() == 60
    for uncovered, steps in ((0.1, 7), (0.5, 20), (1.0, 60)):
        assert middle.steps(middle, uncovered) == steps


def test_the_8_bit_frame_is_all_that_is_carried_on(frames, styles_with):
    styles = styles_with()
    calibration = styles.calibrate(frames)
    gammas = faders(0.0, 0.3, 0.6, 1.0)
    whole = [result.frame for result in stylize_shot(styles, calibration, frames, gammas)]
    assert len(whole) == 4
    for stop in (1, 3):
        rest = stylize_shot(
            styles_with(),
            calibration,
            frames[stop:],
            gammas[stop:],
            previous=Previous(
                frames[stop - 1],
                as_result(whole[stop - 1]),
                Aim.at(styles, calibration, gammas[stop - 1]),
            ),
        )
        again = [result.frame for result in rest]
        assert [f.tobytes() for f in again] == [f.tobytes() for f in whole[stop:]]


def test_without_warm_start_each_frame_is_a_still(frames, styles_with):
    styles = styles_with(warm_start=False)
    calibration = styles.calibrate(frames)
    shot = list(stylize_shot(styles, calibration, frames[:2], faders(0.2, 0.7)))
    still = first_frame(styles, frames[1], Aim.at(styles, calibration, Fader(0, 0.7)))
    assert np.array_equal(shot[1].frame, still.frame)


def test_a_shot_needs_one_gamma_for_each_frame(frames, styles_with):
    styles = styles_with(first_steps=1, steps=1)
    shot = stylize_shot(styles, styles.calibrate(frames[:1]), frames[:2], faders(0.5))
    with pytest.raises(ValueError, match="shorter"):
        list(shot)


@pytest.mark.parametrize("losses", ["relative", "article"])
def test_at_the_ends_of_gamma_the_other_style_does_not_count(
    network, frames, paintings, texture, losses
):
    other = texture(50, 50, 9, 1.2)
    style1, style2 = paintings
    options = quick_options(sigma=1.7, losses=losses)

    def still(gamma, *styles):
        styles = Styles(network, options.paint, styles, WIDTH, HEIGHT)
        calibration = styles.calibrate(frames[:1])
        return first_frame(styles, frames[0], Aim.at(styles, calibration, Fader(0, gamma))).frame

    assert np.array_equal(still(1.0, style1, style2), still(1.0, style1, other))
    assert np.array_equal(still(0.0, style1, style2), still(0.0, other, style2))
    assert not np.array_equal(still(1.0, style1, style2), still(1.0, other, style2))
    assert not np.array_equal(still(0.0, style1, style2), still(0.0, style1, other))


def test_gamma_1_is_style_1(network, as_image, frames, paintings):
    """Not the other way round: each end comes nearer to its own style than the other end does."""
    ends = {}
    for gamma in (0.0, 1.0):
        styles = Styles(network, quick_options(first_steps=8).paint, paintings, WIDTH, HEIGHT)
        calibration = styles.calibrate(frames[:1])
        ends[gamma] = first_frame(
            styles, frames[0], Aim.at(styles, calibration, Fader(0, gamma))
        ).frame
    for w in (0.0, 1.0):
        own, others = (
            style_share(network, as_image, ends[gamma], frames[0], paintings, w)
            for gamma in (w, 1.0 - w)
        )
        assert own < others


def test_sigma_is_measured_or_given(frames, styles_with):
    calibration = styles_with().calibrate(frames)
    (pair,) = calibration
    assert sigma2_of(styles_with().paint, calibration) == (pair.sigma2,) != (1.0,)
    assert sigma2_of(styles_with(sigma="shot").paint, calibration) == (pair.sigma2,)
    assert sigma2_of(styles_with(sigma=1.9).paint, calibration) == (1.9,)


@pytest.mark.parametrize("losses", ["relative", "article"])
def test_a_pair_of_a_setlist_is_that_pair_alone(network, frames, paintings, texture, losses):
    """But for the article's losses, whose scale runs on through the setlist: at the seam."""
    setlist = (*paintings, texture(50, 50, 9, 1.2))
    options = quick_options(losses=losses)
    whole = Styles(network, options.paint, setlist, WIDTH, HEIGHT)
    calibrations = whole.calibrate(frames)
    seam = [
        first_frame(whole, frames[0], Aim.at(whole, calibrations, fader)).frame
        for fader in (Fader(0, 0.0), Fader(1, 1.0))
    ]
    assert np.abs(seam[0].astype(int) - seam[1]).max() <= 1
    if losses == "relative":
        alone = Styles(network, options.paint, setlist[1:], WIDTH, HEIGHT)
        still = first_frame(alone, frames[0], Aim.at(alone, alone.calibrate(frames), Fader(0, 0.4)))
        same = first_frame(whole, frames[0], Aim.at(whole, calibrations, Fader(1, 0.4)))
        assert np.array_equal(still.frame, same.frame)


def test_match_colors_finds_an_affine_change_of_colours(texture):
    content, frame = texture(40, 30, 5), texture(36, 24, 6)
    matrix = np.array([[0.2, 0.5, 0.1], [0.5, -0.3, 0.1], [0.1, 0.1, 0.4]])
    offset = np.array([30.0, 90.0, 60.0])
    result = (content @ matrix.T + offset).round().astype(np.uint8)
    expected = frame @ matrix.T + offset
    assert expected.min() >= 0.0
    assert expected.max() <= 255.0
    matched = match_colors(frame, content, result)
    assert matched.dtype == np.float32
    # Rounding the result to 8 bits is noise, of which 1200 pixels leave little.
    np.testing.assert_allclose(matched, expected, atol=0.2)


def test_match_colors_with_exact_maps(texture):
    content = texture(40, 30, 5)
    for result in (content, 255 - content, content[..., ::-1]):
        np.testing.assert_allclose(match_colors(content, content, result), result, atol=0.01)


def test_match_colors_of_a_picture_of_one_colour(texture):
    """The map is not unique there, but that colour's image is, and nothing leaves 0..255."""
    grey, gold = np.full((8, 9, 3), 120, np.uint8), np.full((8, 9, 3), (220, 170, 40), np.uint8)
    np.testing.assert_allclose(match_colors(grey, grey, gold), gold, atol=0.01)
    far = match_colors(texture(9, 8, 7), grey, gold)
    assert far.min() >= 0.0
    assert far.max() <= 255.0


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan")])
def test_gamma_outside_0_to_1_is_refused(frames, paintings, gamma):
    with pytest.raises(ValueError, match="gamma must be between 0 and 1"):
        stylize_image(frames[0], *paintings, gamma, quick_options())


def test_max_side_is_honoured_and_small_pictures_are_not_enlarged(texture, paintings):
    wide, small = texture(80, 50, 1), texture(30, 20, 1)
    options = quick_options(max_side=32, first_steps=1)
    assert stylize_image(wide, *paintings, 0.5, options).shape == (20, 32, 3)
    assert stylize_image(small, *paintings, 0.5, options).shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("width", "height", "max_side", "expected"),
    [
        (1920, 1080, 640, (640, 360)),
        (1080, 1920, 640, (360, 640)),
        (641, 359, 640, (640, 358)),
        (640, 359, 640, (640, 359)),  # not scaled, so not rounded
        (33, 47, 4096, (33, 47)),
        (2000, 20, 100, (100, 16)),
        (10, 300, 300, (16, 300)),
        (5, 7, 64, (16, 16)),
    ],
)
def test_working_size(width, height, max_side, expected):
    assert working_size(width, height, max_side) == expected


@given(st.integers(16, 8000), st.integers(16, 8000), st.integers(32, 8000))
def test_working_size_keeps_the_shape_within_max_side(width, height, max_side):
    w, h = working_size(width, height, max_side)
    assert max(w, h) <= max_side
    assert w <= width
    assert h <= height
    assert min(w, h) >= 16
    if (w, h) != (width, height):
        assert max(w, h) == max_side // 2 * 2
        assert w % 2 == h % 2 == 0
        scale = max_side / max(width, height)
        assert abs(w - max(16, width * scale)) <= 2.0
        assert abs(h - max(16, height * scale)) <= 2.0
