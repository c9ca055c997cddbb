import cv2
import numpy as np
import pytest

from mnst_video.painting.flow import alike, feather, optical_flow, reliability, trust, warp

WIDTH, HEIGHT = 96, 64
EDGE = 12
INSIDE = np.s_[EDGE:-EDGE, EDGE:-EDGE]


def constant_flow(dx, dy, width=WIDTH, height=HEIGHT):
    flow = np.empty((height, width, 2), np.float32)
    flow[...] = (dx, dy)
    return flow


def moved(scene, dx, dy):
    """Two frames cut out of a larger scene; from the first to the second it moves by (dx, dy)."""
    matrix = np.array([[1, 0, -20 + dx], [0, 1, -20 + dy]], np.float32)
    second = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    return scene[20 : 20 + HEIGHT, 20 : 20 + WIDTH].copy(), second


@pytest.fixture
def scene(texture):
    return texture(WIDTH + 40, HEIGHT + 40, 1, 2.5)


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -4), (-2, 5), (1.5, -0.75)])
def test_backward_flow_points_to_where_things_came_from(scene, dx, dy):
    previous, current = moved(scene, dx, dy)
    backward = optical_flow(current, previous)
    assert backward.shape == (HEIGHT, WIDTH, 2)
    assert backward.dtype == np.float32
    error = np.abs(backward[INSIDE] - (-dx, -dy))
    assert np.median(error) < 0.1
    assert error.mean() < 0.25
    warped = warp(previous.astype(np.float32), backward)
    before = np.abs(current.astype(float) - previous)[INSIDE].mean()
    after = np.abs(current - warped)[INSIDE].mean()
    assert after < 0.1 * before


def test_flow_sees_colours_as_rgb(texture):
    """Red counts 0.299 and blue 0.114: taken for BGR, this picture would be an even grey."""
    wave = texture(WIDTH, HEIGHT, 6, 2.5)[..., 0] / 255.0 - 0.5
    previous = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    previous[..., 0] = (128.0 + 200.0 * wave).round()
    previous[..., 2] = (128.0 - 200.0 * wave * 0.114 / 0.299).round()
    backward = optical_flow(np.roll(previous, 3, axis=1), previous)
    assert np.abs(backward[INSIDE] - (-3, 0)).mean() < 0.3


def test_a_still_picture_has_no_flow(scene):
    frame = scene[:HEIGHT, :WIDTH].copy()
    assert np.abs(optical_flow(frame, frame)).max() < 0.01


def test_warp_by_whole_pixels_is_a_shift_with_repeated_edges(texture):
    picture = texture(24, 16, 2).astype(np.float32)
    warped = warp(picture, constant_flow(-3.0, 2.0, 24, 16))
    y, x = np.mgrid[:16, :24]
    expected = picture[np.clip(y + 2, 0, 15), np.clip(x - 3, 0, 23)]
    np.testing.assert_allclose(warped, expected, atol=1e-3)
    one = warp(picture[..., 0].copy(), constant_flow(-3.0, 2.0, 24, 16))
    np.testing.assert_allclose(one, expected[..., 0], atol=1e-3)


def test_warp_by_half_a_pixel_reads_between_pixels():
    """A sine is known everywhere."""
    x = np.arange(64)
    sine = np.broadcast_to(100.0 + 50.0 * np.sin(x / 4.0), (16, 64)).astype(np.float32)
    expected = np.broadcast_to(100.0 + 50.0 * np.sin((x + 0.5) / 4.0), (16, 64))
    warped = warp(sine, constant_flow(0.5, 0.0, 64, 16))
    np.testing.assert_allclose(warped[:, 8:-8], expected[:, 8:-8], atol=0.5)


def test_warp_hardly_blurs_over_many_frames(texture):
    """Forth and back by half a pixel, twenty times."""
    picture = texture(64, 48, 3, 2.0).astype(np.float32)
    warped = picture
    for step in range(20):
        warped = warp(warped, constant_flow(0.5 if step % 2 else -0.5, 0.0, 64, 48))
    kept = warped[:, 16:-16].std() / picture[:, 16:-16].std()
    assert kept > 0.98
    assert np.abs(warped - picture)[:, 16:-16].mean() < 1.0


@pytest.mark.parametrize(("dx", "dy"), [(3.0, 0.0), (-2.5, 4.0)])
def test_consistent_motion_is_reliable_where_its_source_is_inside(dx, dy):
    trust = reliability(constant_flow(dx, dy), constant_flow(-dx, -dy))
    assert trust.dtype == np.float32
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = (abs(x + dx - (WIDTH - 1) / 2) <= WIDTH / 2) & (
        abs(y + dy - (HEIGHT - 1) / 2) <= HEIGHT / 2
    )
    assert np.array_equal(trust, inside.astype(np.float32))
    assert 0 < inside.sum() < inside.size


def test_flows_that_disagree_are_not_reliable():
    """|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5, on either side of the threshold.

    With w = (-4, 0) and w' = (4 + d, 0): d^2 > 0.01 (16 + (4 + d)^2) + 0.5, which turns true
    between d = 0.94 and d = 0.95.
    """
    for d, expected in ((0.0, 1.0), (0.94, 1.0), (0.96, 0.0), (4.0, 0.0)):
        trust = reliability(constant_flow(-4.0, 0.0), constant_flow(4.0 + d, 0.0))
        assert (trust[INSIDE] == expected).all(), d


def test_motion_boundaries_are_not_reliable():
    """Where the flow's gradient squared exceeds 0.01 |w|^2 + 0.002: a slow zoom does not."""
    for stretch, expected in ((0.04, 1.0), (0.06, 0.0)):
        backward = np.zeros((HEIGHT, WIDTH, 2), np.float32)
        backward[..., 0] = stretch * (np.arange(WIDTH) - WIDTH / 2)
        trust = reliability(backward, -backward)
        centre = trust[:, WIDTH // 2 - 3 : WIDTH // 2 + 4]  # where |w| is below 0.2
        assert (centre[:, 3] == expected).all(), stretch


def test_what_an_occluder_uncovers_is_not_reliable():
    """A square that moves by 8 to the right over a background that stands still."""
    square, uncovered = np.s_[20:44, 38:62], np.s_[20:44, 30:38]
    backward, forward = constant_flow(0.0, 0.0), constant_flow(0.0, 0.0)
    backward[square] = (-8.0, 0.0)
    forward[20:44, 30:54] = (8.0, 0.0)
    trust = reliability(backward, forward)
    assert (trust[uncovered] == 0.0).all()
    assert (trust[22:42, 40:60] == 1.0).all()
    far = np.ones_like(trust, dtype=bool)
    far[18:46, 28:64] = False
    assert (trust[far] == 1.0).all()


def test_frames_are_alike_up_to_ten_levels(scene):
    frame = (scene[:HEIGHT, :WIDTH] // 2 + 40).astype(np.uint8)
    other = frame.copy()
    other[20:40, 20:40] += 30
    other[20:40, 60:80] += 5
    same = alike(frame, other, constant_flow(0.0, 0.0))
    assert (same[23:37, 23:37] == 0.0).all()
    assert (same[20:40, 60:80] == 1.0).all()
    assert (same[:16] == 1.0).all()
    lamp = frame.copy()
    lamp[:, : 6 * WIDTH // 10] += 40
    mostly = alike(lamp, frame, constant_flow(0.0, 0.0))
    assert mostly[:, : 6 * WIDTH // 10 - 4].all()
    assert mostly[:, 6 * WIDTH // 10 + 4 :].all()
    darker = (other * 0.5 + 10.0).astype(np.uint8)
    assert alike(frame, frame - 25, constant_flow(0.0, 0.0)).all()
    assert not alike(frame, darker, constant_flow(0.0, 0.0))[23:37, 23:37].any()


def test_a_moving_picture_is_trusted_but_for_what_enters_it(scene):
    previous, current = moved(scene, 6, 0)
    backward = optical_flow(current, previous)
    whole = trust(current, previous, backward, optical_flow(previous, current))
    assert whole.dtype == np.float32
    assert whole[INSIDE].mean() > 0.95
    assert whole[:, :5].max() < 0.1


def test_another_picture_is_not_trusted(texture):
    """However well the flows agree: nothing looks alike."""
    frame, other = (texture(WIDTH, HEIGHT, seed, 2.5) for seed in (7, 8))
    assert trust(frame, other, constant_flow(0.0, 0.0), constant_flow(0.0, 0.0)).mean() < 0.1


def test_an_edge_is_trusted_by_the_area_that_lies_within():
    """A pan of a quarter of a pixel a frame: drawn out, the edge would become a streak."""
    frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    whole = trust(frame, frame, constant_flow(-0.25, 0.0), constant_flow(0.25, 0.0))
    np.testing.assert_allclose(whole[:, 0], 0.75, atol=1e-5)
    np.testing.assert_allclose(whole[:, 1:], 1.0, atol=1e-5)


def test_feather_draws_trust_in_and_softens_its_edges():
    """A half plane that is trusted from column 24 on: its soft edge has its middle at 24.5, that is
    a pixel further in than the hard one, and nothing changes 5 pixels away from it."""
    mask = np.zeros((32, 48), np.float32)
    mask[:, 24:] = 1.0
    soft = feather(mask)
    assert soft.dtype == np.float32
    assert (np.diff(soft, axis=1) >= 0.0).all()
    assert (soft[:, :20] == 0.0).all()
    np.testing.assert_allclose(soft[:, 29:], 1.0, atol=1e-5)
    assert (soft[:, :24] < 0.1).all()
    assert ((soft[:, 24] > 0.2) & (soft[:, 24] < 0.4)).all()
    np.testing.assert_allclose(soft[:, 24] + soft[:, 25], 1.0, atol=1e-5)


def test_feather_leaves_full_trust_and_no_trust_alone_and_stays_in_0_to_1():
    for value in (0.0, 1.0):
        mask = np.full((16, 24), value, np.float32)
        np.testing.assert_allclose(feather(mask), mask, atol=1e-6)
    specks = (np.random.default_rng(0).uniform(size=(64, 96)) > 0.02).astype(np.float32)
    soft = feather(specks)
    assert soft.min() >= 0.0
    assert soft.max() <= 1.0 + 1e-6
    assert soft[specks == 0.0].max() < 0.3
