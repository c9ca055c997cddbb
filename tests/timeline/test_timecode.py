"""Times: every form against seconds that were worked out by hand."""

from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.timeline.clock import Clock, Tempo
from mnst_video.timeline.timecode import Time

NTSC = F(30000, 1001)


def clock(frames=4500, fps=F(25), tempo=None):
    """By default 180 s at 25 fps: the last frame begins at 179.96 s."""
    return Clock([i / fps for i in range(frames)], fps, tempo)


AT_120 = clock(tempo=Tempo.steady(F(120)))
WALTZ = clock(tempo=Tempo.steady(F(90), F(7, 20), 3))
UNEVEN = clock(tempo=Tempo((F(1), F(2), F(4), F(5)), 1))
# A phone's: frames at 0, 40, 70, 150 and 200 ms.
VFR = Clock([F(ms, 1000) for ms in (0, 40, 70, 150, 200)], F(20))

RIGHT = [
    ("12.5", clock(), F(25, 2)),
    ("12.5s", clock(), F(25, 2)),
    (" 12.5 s ", clock(), F(25, 2)),
    (".5", clock(), F(1, 2)),
    ("7.", clock(), F(7)),
    ("400ms", clock(), F(2, 5)),
    ("0.1", clock(), F(1, 10)),
    ("1/3", clock(), F(1, 3)),
    ("300f", clock(), F(12)),
    ("300F", clock(), F(12)),
    ("300f", clock(fps=NTSC), F(300 * 1001, 30000)),
    ("3f", VFR, F(150, 1000)),
    ("4f", VFR, F(200, 1000)),
    ("0%", clock(), F(0)),
    ("50%", clock(), F(17996, 200)),
    ("100%", clock(), F(17996, 100)),
    ("12.5%", clock(frames=9), F(1, 25)),
    ("-25%", clock(), F(17996, 100) * 3 / 4),
    ("start", clock(), F(0)),
    ("end", clock(), F(17996, 100)),
    ("END", VFR, F(1, 5)),
    ("1:30", clock(), F(90)),
    ("1:30.25", clock(), F(361, 4)),
    ("90:00", clock(), F(5400)),
    ("1:02:03.5", clock(), F(7447, 2)),
    ("00:00:10:12", clock(), F(262, 25)),
    ("01:00:00:00", clock(), F(3600)),
    # 23.976 fps counts 24 frames a second of timecode, which last 1.001 s.
    ("00:00:10:00", clock(fps=F(24000, 1001)), F(240 * 1001, 24000)),
    ("00:01:00:00", clock(fps=NTSC), F(1800 * 1001, 30000)),
    # Drop-frame numbers of SMPTE ST 12-1: two are left out a minute, but not every tenth.
    ("00:00:59;29", clock(fps=NTSC), F(1799 * 1001, 30000)),
    ("00:01:00;02", clock(fps=NTSC), F(1800 * 1001, 30000)),
    ("00:10:00;00", clock(fps=NTSC), F(17982 * 1001, 30000)),
    ("01:00:00;00", clock(fps=NTSC), F(107892 * 1001, 30000)),
    ("00:01:00;04", clock(fps=2 * NTSC), F(3600 * 1001, 60000)),
    ("32b", AT_120, F(16)),
    ("32 beats", AT_120, F(16)),
    ("4/3b", AT_120, F(2, 3)),
    ("8bar", AT_120, F(16)),
    ("8bars", WALTZ, F(7, 20) + 24 * F(2, 3)),
    ("0b", WALTZ, F(7, 20)),
    ("1.1.1", AT_120, F(0)),
    ("9.1.1", AT_120, F(16)),
    ("2.3.2", AT_120, F(25, 8)),
    ("2.3.4", WALTZ, F(7, 20) + (5 + F(3, 4)) * F(2, 3)),
    ("0b", UNEVEN, F(2)),
    ("0.5b", UNEVEN, F(3)),
    ("2b", UNEVEN, F(5)),
    ("10b", UNEVEN, F(13)),
    ("0.5clip", clock(), F(90)),
    ("1clip", clock(), F(180)),
    ("1clip", VFR, F(1, 4)),
    ("-2s", clock(), F(17796, 100)),
    ("-0", clock(), F(17996, 100)),
    ("−2s", clock(), F(17796, 100)),  # a typographer's minus
    ("-50f", clock(), F(17996, 100) - 2),
    ("-1f", VFR, F(150, 1000)),
    ("-0:10", clock(), F(16996, 100)),
    ("-00:00:01:00", clock(), F(17896, 100)),
    ("-4b", AT_120, F(17796, 100)),
    ("-1bar", WALTZ, F(17796, 100)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "on", "seconds"), RIGHT)
def test_a_time_is_exactly(text, on, seconds):
    assert on.seconds(Time.parse(text)) == seconds


WRONG = [
    ("", "a time is missing"),
    ("-", "a time is missing|is not a time"),
    ("abc", "abc is not a time; write 12.5s, 300f"),
    ("12sec", "did you mean 12s"),
    ("12seconds", "did you mean 12s"),
    ("300frames", "did you mean 300f"),
    ("50percent", "did you mean 50%"),
    ("8bas", "did you mean 8bar"),
    ("-12sec", "did you mean -12s"),
    ("2m", "minutes and hours are written 1:30"),
    ("2 minutes", "minutes and hours are written 1:30"),
    ("1m30s", "minutes and hours are written 1:30"),
    ("-1.5h", "minutes and hours are written 1:30"),
    ("strat", "did you mean start"),
    ("-start", "start takes no minus"),
    ("1.5f", "frames are whole numbers: 2f"),
    ("-1.5f", "frames are whole numbers: -2f"),
    ("9" * 101, "a time has at most 100 letters"),
    ("110%", "percent go from 0% to 100%"),
    ("1:5", "two digits: 1:05"),
    ("1:2:03", "two digits: 1:05"),
    ("1:60", "minutes and seconds go to 59"),
    ("1:60:00", "minutes and seconds go to 59"),
    ("00:61:00:00", "minutes and seconds go to 59"),
    ("0.1.1", "count from 1: the first is 1.1.1"),
    ("1.1.5", "four sixteenths"),
    ("-2.1.1", "a position has no minus"),
    ("1e3", "is not a time"),
    ("nan", "is not a time"),
    ("1/0", "is not a time"),
    ("٣", "is not a time"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "advice"), WRONG)
def test_what_is_no_time_gets_advice(text, advice):
    with pytest.raises(ValueError, match=advice):
        Time.parse(text)


@pytest.mark.parametrize(
    ("text", "on", "advice"),
    [
        ("32b", clock(), "32b needs a tempo: add --bpm 120, or --bpm auto"),
        ("9.1.1", clock(), "9.1.1 needs a tempo"),
        ("1.4.1", WALTZ, r"a bar has 3 beats \(--beats-per-bar\)"),
        ("00:00:00:25", clock(), "at 25 fps, frames of a timecode go to 24"),
        ("00:00:10;00", clock(), "and this clip has 25; did you mean 00:00:10:00"),
        # Nearly: its timecode would drift against SMPTE's.
        ("00:00:10;00", clock(fps=F(2997, 100)), "30000/1001.* and this clip has 2997/100; did"),
        ("00:00:10:01", clock(fps=F(2, 5)), "at 0.4 fps, frames of a timecode go to 00"),
        ("00:01:00;01", clock(fps=NTSC), "leaves this number out; the next is 00:01:00;02"),
        ("00:09:00;03", clock(fps=2 * NTSC), "the next is 00:09:00;04"),
    ],
)
def test_a_time_that_a_clip_has_not_gets_advice(text, on, advice):
    with pytest.raises(ValueError, match=advice):
        on.seconds(Time.parse(text))


def test_drop_frame_numbers_count_every_frame_once():
    """Around each minute of the first eleven, by the definition: skip ;00 and ;01."""
    on, frame = clock(fps=NTSC), 0
    for minute in range(11):
        for second in range(60):
            for number in range(30):
                if minute % 10 and second == 0 and number < 2:
                    continue
                if second in (0, 59):
                    text = f"00:{minute:02}:{second:02};{number:02}"
                    assert on.seconds(Time.parse(text)) == frame / NTSC
                frame += 1


amounts = st.fractions(0, 10**6, max_denominator=10**6)
wholes = st.integers(0, 10**6).map(F)
sixty = st.integers(0, 59).map(F)
times = st.one_of(
    st.builds(Time, st.sampled_from(["s", "b", "bar", "clip"]), st.tuples(amounts), st.booleans()),
    st.builds(Time, st.just("f"), st.tuples(wholes), st.booleans()),
    st.builds(Time, st.just("%"), st.tuples(st.fractions(0, 100, max_denominator=1000))),
    st.builds(
        Time,
        st.sampled_from(["smpte", "drop"]),
        st.tuples(st.integers(0, 99).map(F), sixty, sixty, sixty),
        st.booleans(),
    ),
    st.builds(
        Time,
        st.just("position"),
        st.tuples(st.integers(1, 999).map(F), st.integers(1, 9).map(F), st.integers(1, 4).map(F)),
    ),
)


@given(times)
def test_what_is_printed_is_read_again(time):
    assert Time.parse(str(time)) == time


beat_lists = st.lists(st.fractions(F(1, 10), 3, max_denominator=100), min_size=1, max_size=20).map(
    lambda gaps: tuple(sum(gaps[:i], F(0)) for i in range(len(gaps) + 1))
)


@given(beat_lists, st.integers(0, 5), st.fractions(-50, 50, max_denominator=1000))
def test_seconds_and_beats_are_inverse_and_increase(beats, zero, beat):
    tempo = Tempo(beats, min(zero, len(beats) - 1))
    seconds = tempo.seconds(beat)
    assert tempo.beat(seconds) == beat
    assert tempo.seconds(beat + F(1, 1000)) > seconds
    assert tempo.seconds(F(0)) == beats[tempo.zero]


def test_the_position_that_is_playing():
    tempo = Tempo.steady(F(120), F(1, 4))
    shown = [tempo.position(F(s, 8)) for s in (0, 2, 3, 6, 17, 18)]
    assert shown == ["", "1.1.1", "1.1.2", "1.2.1", "1.4.4", "2.1.1"]
    assert tempo.bpm == 120.0


@given(st.fractions(0, 100, max_denominator=480), st.integers(1, 12))
def test_a_position_is_read_as_the_sixteenth_that_plays(seconds, per_bar):
    on = clock(tempo=Tempo.steady(F(100), F(0), per_bar))
    begins = on.seconds(Time.parse(on.tempo.position(seconds)))
    assert begins <= seconds < begins + F(60, 400)


@pytest.mark.parametrize("beats", [(), (F(1),), (F(1), F(1)), (F(2), F(1))])
def test_a_tempo_needs_increasing_beats(beats):
    with pytest.raises(ValueError, match="two or more beats"):
        Tempo(beats)


def test_a_tempo_is_above_0():
    with pytest.raises(ValueError, match="more than 0"):
        Tempo.steady(F(0))
    with pytest.raises(ValueError, match="at least one beat"):
        Tempo.steady(F(1), F(0), 0)


@pytest.mark.parametrize(
    ("text", "on", "until", "rounds"),
    [
        ("4s", AT_120, F(9), 2),
        ("4s", AT_120, F(899, 100), 1),
        ("4s", AT_120, F(0), -1),
        ("1bar", WALTZ, F(7), 3),
        ("1b", UNEVEN, F(5), 3),  # beats at 1, 2, 4 and 5 s
        ("1b", UNEVEN, F(39, 10), 1),
    ],
)
def test_rounds_between_two_moments(text, on, until, rounds):
    assert on.rounds(F(1), Time.parse(text), until) == rounds


@pytest.mark.parametrize(
    ("text", "on", "later"),
    [
        ("4s", AT_120, F(5)),
        ("50f", AT_120, F(3)),
        ("8b", AT_120, F(5)),
        ("1bar", WALTZ, F(3)),
        ("1clip", clock(), F(181)),
        ("1b", UNEVEN, F(2)),
        ("3b", UNEVEN, F(5)),
    ],
)
def test_later_by_a_length(text, on, later):
    assert on.later(F(1), Time.parse(text)) == later
