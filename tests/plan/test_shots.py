"""Cuts are found where they are, and nowhere else; shots are half-open runs of frames."""

from pathlib import Path

import numpy as np
import pytest

from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.plan.shots import CutDetector, Shot, shots_within, split


def texture(seed, low, high, size=(96, 256)):
    """Blurred noise between two colours: something with detail, yet not only grain."""
    noise = np.random.default_rng(seed).random((size[0] // 8, size[1] // 8, 1))
    share = noise.repeat(8, 0).repeat(8, 1)
    return (np.array(low) * (1 - share) + np.array(high) * share).astype(np.uint8)


def pan(picture, frames, speed):
    return [picture[:, speed * i : speed * i + 128] for i in range(frames)]


def cuts_of(frames):
    detector = CutDetector()
    for frame in frames:
        detector.add(np.ascontiguousarray(frame))
    return detector.cuts()


LAKE = texture(1, (10, 40, 90), (90, 150, 220))
FIELD = texture(2, (120, 60, 0), (250, 220, 90))


def test_a_cut_between_two_moving_pictures_is_found_on_its_frame():
    assert cuts_of(pan(LAKE, 14, 3) + pan(FIELD, 16, 3)) == [14]


def test_two_cuts_are_found():
    frames = pan(LAKE, 12, 3) + pan(FIELD, 12, 2) + pan(LAKE[::-1], 12, 3)
    assert cuts_of(frames) == [12, 24]


@pytest.mark.parametrize("speed", [1, 4])
def test_a_pan_is_no_cut(speed):
    assert cuts_of(pan(LAKE, 30, speed)) == []


def test_a_still_picture_has_no_cut():
    assert cuts_of(pan(FIELD, 20, 0)) == []


def test_a_fade_is_no_cut():
    faded = [(FIELD[:, :128] * (i / 29)).astype(np.uint8) for i in range(30)]
    assert cuts_of(faded) == []


def test_one_frame_or_none_has_no_cut():
    assert cuts_of([]) == []
    assert cuts_of([LAKE[:, :128]]) == []


def test_the_cut_of_the_sample_clip_is_found():
    info = probe(Path(__file__).parents[2] / "samples/clip.mp4")
    assert info.times.frames == 72
    assert cuts_of(read_frames(info, 96, 54)) == [48]


def test_split_makes_half_open_shots():
    assert split(10, [4, 7]) == (Shot(0, 0, 4), Shot(1, 4, 7), Shot(2, 7, 10))
    assert split(10, []) == (Shot(0, 0, 10),)
    assert split(1, []) == (Shot(0, 0, 1),)


def test_split_takes_cuts_in_any_order_and_ignores_what_is_none():
    assert split(10, [7, 4, 7]) == split(10, [4, 7])
    assert split(10, [0, 10, 11, -3]) == (Shot(0, 0, 10),)
    assert split(10, [1, 9]) == (Shot(0, 0, 1), Shot(1, 1, 9), Shot(2, 9, 10))


def test_a_passage_keeps_the_numbers_of_the_shots():
    shots = split(30, [10, 20])
    assert shots_within(shots, 0, 30) == shots
    assert shots_within(shots, 12, 25) == (Shot(1, 12, 20), Shot(2, 20, 25))
    assert shots_within(shots, 21, 22) == (Shot(2, 21, 22),)
    assert shots_within(shots, 10, 20) == (Shot(1, 10, 20),)
    assert shots_within(shots, 9, 11) == (Shot(0, 9, 10), Shot(1, 10, 11))
    assert shots_within(shots, 15, 15) == ()


def test_a_passage_covers_each_of_its_frames_once():
    shots = split(12, [3, 4, 9])
    for start in range(12):
        for end in range(start, 13):
            covered = [
                f for shot in shots_within(shots, start, end) for f in range(shot.start, shot.end)
            ]
            assert covered == list(range(start, end))
