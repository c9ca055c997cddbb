import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.schedule import GammaSchedule, Keyframe

gammas = st.floats(0.0, 1.0)
times = st.fractions(min_value=0, max_value=1000, max_denominator=30_000)


def test_a_ramp_is_exact_at_its_ends_and_in_its_middle():
    duration = Fraction(1001 * 250, 30000)
    ramp = GammaSchedule.ramp(0.2, 0.8, duration)
    assert ramp.at(Fraction(0)) == 0.2
    assert ramp.at(duration) == 0.8
    assert ramp.at(duration / 2) == pytest.approx(0.5, abs=1e-15)
    assert ramp.at(duration / 3) == pytest.approx(0.4, abs=1e-15)
    down = GammaSchedule.ramp(1.0, 0.0, Fraction(4))
    assert [down.at(Fraction(t)) for t in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_outside_its_keys_a_schedule_is_held():
    keys = (Keyframe(Fraction(2), 0.25), Keyframe(Fraction(3), 0.75), Keyframe(Fraction(7), 0.5))
    schedule = GammaSchedule(keys)
    assert schedule.at(Fraction(-5)) == schedule.at(Fraction(0)) == schedule.at(Fraction(2)) == 0.25
    assert schedule.at(Fraction(7)) == schedule.at(Fraction(8)) == schedule.at(Fraction(99)) == 0.5
    assert schedule.at(Fraction(3)) == 0.75
    assert schedule.at(Fraction(5, 2)) == 0.5
    assert schedule.at(Fraction(4)) == 0.6875


def test_a_clip_of_one_frame_takes_the_start():
    schedule = GammaSchedule.ramp(0.3, 0.9, Fraction(0))
    assert [schedule.at(Fraction(t)) for t in (-1, 0, 1)] == [0.3, 0.3, 0.3]


@pytest.mark.parametrize("value", [math.nan, 1.1, -0.1, math.inf, -math.inf, 1.0000001])
def test_gamma_outside_0_to_1_is_refused(value):
    with pytest.raises(ValueError, match="gamma must be between 0 and 1"):
        Keyframe(Fraction(0), value)
    for ends in ((value, 0.5), (0.5, value)):
        for duration in (Fraction(0), Fraction(3)):
            with pytest.raises(ValueError, match="gamma must be between 0 and 1"):
                GammaSchedule.ramp(*ends, duration)


@pytest.mark.parametrize("times", [(), (1, 0), (0, 0), (0, 2, 2), (0, 3, 1)])
def test_keys_need_increasing_times(times):
    keys = tuple(Keyframe(Fraction(time), 0.5) for time in times)
    with pytest.raises(ValueError, match="increasing times"):
        GammaSchedule(keys)


@given(gammas, gammas, times.filter(bool), times, times)
def test_a_ramp_is_monotone_and_stays_between_its_ends(start, end, duration, t1, t2):
    """But for the last digit of a float."""
    ramp = GammaSchedule.ramp(start, end, duration)
    early, late = ramp.at(min(t1, t2)), ramp.at(max(t1, t2))
    if start > end:
        early, late = late, early
    assert early <= late + 1e-15
    assert min(start, end) - 1e-15 <= early
    assert late <= max(start, end) + 1e-15
    assert 0.0 <= early <= 1.0
    assert 0.0 <= late <= 1.0


@given(st.dictionaries(times, gammas, min_size=1, max_size=6), times)
def test_a_schedule_passes_through_its_keys_and_never_beyond_its_neighbours(values, time):
    keys = tuple(Keyframe(t, values[t]) for t in sorted(values))
    schedule = GammaSchedule(keys)
    for key in keys:
        assert schedule.at(key.time) == key.value
    before = [key.value for key in keys if key.time <= time][-1:]
    after = [key.value for key in keys if key.time > time][:1]
    neighbours = before + after
    assert min(neighbours) - 1e-15 <= schedule.at(time) <= max(neighbours) + 1e-15
