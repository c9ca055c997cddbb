"""Faces are found where they are, go along with the flow, and come and go without a jump."""

import cv2
import matplotlib.cbook
import numpy as np
import pytest
import torch

from mnst_video.media.frames import resize
from mnst_video.media.images import load_image
from mnst_video.options import Options, resource
from mnst_video.painting.aim import Aim
from mnst_video.painting.faces import (
    FALL,
    RISE,
    Face,
    _detector,
    _found,
    features_map,
    find_faces,
    track_faces,
)
from mnst_video.painting.frame import Previous, first_frame, next_frame
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader

# Where a person sees the features of `portrait`, in its own pixels of 512 x 600.
FEATURES = ((225, 193), (308, 195), (263, 243), (230, 270), (302, 270))


@pytest.fixture(scope="module")
def moving(portrait):
    """A picture of 96 x 96 that moves 2 pixels to the right and 1 down in each of 8 frames."""
    return [portrait[12 - t : 108 - t, 20 - 2 * t : 116 - 2 * t].copy() for t in range(8)]


def off(face, features, width):
    """The largest distance of a feature, in widths of the face."""
    return np.linalg.norm(np.subtract(face.points[2:], features), axis=1).max() / width


@pytest.mark.parametrize("width", [64, 128, 512, 1024])
def test_a_face_is_found_where_it_is_at_any_size(width):
    whole = load_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    (face,) = find_faces(resize(whole, width, width * 150 // 128))
    assert off(face, np.multiply(FEATURES, width / 512), face.size[0]) < 0.12
    assert face.size[0] == pytest.approx(175 * width / 512, rel=0.1)
    assert face.weight == 1.0


def test_where_there_is_no_face_none_is_found(texture):
    assert find_faces(texture(160, 120, 3)) == ()
    assert find_faces(load_image(resource("samples/swirls.jpg"))) == ()


@pytest.mark.parametrize(("width", "height"), [(16, 16), (32, 24), (192, 24), (30, 640)])
def test_nothing_is_found_in_memory_that_was_never_written(width, height):
    """OpenCV's detector takes what lies there for faces, in pictures as small as these."""
    for count in np.geomspace(10, 3e6, 60):
        np.full(int(count), 1e30, np.float32)
    _detector.cache_clear()
    assert find_faces(np.full((height, width, 3), 90, np.uint8)) == ()


def test_a_face_goes_along(moving):
    tracked = list(track_faces(moving))
    assert [len(faces) for faces in tracked] == [1] * 8
    assert all(faces[0].weight == 1.0 for faces in tracked)
    ways = np.subtract(tracked[-1][0].points, tracked[0][0].points).mean(axis=0)
    assert ways == pytest.approx((14.0, 7.0), abs=1.0)
    # It trembles less than what is found.
    found = [find_faces(frame)[0] for frame in moving]
    still = [np.subtract(faces[0].points, (2 * t, t)) for t, faces in enumerate(tracked)]
    alone = [np.subtract(face.points, (2 * t, t)) for t, face in enumerate(found)]
    assert np.abs(np.diff(still, axis=0)).mean() < 0.8 * np.abs(np.diff(alone, axis=0)).mean()


def test_a_face_comes_slowly_and_anew_after_it_was_covered(moving):
    empty = np.full_like(moving[0], 128)
    tracked = list(track_faces([empty, *moving]))
    weights = [faces[0].weight for faces in tracked[1:]]
    assert tracked[0] == ()
    assert weights == pytest.approx([min(1.0, (t + 1) * RISE) for t in range(8)])
    assert list(track_faces([*moving[:2], empty, moving[2]]))[2:] == [
        (),
        tuple(Face(face.points, RISE) for face in find_faces(moving[2])),
    ]


def test_a_face_that_is_not_found_goes_with_the_flow_and_fades(portrait):
    """In a fade to grey it is not found at last, where the flow still sees it move."""
    frames = []
    for t in range(16):
        part = portrait[12:108, 28 - t : 124 - t].astype(np.float32)
        frames.append(np.asarray(128 + 0.82**t * (part - 128), np.uint8))
    last = max(t for t, frame in enumerate(frames) if _found(frame))
    assert 4 < last < 14
    tracked = list(track_faces(frames))
    assert tracked[last][0].weight == 1.0
    for gone, faces in enumerate(tracked[last + 1 :], 1):
        assert faces[0].weight == pytest.approx(1.0 - gone * FALL)
        way = np.subtract(faces[0].points, tracked[last][0].points).mean(axis=0)
        assert way == pytest.approx((gone, 0.0), abs=0.5)


def test_a_face_that_was_sure_may_be_less_so_and_stays(portrait):
    """Out of focus it is still seen, but would not begin: no face flickers at the limit."""
    sharp = portrait[12:108, 20:116]
    frames = [cv2.GaussianBlur(sharp, (0, 0), 0.3 + 0.5 * t) for t in range(12)]
    unsure = [t for t, frame in enumerate(frames) if _found(frame) and not find_faces(frame)]
    assert unsure
    tracked = list(track_faces(frames))
    assert [tracked[t][0].weight for t in unsure] == [1.0] * len(unsure)
    assert list(track_faces([frames[unsure[0]]])) == [()]


def test_a_flash_does_not_begin_a_face_anew(moving):
    bright = np.asarray(255 - (255 - moving[1].astype(np.float32)) * 0.25, np.uint8)
    tracked = list(track_faces([moving[0], bright, moving[2]]))
    assert [[face.weight for face in faces] for faces in tracked] == [[1.0]] * 3


def test_the_map_is_whole_at_the_features_and_nothing_elsewhere():
    points = ((20.0, 20.0), (60.0, 70.0), (30.0, 40.0), (50.0, 40.0), (40.0, 50.0))
    face = Face((*points, (33.0, 60.0), (47.0, 60.0)))
    mask = features_map([face], 90, 80)
    assert mask.shape == (90, 80)
    assert mask[39, 30] == mask[39, 50] == mask[60, 40] == 1.0
    assert mask[50, 40] == 0.0
    assert mask[:28].max() == mask[72:].max() == mask[:, :18].max() == 0.0
    half = Face(face.points, 0.5)
    assert features_map([half], 90, 80) == pytest.approx(0.5 * mask)
    assert features_map([face, half], 90, 80) == pytest.approx(mask)
    assert features_map([], 90, 80).max() == 0.0


def test_the_map_turns_with_the_face():
    points = ((20.0, 20.0), (60.0, 60.0), (30.0, 35.0), (50.0, 35.0), (40.0, 45.0))
    face = Face((*points, (33.0, 55.0), (47.0, 55.0)))
    turned = Face(((20.0, 20.0), (60.0, 60.0), *((80 - y, x) for x, y in face.points[2:])))
    mask, other = features_map([face], 81, 81), features_map([turned], 81, 81)
    assert other == pytest.approx(np.rot90(mask, -1), abs=1e-4)


def test_a_face_beyond_the_border_has_a_map_too():
    points = np.array(((0, 0), (40, 50), (10, 15), (30, 15), (20, 28), (12, 38), (28, 38)))
    whole = Face.at(points + 20)
    mask = features_map([whole], 90, 80)
    assert mask[:, 15:28].max() == 1.0
    assert features_map([whole.moved(np.array((-30, 0)))], 90, 50) == pytest.approx(mask[:, 30:])
    assert features_map([whole.moved(np.array((-300, 7)))], 40, 30).max() == 0.0


def test_a_large_face_is_held_less():
    points = np.array(((0, 0), (96, 120), (30, 40), (66, 40), (48, 66), (34, 90), (62, 90)))
    mask = features_map([Face.at(points)], 130, 100)
    assert mask.max() == pytest.approx(0.5)


# Painting


@pytest.fixture(scope="module")
def painted(network, portrait):
    """Two frames, painted with and without their face: name of the option -> frames."""
    small = resize(portrait[10:120, 10:120], 96, 96)
    frames = [small, np.roll(small, 1, axis=1)]
    pictures = [load_image(resource(f"samples/{name}.jpg")) for name in ("swirls", "ink")]
    results = {}
    for word in ("keep", "paint"):
        options = Options(device="cpu", precision="float32", threads=1, first_steps=25)
        styles = Styles(network, options.paint, pictures, 96, 96)
        aim = Aim.at(styles, styles.calibrate(frames[:1]), Fader(0, 1.0))
        faces = [find_faces(frame) if word == "keep" else () for frame in frames]
        first = first_frame(styles, frames[0], aim, faces=faces[0])
        second = next_frame(styles, frames[1], aim, Previous(frames[0], first, aim), faces=faces[1])
        results[word] = [first.frame, second.frame]
    return frames, results


def lines(network, as_image, frame):
    with torch.no_grad():
        return network(as_image(frame), {"block3_conv1"})["block3_conv1"][0]


def test_eyes_and_mouth_keep_their_lines_and_the_rest_its_paint(network, as_image, painted):
    frames, results = painted
    for number, frame in enumerate(frames):
        mask = features_map(find_faces(frame), 96, 96)
        inside = torch.from_numpy(mask.reshape(24, 4, 24, 4).mean(axis=(1, 3)))
        away = {}
        for word, pictures in results.items():
            moved = lines(network, as_image, pictures[number]) - lines(network, as_image, frame)
            distance = moved.square().sum(0)
            away[word] = [
                float((distance * where).sum() / where.sum())
                for where in (inside, (inside == 0).float())
            ]
        assert away["keep"][0] < 0.5 * away["paint"][0]
        assert away["keep"][1] > 0.9 * away["paint"][1]


def test_a_kept_face_is_found_in_the_painting(painted):
    frames, results = painted
    for frame, picture in zip(frames, results["keep"], strict=True):
        (face,), (seen,) = find_faces(frame), find_faces(picture)
        assert off(seen, face.points[2:], face.size[0]) < 0.08
