"""The hand: who has γ, and how it glides."""

import math

import pytest

from mnst_video.live.hand import Hand


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_timeline_has_it_until_something_moves(clock):
    hand = Hand(0.0, clock)
    assert hand.next(0.3) == (0.3, None)
    hand.put(0.8, "MIDI")
    assert hand.next(0.4)[0] == 0.8
    assert hand.next(0.5)[0] == 0.8
    hand.put(0.1, "OSC")  # the latest movement wins, whoever had it
    assert (hand.next(0.6)[0], hand.held_by) == (0.1, "OSC")
    hand.release()
    assert (hand.next(0.7)[0], hand.held_by) == (0.7, None)


def test_a_push_begins_where_gamma_is(clock):
    hand = Hand(0.0, clock)
    hand.next(0.5)
    hand.push(0.05, "key")
    assert hand.next(0.9)[0] == pytest.approx(0.55)
    hand.push(0.05, "wheel")
    assert hand.next(0.9)[0] == pytest.approx(0.6)
    hand.push(5.0, "wheel")
    assert hand.next(0.9)[0] == 1.0


@pytest.mark.parametrize(("put", "shown"), [(-0.5, 0.0), (7.0, 1.0), (1e300, 1.0)])
def test_it_stays_between_the_ends(clock, put, shown):
    hand = Hand(0.0, clock)
    hand.put(put, "OSC")
    assert hand.next(0.5)[0] == shown


@pytest.mark.parametrize("put", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_heard(clock, put):
    hand = Hand(0.0, clock)
    hand.put(put, "OSC")
    assert hand.next(0.25) == (0.25, None)


def test_a_glide_takes_its_time(clock):
    """Exponentially, whatever the frames' intervals are."""
    hand = Hand(0.5, clock)
    hand.next(0.0)
    hand.put(1.0, "key")
    for clock.now in (0.1, 0.25, 0.5):
        value, _ = hand.next(0.0)
    assert value == pytest.approx(1.0 - math.exp(-1.0))
    clock.now = 60.0
    assert hand.next(0.0)[0] == 1.0


def test_the_age_of_the_oldest_message_is_known(clock):
    hand = Hand(0.0, clock)
    clock.now = 2.0
    hand.put(0.2, "OSC")
    clock.now = 3.0
    hand.put(0.3, "OSC")
    assert hand.next(0.0) == (0.3, 2.0)
    assert hand.next(0.0) == (0.3, None)
