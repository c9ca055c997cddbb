"""Frames with masks: a value of its own is no mask, each part has its painting, paint crosses."""

import numpy as np
import pytest

from mnst_video.method.sigma import LEAST
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.areas import COLORED, CROSSING, MaskedAim, Masks
from mnst_video.painting.frame import Previous, first_frame, next_frame
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader, Split

SIZE = 64, 48


@pytest.fixture(scope="module")
def pictures(texture):
    return texture(64, 48, 11, 3.0), texture(64, 48, 12, 1.0)


@pytest.fixture(scope="module")
def content(texture):
    wide = texture(80, 48, 13, 2.5)
    return [np.ascontiguousarray(wide[:, 2 * t : 2 * t + 64]) for t in range(4)]


@pytest.fixture(scope="module")
def styles(network, pictures):
    paint = Options(first_steps=8, steps=3, faces="paint").paint
    return Styles(network, paint, pictures, *SIZE)


SPLIT = Split(0.0, 1.0)


def masks(sides=255, paint=255, hold=0, split=SPLIT):
    """Each a level for all, or a picture `(48, 64)`."""
    planes = [np.broadcast_to(np.asarray(p, np.uint8), (48, 64)) for p in (sides, paint, hold)]
    return Masks(np.dstack(planes), split)


def halves(left, right):
    mask = np.full((48, 64), right, np.uint8)
    mask[:, :32] = left
    return mask


@pytest.mark.parametrize(
    ("given", "faders"),
    [
        ([masks(51)] * 3, [Fader(0, 0.2)] * 3),
        ([masks(51, split=Split(0.0, 0.7))] * 3, [Fader(0, 51 / 255 * 0.7)] * 3),
        ([masks(255, split=Split(0.0, g)) for g in (0.1, 0.15, 0.9)], [0.1, 0.15, 0.9]),
        ([masks(v) for v in (0, 13, 255)], [0.0, 13 / 255, 1.0]),
        ([masks(9, paint=77, split=Split(0.3, 0.3))] * 3, [0.3] * 3),
        ([masks(9, paint=0, split=Split(0.3, 0.3))] * 3, [0.3] * 3),
    ],
)
def test_a_mask_of_one_value_is_no_mask(styles, content, given, faders):
    faders = [f if isinstance(f, Fader) else Fader(0, f) for f in faders]
    calibrations = styles.calibrate(content[:1])
    plain = list(stylize_shot(styles, calibrations, content[:3], faders))
    other = [Fader(0, 0.5)] * 3  # which has no say
    masked = list(stylize_shot(styles, calibrations, content[:3], other, masks=given))
    for one, two in zip(plain, masked, strict=True):
        assert np.array_equal(one.pixels, two.pixels)
        assert one.figures == two.figures


def test_a_setlist_s_white_is_its_first_style_and_black_its_last():
    whole = Split(3.0, 1.0, 3)
    assert [whole.at(v) for v in (1.0, 0.5, 0.0)] == [Fader(0, 1.0), Fader(1, 1.0), Fader(1, 0.0)]
    assert whole.at(0.75) == Fader(0, 0.5)
    assert Split(3.0, 1.3, 3).at(1.0) == Fader.at_position(1.3, 3)


def missing(styles, picture, content, area, gamma):
    """Of a half of a picture, what is missing of a style in each layer."""
    target = styles.target(0, gamma)
    found = []
    for shown in (picture, content):
        look = styles.look(np.ascontiguousarray(np.hstack([shown[area], shown[area][:, ::-1]])))
        losses = [float((look.grams[n] - target[n]).square().mean()) for n in target]
        found.append(losses)
    return np.mean([max(a, LEAST) / max(b, LEAST) for a, b in zip(*found, strict=True)])


def test_each_half_has_its_own_painting(network, pictures, content):
    paint = Options(first_steps=40, faces="paint").paint
    styles = Styles(network, paint, pictures, *SIZE)
    calibrations = styles.calibrate(content[:1])
    aim = MaskedAim.of(styles, calibrations, masks(halves(255, 0)))
    assert [part.level for part in aim.parts] == [0, 255]
    painted = first_frame(styles, content[0], aim).frame
    left, right = np.s_[:, :32], np.s_[:, 32:]
    for area, own, other in ((left, 1.0, 0.0), (right, 0.0, 1.0)):
        mine, theirs = (missing(styles, painted, content[0], area, g) for g in (own, other))
        assert mine < 0.3
        assert mine < theirs / 2


def test_where_no_paint_is_nothing_of_the_style_is_asked(styles, content):
    calibrations = styles.calibrate(content[:1])
    aim = MaskedAim.of(
        styles, calibrations, masks(255, paint=halves(255, 0), split=Split(1.0, 1.0))
    )
    assert aim.covered == pytest.approx(0.5)
    (part,) = aim.parts
    assert part.aim.fader == Fader(0, 1.0)
    assert np.array_equal(part.mask, halves(1, 0))
    (area,) = aim.areas(np.ones((48, 64), np.float32))
    for own in (area.masks, area.uncovered):
        assert own["block1_conv1"][..., 33:].max() == 0.0
    assert area.weight == pytest.approx(1.0)


def test_paint_that_was_under_the_footage_is_begun_anew(styles, content):
    calibrations = styles.calibrate(content[:1])
    before = MaskedAim.of(styles, calibrations, masks(paint=halves(255, 0)))
    wider = halves(255, 0)
    wider[:, 32:40] = 255
    now = MaskedAim.of(styles, calibrations, masks(paint=wider), before, moved(0.0))
    carried = now.carried(np.ones((48, 64), np.float32))
    assert (carried[:, 32:40] == 0.0).all()
    assert (carried[:, :32] == 1.0).all()
    still = MaskedAim.of(styles, calibrations, masks(paint=wider), now, moved(0.0))
    assert (still.carried(carried * 0 + 1) == 1.0).all()


def test_what_is_held_stays_nearer_to_the_content(styles, content):
    calibrations = styles.calibrate(content[:1])
    changes = []
    for hold in (0, halves(0, 255)):
        aim = MaskedAim.of(styles, calibrations, masks(hold=hold))
        painted = first_frame(styles, content[0], aim).frame.astype(int)
        changes.append(np.abs(painted - content[0])[:, 40:].mean())
    assert changes[1] < 0.9 * changes[0]


def moved(by):
    flow = np.zeros((48, 64, 2), np.float32)
    flow[..., 0] = by
    return flow, np.ones((48, 64), np.float32)


def test_paint_that_crosses_a_boundary_becomes_the_other_s_in_some_frames(styles, content):
    calibrations = styles.calibrate(content[:1])
    own = masks(halves(255, 0))
    aim = MaskedAim.of(styles, calibrations, own)
    # What is seen moves to the right by four pixels once, and rests.
    seen = []
    for motion in (moved(-4.0), *[moved(0.0)] * CROSSING):
        aim = MaskedAim.of(styles, calibrations, own, aim, motion)
        seen.append(int(aim.sides[20, 33]))
        assert aim.sides[20, 10] == 255
        assert aim.sides[20, 50] == 0
    steps = -np.diff([255, *seen])
    assert steps.max() <= 255 / CROSSING + 1
    assert seen[0] > 200
    assert seen[CROSSING - 1] == 0
    assert aim.crossing is not None
    assert float(aim.crossing.went.max()) == 0.0


def test_new_paint_and_a_cut_of_the_mask_are_at_once(styles, content):
    calibrations = styles.calibrate(content[:1])
    before = MaskedAim.of(styles, calibrations, masks(halves(255, 0)))
    flow, trust = moved(-4.0)
    uncovered = MaskedAim.of(
        styles, calibrations, masks(halves(255, 0)), before, (flow, 0.0 * trust)
    )
    assert np.array_equal(uncovered.sides, halves(255, 0))
    cut = MaskedAim.of(styles, calibrations, masks(halves(0, 255)), before, moved(0.0))
    assert np.array_equal(cut.sides, halves(0, 255))
    assert cut.steps(before) == styles.paint.first_steps


def test_a_boundary_that_moves_takes_no_more_steps_than_what_is_uncovered(styles, content):
    calibrations = styles.calibrate(content[:1])
    before = MaskedAim.of(styles, calibrations, masks(halves(255, 0)))
    mask = halves(255, 0)
    mask[:, 32:36] = 255
    now = MaskedAim.of(styles, calibrations, masks(mask), before, moved(0.0))
    assert now.steps(before) == styles.paint.steps
    rest = now.rest(before)
    assert rest[20, 33] < 0.5
    assert (rest[:, :30] == 1.0).all()
    fresh = now.fresh(np.ones((48, 64), np.float32))
    assert fresh[20, 33] == 1.0
    assert (fresh[:, 40:] == 0.0).all()


def test_a_frame_that_is_the_one_before_once_more_is_kept(styles, content):
    calibrations = styles.calibrate(content[:1])
    own = masks(halves(255, 0))
    aim = MaskedAim.of(styles, calibrations, own)
    result = first_frame(styles, content[0], aim)
    previous = Previous(content[0], result, aim)
    again = MaskedAim.of(styles, calibrations, own, aim, moved(0.0))
    assert next_frame(styles, content[0], again, previous).steps == 0
    other = MaskedAim.of(styles, calibrations, masks(halves(255, 20)), aim, moved(0.0))
    assert next_frame(styles, content[0], other, previous).steps > 0


def test_uncovered_places_get_the_colours_of_their_own_side(styles, content):
    """The picture before is red on one side and blue on the other, whatever the content was."""
    calibrations = styles.calibrate(content[:1])
    own = masks(halves(255, 0))
    aim = MaskedAim.of(styles, calibrations, own)
    painted = np.zeros((48, 64, 3), np.uint8)
    painted[:, :32, 0], painted[:, 32:, 2] = 200, 200
    nothing = np.zeros(painted.shape, np.float32)
    _, filled = aim.begun(content[1], content[0], painted, nothing, aim)
    assert np.abs(filled[:, :30] - (200, 0, 0)).mean() < 12
    assert np.abs(filled[:, 34:] - (0, 0, 200)).mean() < 12
    plain = Aim.at(styles, calibrations, Fader(0, 0.5))
    _, filled = plain.begun(content[1], content[0], painted, nothing, plain)
    assert np.abs(filled - painted).mean() > 40


def test_fades_of_a_masked_part_are_led_as_a_plain_fade_is(styles, content):
    calibrations = styles.calibrate(content[:1])
    splits = Split(0.0, 0.4), Split(0.0, 0.44)
    before, now = (masks(halves(255, 0), split=split) for split in splits)
    first = MaskedAim.of(styles, calibrations, before)
    aim = MaskedAim.of(styles, calibrations, now, first, moved(0.0))
    ends = [Aim.at(styles, calibrations, Fader(0, g)) for g in (0.4, 0.44)]
    assert aim.parts[1].aim.ahead == ends[1].led(ends[0]).ahead > 0.0
    assert aim.parts[0].aim.ahead == 0.0


def test_a_smaller_mask_is_the_same_mask():
    small = masks(halves(255, 0)).resized(32, 24)
    assert small.sides[:, :15].min() == 255
    assert small.sides[:, 17:].max() == 0


def test_paint_that_crosses_takes_the_colours_of_its_new_side_a_part_a_frame(styles, content):
    """The left is red and the right is blue: what has crossed goes from red to blue."""
    calibrations = styles.calibrate(content[:1])
    own = masks(halves(255, 0))
    before = MaskedAim.of(styles, calibrations, own)
    painted = np.zeros((48, 64, 3), np.uint8)
    painted[:, :32, 0], painted[:, 32:, 2] = 200, 200
    warped = np.roll(painted, 4, axis=1).astype(np.float32)
    now = MaskedAim.of(styles, calibrations, own, before, moved(-4.0))
    begun, _ = now.begun(content[0], content[0], painted, warped, before)
    assert np.array_equal(begun[:, 8:30], warped[:, 8:30])
    crossed = begun[10:38, 33:35].mean(axis=(0, 1))
    drawn = 200 * COLORED / CROSSING
    assert crossed == pytest.approx([200 - drawn, 0, drawn], abs=6)


def test_a_wipe_through_a_setlist_goes_on_where_it_is(network, pictures, content, texture):
    """At the second of three styles nothing changes, but that it is white's from then on."""
    three = Styles(
        network, Options(faces="paint").paint, (*pictures, texture(64, 48, 14, 2.0)), *SIZE
    )
    calibrations = three.calibrate(content[:1])
    nearly, first = halves(0, 0), halves(255, 255)
    nearly[:, :2] = 255
    first[:, 62:] = 0
    before = MaskedAim.of(three, calibrations, masks(nearly, split=Split(2.0, 1.0, 3)))
    now = MaskedAim.of(
        three, calibrations, masks(first, split=Split(3.0, 2.0, 3)), before, moved(0.0)
    )
    assert now.steps(before) == three.paint.steps
    assert (now.rest(before)[:, 6:60] == 1.0).all()
    assert (now.sides[:, 6:60] == 255).all()
