"""Keys of other programs: texts as these write them, and the way there and back."""

import itertools
from fractions import Fraction

import mido
import opentimelineio as otio
import pytest

from mnst_video.errors import InputError, UsageError
from mnst_video.interchange.formats import FORMATS, Reading, read_score, written
from mnst_video.interchange.markers import timecode
from mnst_video.interchange.preset import settings_of
from mnst_video.interchange.score import Lane, Writing, straightened
from mnst_video.presets import make_options
from mnst_video.timeline.clock import Clock, Tempo
from mnst_video.timeline.curve import Keyframe, Schedule
from mnst_video.timeline.easing import Easing

FPS = Fraction(25)
KEYS = (
    Keyframe(Fraction(0), 0.25),
    Keyframe(Fraction(1), 1.0, Easing("hold")),
    Keyframe(Fraction(5, 2), 0.5, Easing("ease-in-out")),
    Keyframe(Fraction(7, 2), 0.0),
)


def lane_at(fps, keys=KEYS, cuts=(), tempo=None):
    times = tuple(n / fps for n in range(round(4 * fps)))
    schedule = Schedule(keys)
    values = tuple(schedule.at(time) for time in times)
    return Lane("gamma", keys, values, Clock(times, fps, tempo), cuts)


@pytest.fixture
def read(tmp_path):
    """Reads a text, or bytes, as a file of an ending."""

    def call(ending, text, **more):
        path = tmp_path / f"keys{ending}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_score(path, Reading(**more))

    return call


def found(score):
    return [(float(key.time), key.value, str(key.easing)) for key in score.keys]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "aftereffects"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_a_round_trip_keeps_keys_to_a_frame(name, fps, read, tmp_path):
    lane = lane_at(fps)
    data = written(lane, tmp_path / f"out{FORMATS[name].ending}", name, Writing())
    score = read(FORMATS[name].ending, data, clock=lane.clock)
    theirs = {key.time: key for key in score.keys}
    for key in KEYS:
        near = min(theirs, key=lambda time, key=key: abs(time - key.time))
        # Formats that count frames have a key at the frame before a jump.
        assert abs(near - key.time) <= 1 / fps
    schedule = Schedule(score.keys)
    jump = Fraction(5, 2)
    for time, value in zip(lane.clock.times, lane.values, strict=True):
        if abs(time - jump) > 2 / fps:
            assert schedule.at(time) == pytest.approx(value, abs=0.06)


@pytest.mark.parametrize("name", ["csv", "audacity", "midi", "reaper", "edl", "otio"])
def test_markers_keep_values_and_easings(name, read, tmp_path):
    data = written(lane_at(FPS), tmp_path / f"o{FORMATS[name].ending}", name, Writing())
    keys = read(FORMATS[name].ending, data, fps=FPS).keys
    assert [(key.value, key.easing) for key in keys] == [(k.value, k.easing) for k in KEYS]


def test_labels_of_audacity(read):
    text = (
        "0.000000\t0.000000\t0\n\\\t100\t200\n12.500000\t14.000000\tγ=1 ease-in\n90.0\t90.0\t50%\n"
    )
    score = read(".txt", text)
    assert found(score) == [
        (0.0, 0.0, "linear"),
        (12.5, 1.0, "ease-in"),
        (90.0, 0.5, "linear"),
    ]


def test_markers_without_values_take_turns_and_it_is_said(read):
    score = read(".txt", "0.5\t0.5\tverse\n4\t4\tchorus\n8\t8\tverse 2\n")
    assert found(score) == [(0.5, 0.0, "hold"), (4.0, 1.0, "hold"), (8.0, 0.0, "hold")]
    assert "in turn" in score.notes[0]


def test_markers_whose_text_is_no_value_are_left_out_by_name(read):
    score = read(".txt", "0\t0\t0\n4\t4\tsolo\n8\t8\t1\n")
    assert len(score.keys) == 2
    assert "solo" in score.notes[0]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("#,Name,Start,End,Length\nM1,0,0:01.500,,\nR1,1,1:02.250,1:10.000,0:07.750\n", {}),
        ("time,value\n1.5,0\n62.25,1\n", {}),
        ("1.5;0\n62.25;1\n", {}),
        ("#,Name,Start\nM1,0,00:00:01:15\nM2,1,00:01:02:07.5", None),
    ],
)
def test_lists_of_markers(text, more, read):
    if more is None:
        with pytest.raises(InputError, match="line 3"):
            read(".csv", text, fps=Fraction(30))
        return
    assert found(read(".csv", text, **more)) == [(1.5, 0.0, "linear"), (62.25, 1.0, "linear")]


def test_bars_of_reaper_follow_the_tempo(read):
    clock = Clock((Fraction(0),), FPS, Tempo.steady(Fraction(120), Fraction(0)))
    score = read(".csv", "#,Name,Start\nM1,0,1.1.00\nM2,1,3.2.50\n", clock=clock)
    # Bar 3, beat 2 and a half: nine and a half beats of half a second.
    assert found(score) == [(0.0, 0.0, "linear"), (4.75, 1.0, "linear")]


def test_a_marker_list_of_resolve_begins_at_one_hour(read):
    text = """TITLE: Timeline 1
FCM: NON-DROP FRAME

001  001      V     C        01:00:05:00 01:00:05:01 01:00:05:00 01:00:05:01
 |C:ResolveColorBlue |M:0 |D:1

002  001      V     C        01:00:08:12 01:00:08:13 01:00:08:12 01:00:08:13
 |C:ResolveColorRed |M:1 ease-out |D:1
"""
    score = read(".edl", text, fps=FPS)
    assert found(score) == [(5.0, 0.0, "linear"), (8.48, 1.0, "ease-out")]
    with pytest.raises(InputError, match="--fps"):
        read(".edl", text)


def test_an_edit_list_is_cuts(read):
    text = """TITLE: cut
001  REEL     V     C        00:00:10:00 00:00:12:00 00:00:00:00 00:00:02:00
002  REEL2    V     C        00:01:10:00 00:01:13:00 00:00:02:00 00:00:05:00
"""
    assert read(".edl", text, fps=FPS).cuts == (Fraction(2),)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)])
@pytest.mark.parametrize("frame", [0, 1, 1799, 1800, 17981, 17982, 107892, 123456])
def test_timecodes_are_read_back(fps, frame):
    from mnst_video.timeline.timecode import Time

    clock = Clock((Fraction(0), 1 / fps), fps)
    hour = clock.seconds(Time.parse(timecode(0, fps)))
    assert (clock.seconds(Time.parse(timecode(frame, fps))) - hour) * fps == frame


def test_a_tempo_and_a_controller_of_midi(read, tmp_path):
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(100)))
    track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
    track.append(mido.Message("control_change", control=74, value=0))
    for value in range(1, 128):  # a ramp over 127 * 10 ticks
        track.append(mido.Message("control_change", control=74, value=value, time=10))
    track.append(mido.Message("control_change", control=7, value=5, time=480))
    track.append(mido.Message("note_on", note=60, velocity=127, time=480))
    track.append(mido.Message("note_off", note=60, time=480))
    track.append(mido.Message("note_on", note=60, velocity=0, time=0))
    file.save(tmp_path / "song.mid")
    data = (tmp_path / "song.mid").read_bytes()
    score = read(".mid", data)
    assert (score.bpm, score.beats_per_bar) == (100, 3)
    beat = 0.6
    assert found(score) == [
        (0.0, 0.0, "linear"),
        (pytest.approx(1270 / 480 * beat), 1.0, "hold"),
    ]
    notes = read(".mid", data, lane="notes")
    assert found(notes) == [(pytest.approx((1270 + 960) / 480 * beat), 1.0, "hold")]
    with pytest.raises(InputError, match="cc7, cc74"):
        read(".mid", data, lane="cc3")
    assert settings_of(score, "gamma") | {"gamma": ""} == {
        "gamma": "",
        "bpm": 100.0,
        "beats_per_bar": 3,
    }


def test_a_tempo_that_changes_counts_in_seconds(read, tmp_path):
    file = mido.MidiFile(ticks_per_beat=100)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    track.append(mido.MetaMessage("marker", text="0", time=100))
    track.append(mido.MetaMessage("set_tempo", tempo=250_000, time=100))
    track.append(mido.MetaMessage("marker", text="1", time=100))
    file.save(tmp_path / "song.mid")
    score = read(".mid", (tmp_path / "song.mid").read_bytes())
    assert found(score) == [(0.5, 0.0, "linear"), (1.25, 1.0, "linear")]
    assert score.bpm is None
    assert "tempo changes" in " ".join(score.notes)


def test_cuts_of_a_timeline(read, tmp_path):
    lane = lane_at(FPS, cuts=(Fraction(1), Fraction(3)))
    data = written(lane, tmp_path / "o.otio", None, Writing())
    assert read(".otio", data).cuts == (Fraction(1), Fraction(3))


def test_a_marker_on_a_clip_is_where_the_clip_is(read):
    timeline = otio.schema.Timeline()
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)

    def time(value):
        return otio.opentime.RationalTime(value, 25)

    for number, start in enumerate((100, 500)):
        clip = otio.schema.Clip(f"c{number}")
        clip.source_range = otio.opentime.TimeRange(time(start), time(50))
        mark = otio.opentime.TimeRange(time(start + 10), time(1))
        clip.markers.append(otio.schema.Marker(str(number), mark))
        track.append(clip)
    score = read(".otio", otio.adapters.write_to_string(timeline, "otio_json"))
    assert found(score) == [(0.4, 0.0, "linear"), (2.4, 1.0, "linear")]


def test_deforum_and_parseq(read):
    assert found(read(".txt", "0:(0), 50: (1.0),\n 75:(0.5)", fps=FPS)) == [
        (0.0, 0.0, "linear"),
        (2.0, 1.0, "linear"),
        (3.0, 0.5, "linear"),
    ]
    document = (
        '{"options": {"output_fps": 20, "bpm": 140}, "keyframes": [{"frame": 0, "strength": 0.5},'
        '{"frame": 40, "strength": 1}, {"frame": 60, "zoom": 1}]}'
    )
    score = read(".json", document)
    assert found(score) == [(0.0, 0.5, "linear"), (2.0, 1.0, "linear")]
    assert score.bpm == 140
    with pytest.raises(InputError, match="zoom"):
        read(".json", document, field="nothing")


def test_keyframes_of_after_effects(tmp_path):
    text = written(lane_at(FPS), tmp_path / "o.txt", "aftereffects", Writing((640, 480))).decode()
    lines = text.split("\n")
    assert lines[0] == "Adobe After Effects 8.0 Keyframe Data"
    assert "\tUnits Per Second\t25" in lines
    assert "\t0\t25\t" in lines
    assert "\t25\t100\t" in lines
    assert text.rstrip().endswith("End of Keyframe Data")


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_straight_lines_stay_near_every_point(size):
    values = [((7 * n) % 11) / 11 if n % 5 else 0.5 for n in range(size)]
    kept = straightened(range(size), values)
    assert (kept[0], kept[-1]) == (0, size - 1)
    for a, b in itertools.pairwise(kept):
        for n in range(a, b):
            line = values[a] + (values[b] - values[a]) * (n - a) / (b - a)
            assert abs(values[n] - line) <= 0.002


def test_values_of_another_range_ask_for_it(read):
    score = read(".csv", "time,value\n0,0\n4,80\n")
    with pytest.raises(InputError, match="--range"):
        settings_of(score, "gamma")
    score = read(".csv", "time,value\n0,0\n4,80\n", value_range=(0.0, 100.0))
    options = make_options((), settings_of(score, "gamma"))
    assert str(options.gamma) == "0=0, 4=0.8"


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".csv", "colour,size\nred,4\n"),
        (".csv", "   \n"),
        (".txt", "hello"),
        (".txt", "0.5\t0.5\t1\nnonsense\n"),
        (".json", "[1, 2]"),
        (".json", "{"),
        (".edl", "TITLE: nothing\n"),
        (".otio", "{}"),
        (".mid", b"MThd nonsense"),
        (".mid", b"\x00" * 100),
        (".xyz", "0,1"),
    ],
)
def test_what_is_no_timeline_is_refused_in_a_line(ending, text, read):
    with pytest.raises(InputError) as caught:
        read(ending, text, fps=FPS)
    assert f"keys{ending}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_format_that_is_not_known(tmp_path):
    with pytest.raises(UsageError, match="--format"):
        written(lane_at(FPS), tmp_path / "keys.doc", None, Writing())
