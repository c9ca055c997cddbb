"""A timeline on a clip: tempo, what reacts to sound, setlists, and what is warned of."""

import sys
from fractions import Fraction

import numpy as np
import pytest

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.plan.source import needed_sound
from mnst_video.presets import make_options
from mnst_video.timeline.clock import moment
from mnst_video.timeline.fader import Fader
from mnst_video.timeline.gamma import Place, course_of, place_of_still, places_of
from mnst_video.timeline.timecode import Time

# Kicks of 80 Hz at 120 bpm, from 0.25 s on, in a clip of 4 s.
KICKS = "0.9*sin(2*PI*80*t)*exp(-mod(t+0.25,0.5)/0.08)*gte(t,0.25)"


@pytest.fixture
def kicks(ffmpeg, tmp_path):
    """A clip of 96 frames, 24 a second."""
    path = tmp_path / "kicks.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=4"),
        *("-f", "lavfi", "-i", f"aevalsrc='{KICKS}':d=4:s=44100"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "128k", path),
    )
    return path


def course_on(info, options):
    sound = needed_sound(options.timeline, options.audio, info)
    return course_of(options.timeline, info.times.begins, info.times.fps, sound)


def course_with(path, **options):
    return course_on(probe(path), Options(**options))


def test_without_options_gamma_goes_from_0_to_1(clip):
    course = course_with(clip)
    assert course.values == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0], abs=1e-15)
    assert (course.values[0], course.values[-1]) == (0.0, 1.0)
    assert course.strengths == (1.0,) * 6
    assert (course.positions, course.notes, course.name) == (False, (), "γ")
    assert course.fader(5) == Fader(0, 1.0)


def test_a_course_is_the_timeline_on_a_clip_of_so_many_frames():
    whole = [Place(i / 4, Fader(0, i / 4), 1.0) for i in range(5)]
    assert places_of(Options().timeline, 5, Fraction(2)) == whole
    three = Options(style=["a.jpg", "b.jpg", "c.jpg"])
    faders = [Fader(0, 1.0), Fader(0, 0.5), Fader(1, 1.0), Fader(1, 0.5), Fader(1, 0.0)]
    places = places_of(three.timeline, 5, Fraction(2))
    assert [place.fader for place in places] == faders
    assert [place.value for place in places] == [1, 1.5, 2, 2.5, 3]
    keys = Options(gamma="0=1, 1s=0.25 hold, end=0.5", strength="0=0, end=1")
    places = places_of(keys.timeline, 5, Fraction(2))
    assert [place.value for place in places] == [1.0, 0.625, 0.25, 0.25, 0.5]
    assert [place.strength for place in places] == [0.0, 0.25, 0.5, 0.75, 1.0]
    beats = Options(gamma="0b=1 hold, 2b=0", bpm=120)
    assert [place.value for place in places_of(beats.timeline, 4, Fraction(2))] == [
        1.0,
        1.0,
        0.0,
        0.0,
    ]
    with pytest.raises(UsageError, match=r"gamma: .*past the end"):
        places_of(Options(gamma="0=1, 3s=0").timeline, 5, Fraction(2))
    for given in ({"react": "rms:0.3"}, {"bpm": "auto"}):
        with pytest.raises(UsageError, match="is for clips: a sweep has no sound"):
            places_of(Options(**given).timeline, 5, Fraction(2))


def test_a_value_is_that_of_the_frames_own_timestamp(ffmpeg, make_clip, tmp_path):
    """Also where frames do not follow evenly."""
    path = tmp_path / "vfr.mkv"
    ffmpeg(
        "-i", make_clip(frames=8), "-vf", "select='not(eq(n,2)+eq(n,3))'", "-fps_mode", "vfr", path
    )
    info = probe(path)
    course = course_on(info, Options(gamma="0=0, end=1"))
    shares = [float(time / info.times.begins[-1]) for time in info.times.begins]
    assert course.values == pytest.approx(shares, abs=1e-12)
    gaps = np.diff(course.values)
    assert gaps.max() > 2 * gaps.min()


def test_beats_need_a_tempo_and_follow_it(kicks):
    keys = {"gamma": "0b=0 hold, 2b=1 hold, 4b=0"}
    with pytest.raises(
        UsageError, match=r"gamma: »0b«=0 hold, .*: 0b needs a tempo: add --bpm 120"
    ):
        course_with(kicks, **keys)
    assert course_with(kicks, **keys, bpm=120).values[23:26] == (0.0, 1.0, 1.0)
    assert course_with(kicks, **keys, bpm=60).values[47:50] == (0.0, 1.0, 1.0)
    late = course_with(kicks, **keys, bpm=120, beat_offset=0.25)
    assert late.values[29:32] == (0.0, 1.0, 1.0)
    waltz = course_with(kicks, gamma="1bar=0, 2bar=1", bpm=120, beats_per_bar=3)
    assert (waltz.values[36], waltz.values[54], waltz.values[72]) == (0.0, 0.5, 1.0)


def test_the_tempo_is_exact(kicks):
    """127.3 is not a binary fraction; it is taken as it is written."""
    tempo = course_with(kicks, bpm="127.3").clock.tempo
    assert tempo.seconds(Fraction(1000)) == Fraction(600_000, 1273)


def test_beats_are_found_or_their_lack_is_explained(kicks, monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa.beat", None)
    with pytest.raises(MachineError, match="mnst-video\\[beats\\]"):
        course_with(kicks, bpm="auto")
    found = tuple(0.25 + 0.5 * i for i in range(8))
    monkeypatch.setattr("mnst_video.timeline.gamma.detect_beats", lambda _: found)
    tempo = course_with(kicks, bpm="auto").clock.tempo
    assert (tempo.bpm, tempo.seconds(Fraction(0))) == (120.0, Fraction(1, 4))
    tempo = course_with(kicks, bpm="auto", beat_offset=0.8).clock.tempo
    assert tempo.seconds(Fraction(0)) == Fraction(3, 4)


def test_the_preset_pulse_moves_gamma_with_the_kicks(kicks):
    """Each lifts gamma, which falls back before the next."""
    course = course_on(probe(kicks), make_options(("pulse",), {}))
    times = np.arange(96) / 24
    since = np.mod(times + 0.25, 0.5)
    values = np.array(course.values)
    on, off = values[(times > 0.3) & (since < 0.11) & (since > 0.03)], values[since > 0.44]
    assert on.min() > off.max() + 0.3
    assert values[0] == pytest.approx(0.1, abs=0.02)
    assert values.max() <= 0.9 + 1e-9


def test_onsets_and_beats_agree_on_a_steady_track(kicks):
    options = {"gamma": 0.0, "bpm": 120, "beat_offset": 0.25}
    times = np.arange(96) / 24
    for kind in ("onset", "beat"):
        values = np.array(course_with(kicks, react=f"{kind}:1[release=120ms]", **options).values)
        loud = times[values > 0.5]
        assert len(loud) >= 8
        assert np.mod(loud + 0.25, 0.5).max() < 0.1


def test_reactions_add_up_and_are_clamped(kicks):
    one = course_with(kicks, gamma=0.3, react=["beat:0.4"], bpm=120).values
    two = course_with(kicks, gamma=0.3, react=["beat:0.4", "beat:-0.9"], bpm=120).values
    raw = [0.3 + 0.4 * (v - 0.3) / 0.4 - 0.9 * (v - 0.3) / 0.4 for v in one]
    assert two == pytest.approx([max(v, 0.0) for v in raw], abs=1e-12)
    assert min(two) == 0.0


def test_sound_that_is_needed_and_not_there_is_named(make_clip):
    silent = make_clip(audio=False)
    with pytest.raises(InputError, match=r"has no sound, which react = rms:0\.3 needs; .*--audio"):
        course_with(silent, react="rms:0.3")
    with pytest.raises(InputError, match="which bpm = auto needs"):
        course_with(silent, bpm="auto")
    assert len(course_with(silent, react="beat:0.3", bpm=120).values) == 6
    with pytest.raises(UsageError, match=r"react = beat:0\.3 needs a tempo"):
        course_with(silent, react="beat:0.3")


def test_another_sound_track_is_heard_instead(make_clip, kicks):
    """It begins with the first frame."""
    silent = make_clip("silent.mp4", audio=False, frames=96)
    react = "rms:0.8[band=20-150]"
    own = course_with(kicks, gamma=0.0, react=react).values
    other = course_with(silent, gamma=0.0, react=react, audio=kicks).values
    assert other == pytest.approx(own, abs=1e-6)


def test_a_setlist_is_gone_through_once_unless_told_otherwise(make_clip, tmp_path):
    clip = make_clip(frames=9)
    styles = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    course = course_with(clip, style=styles)
    assert course.values == pytest.approx(np.linspace(1, 3, 9), abs=1e-12)
    assert (course.fader(0), course.fader(8)) == (Fader(0, 1.0), Fader(1, 0.0))
    assert (course.name, course.curve.high) == ("position", 3.0)
    course = course_with(clip, style=styles, position="0=3 hold, 4f=1")
    assert course.values == (3.0,) * 4 + (1.0,) * 5
    with pytest.raises(
        UsageError, match=r'two styles, and there are 3: give --position, such as "start=1'
    ):
        course_with(clip, style=styles, gamma=0.5)
    with pytest.raises(UsageError, match=r"position: 0=1, 0\.1=»3\.5«: must be between 1 and 3"):
        course_with(clip, style=styles, position="0=1, 0.1=3.5")


def test_two_styles_may_have_positions_too(clip):
    course = course_with(clip, position="start=1, end=2")
    gammas = [course.fader(frame).gamma for frame in range(6)]
    assert gammas == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0], abs=1e-12)


def test_notes_name_the_option(clip, tmp_path):
    preset = tmp_path / "p.toml"
    preset.write_text("gamma = '0=0, 300=1'\n")
    options = make_options((str(preset),), {"strength": "0.1=1, 0=0"})
    assert course_on(probe(clip), options).notes == (
        "gamma: 300 is past the end, 0.25 s: this key of the preset is dropped",
        "strength: the keys were not in order of time: sorted",
    )


@pytest.mark.parametrize(("bpm", "warned"), [(120, False), (350, False), (400, True)])
def test_flashes_are_warned_of(make_clip, bpm, warned):
    """A beat a style is a flash every second beat: more than three a second above 360 bpm."""
    clip = make_clip(frames=96)
    course = course_on(probe(clip), make_options(("strobe",), {"bpm": bpm}))
    assert any("photosensitive epilepsy" in note for note in course.notes) == warned


@pytest.mark.parametrize("fps", ["25", "60"])
@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({"gamma": 0.0, "react": "beat:1[release=50ms]", "bpm": 300}, True),
        ({"gamma": 0.0, "react": "beat:1", "bpm": 120}, False),
        ({"strength": "0=0 hold, 0.1s=1 hold repeat 0.2s"}, True),
        ({"gamma": "0=0 sine-in-out, 0.1s=1 sine-in-out, 0.2s=0 repeat 0.2s"}, True),
        ({"gamma": "0=0 sine-in-out, 0.25s=1 sine-in-out, 0.5s=0 repeat 0.5s"}, False),
    ],
)
def test_gradual_flashes_are_warned_of_at_any_rate(make_clip, fps, options, warned):
    course = course_with(make_clip(frames=int(fps) * 2, fps=fps), **options)
    assert any("photosensitive epilepsy" in note for note in course.notes) == warned


def test_every_beat_is_seen_however_short(make_clip):
    """Also where none falls on a frame."""
    course = course_with(make_clip(frames=96), gamma=0.0, react="beat:1[release=0]", bpm=113)
    seen = [i for i, value in enumerate(course.values) if value > 0.99]
    assert seen == [-(-i * 60 * 24 // 113) for i in range(len(seen))]  # rounded up
    assert len(seen) == 8


def test_a_time_outside_the_clip_names_the_frame_that_may_be_meant(clip):
    info = probe(clip)
    clock = course_on(info, Options()).clock
    with pytest.raises(UsageError, match=r"end = 5 is not inside .*, which lasts 0\.25 s: .* 5f"):
        moment("end", Time.parse("5"), clock)
    with pytest.raises(UsageError, match=r"start = -9s is not inside the clip"):
        moment("start", Time.parse("-9s"), clock)
    assert moment("end", Time.parse("0.25"), clock) == info.times.duration


def test_a_ping_pong_loops_without_a_seam(make_clip):
    clip = make_clip(frames=24)
    values = course_on(probe(clip), make_options(("ping-pong",), {})).values
    assert (values[0], values[12]) == (0.0, 1.0)
    assert values[1:] == pytest.approx(values[:0:-1], abs=1e-12)  # frame k and frame N - k
    around = [*values[-3:], *values[:3]]
    assert np.abs(np.diff(around, 2)).max() < 0.05


def test_a_still_needs_no_sound_and_takes_beats_of_a_number():
    assert place_of_still(Options(bpm="auto", gamma=0.3).timeline).fader == Fader(0, 0.3)
    beats = "4b=1, 0b=0.2"
    assert place_of_still(Options(bpm=120, gamma=beats).timeline).fader == Fader(0, 0.2)
    with pytest.raises(UsageError, match=r"[04]b needs a tempo: add --bpm 120"):
        place_of_still(Options(bpm="auto", gamma=beats).timeline)
