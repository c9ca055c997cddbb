"""Values over time: texts against values worked out by hand, wrong texts, and properties."""

from dataclasses import replace
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.errors import TextError
from mnst_video.timeline.clock import Clock, Tempo
from mnst_video.timeline.curve import Keyframe, Schedule
from mnst_video.timeline.easing import NAMES, Easing
from mnst_video.timeline.fader import Fader
from mnst_video.timeline.keys import Key, Timeline
from mnst_video.timeline.timecode import Time

NTSC = F(30000, 1001)


def clock(seconds=180, fps=F(25), tempo=None):
    """A clip; the last of its frames begins 1/fps before its end."""
    return Clock([i / fps for i in range(int(seconds * fps))], fps, tempo)


LONG = clock()
AT_120 = clock(tempo=Tempo.steady(F(120)))
LATE = clock(tempo=Tempo.steady(F(120), F(1, 4), 3))
UNEVEN = clock(10, tempo=Tempo(tuple(map(F, (0, 1, 3, 4, 6)))))
VFR = Clock([F(ms, 1000) for ms in (0, 40, 70, 150, 200)], F(20))
ONE = clock(F(1, 25))
# Beat 0 lies before the first frame, for the latter eleven days.
EARLY = clock(tempo=Tempo.steady(F(120), F(-1, 4)))
AGES_AGO = clock(tempo=Tempo.steady(F(120), F(-(10**6)) - F(1, 4)))
ONE_EARLY = Clock([F(0)], F(25), Tempo.steady(F(120), F(-1, 8)))

# A text, the clip, and (seconds, value) pairs.
RIGHT = [
    # Constants and ramps
    ("0.4", LONG, [(0, 0.4), (99, 0.4)]),
    ("1", LONG, [(0, 1)]),
    (" .5 ", LONG, [(7, 0.5)]),
    ("1e-1", LONG, [(7, 0.1)]),
    ("start=0.5", LONG, [(0, 0.5), (99, 0.5)]),
    ("start=0, end=1", LONG, [(0, 0), (F(17996, 200), 0.5), (F(17996, 100), 1)]),
    ("start=1, end=0", LONG, [(0, 1), (F(17996, 400), 0.75), (F(17996, 100), 0)]),
    ("0=0, 12.5s=1 ease-in-out, 1:30=0", LONG, [(0, 0), (6.25, 0.5), (12.5, 1), (51.25, 0.5)]),
    ("0=0, 10=1,", LONG, [(5, 0.5)]),
    ("0 = 0 , 10 = 1", LONG, [(5, 0.5)]),
    ("0=0,10=1,20=0", LONG, [(5, 0.5), (15, 0.5), (99, 0)]),
    ("10=0.25, 20=0.75", LONG, [(0, 0.25), (10, 0.25), (15, 0.5), (20, 0.75), (100, 0.75)]),
    # Every form of time
    ("400ms=0, 600ms=1", LONG, [(F(1, 2), 0.5)]),
    ("100f=0, 200f=1", LONG, [(4, 0), (6, 0.5), (8, 1)]),
    ("1f=0, 3f=1", VFR, [(F(95, 1000), 0.5)]),
    ("25%=0, 75%=1", LONG, [(F(17996, 400), 0), (F(17996, 200), 0.5)]),
    ("0:30=0, 1:00=1", LONG, [(45, 0.5)]),
    ("0:30.5=0, 0:31.5=1", LONG, [(31, 0.5)]),
    ("0:01:00=0, 0:02:00.0=1", LONG, [(90, 0.5)]),
    ("00:00:01:00=0, 00:00:01:12=1", LONG, [(F(31, 25), 0.5)]),
    ("00:01:00:00=0, 00:02:00:00=1", clock(180, NTSC), [(F(2700 * 1001, 30000), 0.5)]),
    ("00:00:59;28=0, 00:01:00;02=1", clock(180, NTSC), [(F(1799 * 1001, 30000), 0.5)]),
    ("4b=0, 8b=1", AT_120, [(2, 0), (3, 0.5), (4, 1)]),
    ("1bar=0, 2bar=1", AT_120, [(3, 0.5)]),
    ("1bar=0, 2bar=1", LATE, [(1.75, 0), (2.5, 0.5), (3.25, 1)]),
    ("1.1.1=0, 2.1.1=1", AT_120, [(1, 0.5)]),
    ("1.1.1=0, 1.2.3=1", AT_120, [(0.375, 0.5), (0.75, 1)]),
    ("0b=0, 4/3b=1", AT_120, [(F(1, 3), 0.5)]),
    ("1b=0, 3b=1", UNEVEN, [(1, 0), (2.5, 0.5), (4, 1)]),
    ("-10=0, -0=1", LONG, [(F(16996, 100), 0), (F(17496, 100), 0.5), (F(17996, 100), 1)]),
    ("-50%=0, end=1", LONG, [(F(17996, 200), 0), (F(17996, 100), 1)]),
    ("-100f=0, -50f=1", LONG, [(F(17996, 100) - 3, 0.5)]),
    ("-2bar=0, -1bar=1", AT_120, [(F(17996, 100) - 3, 0.5)]),
    ("-0:20=0, -0:10=1", LONG, [(F(17996, 100) - 15, 0.5)]),
    ("0.25clip=0, 0.75clip=1", LONG, [(45, 0), (90, 0.5), (135, 1)]),
    ("0=0, 180=1", LONG, [(90, 0.5)]),  # the clip's length, though no frame begins there
    # Easing belongs to the key that is left
    ("0=0 linear, 4=1 hold", LONG, [(1, 0.25)]),
    ("0=0 hold, 4=1", LONG, [(1, 0), (3.99, 0), (4, 1)]),
    ("0=0 steps(4), 4=1", LONG, [(0.9, 0), (1, 0.25), (3.5, 0.75), (4, 1)]),
    ("0=0 ease-in-quad, 4=1", LONG, [(1, 0.0625), (2, 0.25)]),
    ("0=0 easeInQuad, 4=1", LONG, [(2, 0.25)]),
    ("0=0 quad-in, 4=1", LONG, [(2, 0.25)]),
    ("0=0 ease-out-quad, 4=1", LONG, [(2, 0.75)]),
    ("0=0 ease-in-out-quad, 4=1", LONG, [(1, 0.125), (3, 0.875)]),
    ("0=0 ease-in-cubic, 4=1", LONG, [(2, 0.125)]),
    ("0=0 ease-in-quart, 4=1", LONG, [(2, 0.0625)]),
    ("0=0 ease-in-quint, 4=1", LONG, [(2, 0.03125)]),
    ("0=0 ease-in-expo, 4=1", LONG, [(2, 0.03125)]),
    ("0=0 ease-in-out-sine, 3=1", LONG, [(1, 0.25), (2, 0.75)]),
    ("0=0 ease-in-circ, 5=1", LONG, [(3, 0.2)]),
    ("0=0 ease-out-circ, 5=1", LONG, [(2, 0.8)]),
    ("0=0 ease, 4=1", LONG, [(2, 0.80240)]),
    ("0=0 ease-in, 4=1", LONG, [(2, 0.31536)]),
    ("0=0 ease-out, 4=1", LONG, [(2, 0.68464)]),
    ("0=0 ease-in-out, 4=1", LONG, [(1, 0.12916), (2, 0.5)]),
    ("0=0 cubic-bezier(0.42, 0, 0.58, 1), 4=1", LONG, [(1, 0.12916)]),
    ("0=1 ease-in-quad, 4=0", LONG, [(2, 0.75)]),
    ("0=0.2 ease-in-quad, 4=0.6 hold, 8=1", LONG, [(2, 0.3), (5, 0.6), (8, 1)]),
    # A Bézier that overshoots stays in the range
    ("0=0 cubic-bezier(0.5,2,0.5,2), 4=1", LONG, [(2, 1)]),
    ("0=0 steps(49), 49=1", LONG, [(F(99, 100), 0), (1, 1 / 49), (47, 47 / 49), (49, 1)]),
    ("0=0 cubic-bezier(0.42,\n 0,\n 0.58, 1),\n4=1", LONG, [(1, 0.12916)]),
    ("0b=0, 2b=1", EARLY, [(0, 0.25), (F(1, 4), 0.5), (F(3, 4), 1)]),
    # Loops
    ("0=0, 4=1 repeat 4", LONG, [(1, 0.25), (4, 0), (5, 0.25), (7, 0.75), (179, 0.75)]),
    ("0=0, 2=1 repeat 4s", LONG, [(1, 0.5), (2, 1), (3.9, 1), (4, 0), (5, 0.5)]),
    ("0=0, 2=1, 4=0 repeat 4", LONG, [(1, 0.5), (3, 0.5), (4, 0), (6, 1), (7, 0.5)]),
    ("10=0, 12=1 repeat 2", LONG, [(0, 0), (9, 0), (11, 0.5), (12, 0), (13, 0.5)]),
    ("0=0 hold, 50f=1 repeat 100f", LONG, [(1, 0), (2, 1), (3.96, 1), (4, 0), (6, 1)]),
    ("0b=0 hold, 4b=1 repeat 8b", AT_120, [(1, 0), (2, 1), (3.9, 1), (4, 0), (6, 1)]),
    ("0bar=0, 1bar=1 repeat 1bar", LATE, [(0, 0), (1, 0.5), (1.75, 0), (2.5, 0.5)]),
    ("0b=0, 1b=1 repeat 1b", UNEVEN, [(0.5, 0.5), (1, 0), (2, 0.5), (3, 0), (3.5, 0.5), (9, 0.5)]),
    ("0=0, 0.5clip=1, 1clip=0 repeat 1clip", LONG, [(45, 0.5), (90, 1), (135, 0.5)]),
    ("4=1, 0=0 repeat 8", LONG, [(2, 0.5), (10, 0.5)]),
    ("0b=0, 2b=1 repeat 2b", EARLY, [(0, 0.25), (F(1, 2), 0.75), (F(3, 4), 0), (F(5, 4), 0.5)]),
    ("0b=0, 2b=1 repeat 2b", AGES_AGO, [(0, 0.25), (F(1, 2), 0.75), (F(3, 4), 0), (179, 0.25)]),
    ("0b=0, 2b=1 repeat 1s", AGES_AGO, [(0, 0.25), (F(1, 2), 0.75), (F(3, 4), 0), (179, 0.25)]),
    # Deforum
    ("0:(1.0), 30:(0.5)", LONG, [(0, 1), (0.6, 0.75), (1.2, 0.5), (9, 0.5)]),
    ("0: (0), 100: (1)", LONG, [(2, 0.5)]),
    ("0:(0.25)", LONG, [(9, 0.25)]),
    ("0:0", LONG, [(9, 0)]),
    ("0:1.0, 30:.5", LONG, [(0, 1), (0.6, 0.75), (1.2, 0.5)]),
    # Parts of a hundred
    ("40%", LONG, [(9, 0.4)]),
    ("0=0%, 2=100%", LONG, [(1, 0.5), (2, 1)]),
    ("50%=12.5%", LONG, [(0, 0.125)]),
    # One frame takes the value at the start
    ("start=0.2, end=0.9", ONE, [(0, 0.2)]),
    ("end=0.9, start=0.2", ONE, [(0, 0.2)]),
    ("0=0.3, 5=1", ONE, [(0, 0.3)]),
    ("50%=0.9, 0=0.3", ONE, [(0, 0.3)]),
    ("-0=0.9, 0f=0.3", ONE, [(0, 0.3)]),
    ("5=1", ONE, [(0, 1)]),
    ("300=1, 400=0 repeat 500", ONE, [(0, 1)]),
    ("-2=1, -1=0.5, 0=0.3", ONE, [(0, 0.3)]),
    ("0b=0, 1b=1", ONE_EARLY, [(0, 0.25)]),
    # Sorted
    ("10=1, 0=0", LONG, [(5, 0.5)]),
    ("end=1, 0=0 hold, 10=0.5 hold", LONG, [(5, 0), (11, 0.5)]),
]


@pytest.mark.parametrize(("text", "on", "values"), RIGHT)
def test_a_text_has_these_values(text, on, values):
    timeline = Timeline.parse(text)
    schedule, _ = timeline.resolve(on)
    for seconds, value in values:
        assert schedule.at(F(seconds)) == pytest.approx(float(value), abs=2e-5), seconds
    assert Timeline.parse(str(timeline)) == timeline


def test_there_are_enough_right_and_wrong_texts():
    assert len(RIGHT) >= 60
    assert len(WRONG) + len(WRONG_ON_A_CLIP) >= 40


# What is marked, and the advice.
WRONG = [
    ("", "»«: write a number, or keys: 0=0"),
    ("  ", "» «: write a number, or keys: 0=0"),
    ("red", "»red«: red is not a number; write one, such as 0.4, or keys: 0=0, 12.5s=1"),
    ("0.4 hold", "»0.4 hold«: 0.4 hold is not a number; write one"),
    ("nan", "»nan«: nan is not a number"),
    ("1e999", "»1e999«: 1e999 is not a number"),
    ("1_0", "»1_0«: 1_0 is not a number"),
    ("0=nan, 1=0", "0=»nan«, 1=0: nan is not a number"),
    ("0=-inf", "0=»-inf«: -inf is not a number"),
    ("0=", "»0=«: a key is TIME=VALUE"),
    ("=1", "»«=1: a time is missing"),
    ("0=0, 5", "0=0, »5«: a key is TIME=VALUE, such as 12.5s=1"),
    ("0=0,, 5=1", "0=0,»,« 5=1: a key is missing before this comma"),
    (", 5=1", "»,« 5=1: a key is missing before this comma"),
    ("0=0 5=1", "0=0 »5=1«: a comma is missing before this"),
    ("0=0; 5=1", "0=»0;« 5=1: keys are separated by commas"),
    ("0=0;5=1", "0=»0;5=1«: keys are separated by commas"),
    ("4b=8b", "4b=»8b«: 8b is not a number; a key is TIME=VALUE"),
    ("0=0,, 5=1 repeat 9", "0=0,»,« 5=1 repeat 9: a key is missing before this comma"),
    ("0=0 steps(4) 5=1", "0=0 »steps(4) 5=1«: a comma is missing before this"),
    ("2min=1", "»2min«=1: 2min is not a time; minutes and hours are written 1:30"),
    ("-5sec=1", "»-5sec«=1: -5sec is not a time; did you mean -5s?"),
    ("0=0 ease-\nin", "0=0 »ease- in«: there is no easing ease- in; did you mean ease-in?"),
    ("0==1", "0=»=1«: =1 is not a number"),
    ("12,5=1", "»12«,5=1: a key is TIME=VALUE"),
    ("0.5=12s", "0.5=»12s«: 12s is not a number; the time stands first: did you mean 12s=0.5?"),
    ("0=0hold, 1=1", "0=»0hold«, 1=1: 0hold is not a number; a blank goes after 0"),
    ("0=0 eas-in, 5=1", "0=0 »eas-in«, 5=1: there is no easing eas-in; did you mean ease-in?"),
    ("0=0 easeinout", "»easeinout«: there is no easing easeinout; did you mean ease-in-out?"),
    ("0=0 steps(0)", "»steps(0)«: steps takes a whole number"),
    ("0=0 cubic-bezier(1,2), 5=1", "»cubic-bezier(1,2)«, 5=1: cubic-bezier takes four numbers"),
    ("0=0 steps(3, 5=1", "0=0 »steps(3, 5=1«: steps(3, 5=1 lacks its closing bracket"),
    ("12sec=1", "»12sec«=1: 12sec is not a time; did you mean 12s?"),
    ("0=0, x=1", "0=0, »x«=1: x is not a time; write 12.5s, 300f"),
    ("1:5=0", "»1:5«=0: minutes and seconds have two digits"),
    ("1.0.1=0", "»1.0.1«=0: positions count from 1"),
    ("-start=1", "»-start«=1: start takes no minus"),
    ("0=0 repeat", "repeat»«: repeat stands last, with a length; a time is missing"),
    ("0=0 repeat 4, 5=1", "repeat »4, 5=1«: repeat stands last, with a length"),
    ("0=0 repeat 50%", "repeat »50%«: repeat takes a length, such as 8bar, 4s or 1clip"),
    ("0=0 repeat end", "repeat »end«: repeat takes a length"),
    ("0=0 repeat -4s", "repeat »-4s«: repeat takes a length"),
    ("0=0 repeat 0s", "repeat »0s«: a round must last longer"),
    ("0:(sin(t)), 30:(1)", "0:(»sin(t)«), 30:(1): expressions are not evaluated"),
    ("0:(__import__('os'))", "»__import__('os')«): expressions are not evaluated"),
    ("0:(1), 30=0.5", "»30=0.5«: Deforum's keys are FRAME:(VALUE)"),
    ("0:(1e400)", "0:(»1e400«): 1e400 is not a number"),
    ("max_f-1:(0.5)", "»max_f-1«:(0.5): Deforum's keys begin with a frame's number"),
    ("0:()", "0:(»«): expressions are not evaluated"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_text_is_shown_with_the_place_marked(text, message):
    with pytest.raises(TextError) as caught:
        Timeline.parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


WRONG_ON_A_CLIP = [
    ("1.5", LONG, "»1.5«: must be between 0 and 1"),
    ("0=0, 5=1.5", LONG, "0=0, 5=»1.5«: must be between 0 and 1"),
    ("0=-0.1 hold, 5=1", LONG, "0=»-0.1« hold, 5=1: must be between 0 and 1"),
    ("0=0, 300=1", LONG, "0=0, »300«=1: 300 is past the end, 180 s: did you mean 300f?"),
    ("0=0, 300s=1", LONG, "»300s«=1: 300s is past the end, 180 s; the last frame is at `end`"),
    ("0=0, 4:00=1", LONG, "»4:00«=1: 4:00 is past the end, 180 s; the last frame is at `end`"),
    ("0=0, 9000f=1", LONG, "»9000f«=1: 9000f is past the end, 180 s"),
    ("-300=0, end=1", LONG, "»-300«=0, end=1: -300 is before the start"),
    ("0=0, 0f=1", LONG, "0=0, »0f«=1: two keys at one time, 0 s; delete one"),
    ("4b=0, 0=0, 2=1", AT_120, "»2«=1: two keys at one time, 2 s"),
    ("0=0, 4b=1", LONG, "0=0, »4b«=1: 4b needs a tempo: add --bpm 120, or --bpm auto"),
    ("0=0 repeat 4b", LONG, "repeat »4b«: 4b needs a tempo"),
    ("0=0, 8=1 repeat 4", LONG, "repeat »4«: the keys span 8 s, more than a round's 4 s"),
    ("0=0, 8=1 repeat 400", LONG, "repeat »400«: a round of 400 is longer than the clip, 180 s: "
     "did you mean 400f?"),
    ("400=0, 401=1 repeat 4", LONG, "»400«=0, 401=1 repeat 4: 400 is past the end, 180 s: "
     "did you mean 400f?"),
    ("-999999999=0, end=1 repeat 999999999", LONG, "»-999999999«=0, end=1 repeat 999999999: "
     "-999999999 is before the start"),
    ("-9999999999=0 repeat 1", LONG, "»-9999999999«=0 repeat 1: -9999999999 is before the start"),
    ("0=0 repeat 1ms", LONG, "repeat »1ms«: a round is shorter than a frame"),
    ("00:00:01;00=1", LONG, "»00:00:01;00«=1: drop-frame timecode is for 29.97 and 59.94 fps"),
    ("1.5.1=1", AT_120, "»1.5.1«=1: a bar has 4 beats (--beats-per-bar)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "on", "message"), WRONG_ON_A_CLIP)
def test_what_a_clip_has_not_is_shown_with_the_place_marked(text, on, message):
    timeline = Timeline.parse(text)
    with pytest.raises(TextError) as caught:
        timeline.resolve(on)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_text_is_cut_around_the_place():
    text = ", ".join(f"{n}=0" for n in range(100)) + ", x=1, " + ", ".join(["5=1"] * 50)
    with pytest.raises(TextError) as caught:
        Timeline.parse(text)
    shown = str(caught.value).partition(": x is not")[0]
    assert "»x«=1, 5=1" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) < 80


def test_the_notes():
    def notes(text, on=LONG, typed=True):
        return replace(Timeline.parse(text), typed=typed).resolve(on)[1]

    assert notes("0=0, 5=1") == ()
    assert notes("5=1, 0=0") == ("the keys were not in order of time: sorted",)
    past = "300 is past the end, 180 s: this key of the preset is dropped"
    assert notes("0=0, 300=1", typed=False) == (past,)
    cut = "a round of 100bar is longer than the clip: it is not played to its end"
    assert notes("0=0 repeat 100bar", AT_120) == (cut,)


def test_a_presets_keys_past_the_end_are_dropped():
    timeline = replace(Timeline.parse("0=0, 60=0.5, 300=1"), typed=False)
    schedule, _ = timeline.resolve(LONG)
    assert [schedule.at(F(t)) for t in (30, 60, 179)] == [0.25, 0.5, 0.5]
    # Where all are, the value before the first holds.
    schedule, notes = replace(Timeline.parse("300=0.3, 400=1"), typed=False).resolve(LONG)
    assert (schedule.at(F(0)), schedule.at(F(179)), len(notes)) == (0.3, 0.3, 2)


def test_a_presets_keys_before_the_start_are_dropped():
    timeline = replace(Timeline.parse("-300=0, -60=0.5, end=1"), typed=False)
    schedule, notes = timeline.resolve(LONG)
    assert [schedule.at(F(t)) for t in (0, F(11996, 100))] == [0.5, 0.5]
    before = "-300 is before the start: the end is 179.96 s: this key of the preset is dropped"
    assert notes == (before,)
    # Where all are, the value after the last holds.
    schedule, _ = replace(Timeline.parse("-400=0.3, -300=0.6"), typed=False).resolve(LONG)
    assert [schedule.at(F(t)) for t in (0, 179)] == [0.6, 0.6]


def test_a_presets_loop_may_begin_past_the_end():
    timeline = replace(Timeline.parse("300=0.3, 301=1 repeat 4"), typed=False)
    schedule, notes = timeline.resolve(LONG)
    assert [schedule.at(F(t)) for t in (0, 179)] == [0.3, 0.3]
    assert notes == ("300 is past the end, 180 s: this key of the preset is dropped",)


def test_a_schedule_may_jump_and_must_not_go_back():
    schedule = Schedule((Keyframe(F(0), 0.0), Keyframe(F(2), 1.0), Keyframe(F(2), 0.5)))
    assert [schedule.at(F(t)) for t in (1, 2, 3)] == [0.5, 0.5, 0.5]
    for keys in ((), (Keyframe(F(1), 0.0), Keyframe(F(0), 0.0))):
        with pytest.raises(ValueError, match="in order of time"):
            Schedule(keys)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Schedule((Keyframe(F(0), float("nan")),))


@pytest.mark.parametrize(
    ("position", "pair", "gamma"),
    [(1.0, 0, 1.0), (1.5, 0, 0.5), (2.0, 1, 1.0), (2.25, 1, 0.75), (3.0, 1, 0.0)],
)
def test_a_position_is_a_pair_and_gamma(position, pair, gamma):
    assert Fader.at_position(position, 3) == Fader(pair, gamma)


def test_two_styles_have_gamma_2_minus_position():
    for position in (1.0, 1.25, 1.5, 2.0):
        assert Fader.at_position(position, 2) == Fader(0, 2.0 - position)


# Properties

amounts = st.fractions(0, 200, max_denominator=1000)
plain = st.one_of(
    st.builds(Time, st.sampled_from(["s", "b", "bar", "clip"]), st.tuples(amounts), st.booleans()),
    st.builds(Time, st.just("f"), st.tuples(st.integers(0, 5000).map(F)), st.booleans()),
    st.builds(Time, st.just("%"), st.tuples(st.fractions(0, 100, max_denominator=100))),
)
numbers = st.tuples(st.floats(0, 1), st.floats(-5, 5), st.floats(0, 1), st.floats(-5, 5))
easings = st.one_of(
    st.sampled_from(NAMES).map(Easing),
    numbers.map(lambda n: Easing("cubic-bezier", n)),
    st.integers(1, 50).map(lambda n: Easing("steps", (float(n),))),
)
keys = st.lists(st.builds(Key, plain, st.floats(0, 1), easings), min_size=1, max_size=6)
repeats = st.builds(
    Time, st.sampled_from(["s", "b", "bar", "clip"]), st.tuples(amounts.filter(bool))
)
timelines = st.builds(Timeline, keys.map(tuple), st.one_of(st.none(), repeats), st.booleans())
clips = st.sampled_from([LONG, AT_120, LATE, EARLY, AGES_AGO, UNEVEN, VFR, ONE, ONE_EARLY])


@given(timelines)
def test_parsing_what_was_printed_gives_the_same_timeline(timeline):
    assert Timeline.parse(str(timeline)) == timeline


@given(timelines, clips, st.lists(st.fractions(-10, 200, max_denominator=100), max_size=20))
def test_a_value_never_leaves_its_range_and_only_text_errors_are_raised(timeline, on, moments):
    try:
        schedule, _ = timeline.resolve(on)
    except TextError:
        return
    for time in (*moments, *on.times[:50]):
        assert 0.0 <= schedule.at(time) <= 1.0


@given(timelines, st.fractions(0, 180, max_denominator=1000))
def test_a_round_is_like_the_first(timeline, moment):
    try:
        schedule, _ = timeline.resolve(AT_120)
    except TextError:
        return
    if timeline.repeat is None or moment < schedule.keys[0].time:
        return
    later = AT_120.later(moment, timeline.repeat)
    if later <= AT_120.end:
        assert schedule.at(later) == pytest.approx(schedule.at(moment), abs=1e-9)


monotone = st.sampled_from([name for name in NAMES if name != "hold"])


@given(st.floats(0, 1), st.floats(0, 1), monotone, amounts, amounts)
def test_a_ramp_with_a_monotone_easing_is_monotone(first, last, easing, t1, t2):
    schedule, _ = Timeline.parse(f"0={first!r} {easing}, end={last!r}").resolve(LONG)
    early, late = schedule.at(min(t1, t2)), schedule.at(max(t1, t2))
    if first > last:
        early, late = late, early
    assert early <= late + 1e-12
    assert min(first, last) - 1e-12 <= early
    assert late <= max(first, last) + 1e-12


FRAGMENTS = [
    *("0", "1", "0.5", "12.5s", "300f", "50%", "1:30", "-", "b", "bar", "=", "=", ",", ",", " "),
    *("repeat", "ease", "hold", "steps(", "cubic-bezier(", ")", "(", ":", ";", "nan", "1e400"),
    *("9" * 40, "end", "start", "clip", "1/3", "/", ".", "\n", "γ", "−"),
]
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(" ".join),
)


@given(texts, clips)
def test_any_text_is_read_or_refused_in_one_line(text, on):
    message = ""
    try:
        timeline = Timeline.parse(text)
        assert Timeline.parse(str(timeline)) == timeline
        timeline.resolve(on)
    except TextError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        "0=0, " + "9" * 5000 + "=1",
        "9999999999999f=1",
        "9" * 5000 + ":(0.5)",
        "0=" + "9" * 5000,
        "0." + "9" * 4000 + "=1",
        "9" * 400 + "=0, " + "9" * 400 + "=1",
        "1000000000000000000000000000000:00:00=1",
        "-1000000000000000000000000000000:00:00=1 repeat 1f",
        "0=0 repeat 0.0001s",
        "0=0 steps(1e400), 5=1",
        "0=0, 1=1 repeat " + "9" * 5000,
        "0=0 repeat 1/" + "9" * 5000,
        "(" * 200 + "=" * 200,
        "0=0 " * 500,
        "1:" * 300,
    ],
)
def test_absurd_texts_are_refused_too(text):
    with pytest.raises(TextError):
        Timeline.parse(text).resolve(AT_120)
