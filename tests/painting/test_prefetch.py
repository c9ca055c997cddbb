"""Work ahead in threads: the same items in the same order, and no thread that stays."""

import threading
import time
from itertools import count, islice

import numpy as np
import pytest

from mnst_video.options import Options
from mnst_video.painting import shot
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import Previous, first_frame, next_frame
from mnst_video.painting.prefetch import ahead, each
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_items_come_in_order():
    def late_at_first(number):
        time.sleep(0.02 if number < 3 else 0.0)
        return number * number

    squares = [number * number for number in range(20)]
    assert list(each(late_at_first, range(20), 4)) == squares
    assert list(ahead(iter(squares))) == squares
    assert list(ahead(each(late_at_first, range(20), 4), 3)) == squares


def test_items_are_made_before_they_are_asked_for():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    begun = ahead(items())
    assert next(begun) == 1
    assert made.wait(5.0)
    begun.close()


@pytest.mark.parametrize("error", [ValueError("odd"), KeyboardInterrupt()])
def test_what_fails_ahead_fails_where_it_is_asked_for(error):
    def items():
        yield 1
        raise error

    begun = ahead(items())
    assert next(begun) == 1
    with pytest.raises(type(error)):
        next(begun)

    def work(number):
        if number == 2:
            raise error
        return number

    got = []
    with pytest.raises(type(error)):
        got.extend(each(work, range(9), 2))
    assert got == [0, 1]


def test_an_endless_source_can_be_left():
    assert list(islice(ahead(count()), 5)) == [0, 1, 2, 3, 4]
    assert list(islice(each(str, count(), 2), 3)) == ["0", "1", "2"]


def test_flow_found_ahead_gives_the_same_frames(network, texture):
    scene = texture(60, 32, 1, 4.0)
    frames = [scene[:, i : i + 48].copy() for i in range(5)]
    options = Options(device="cpu", precision="float32", threads=1, first_steps=2, steps=1)
    styles = Styles(network, options.paint, (texture(40, 40, 2), texture(40, 40, 3)), 48, 32)
    calibrations, faders = styles.calibrate(frames), [Fader(0, 0.5)] * len(frames)
    plain = [result.frame for result in stylize_shot(styles, calibrations, frames, faders)]
    moving = list(each(shot._moving, shot._pairs(frames, None), 3))
    assert moving[0][1] is None
    previous, again = None, []
    for (content, motion), fader in zip(ahead(moving), faders, strict=True):
        aim = Aim.at(styles, calibrations, fader)
        if previous is None:
            result = first_frame(styles, content, aim)
        else:
            result = next_frame(styles, content, aim, previous, None, motion)
        previous = Previous(content, result, aim)
        again.append(result.frame)
    for one, other in zip(plain, again, strict=True):
        np.testing.assert_array_equal(one, other)
