"""MIDI files: markers, a controller or notes as keys; the tempo.

Standard MIDI Files 1.0: times are ticks, which the tempo map makes seconds.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from mnst_video.errors import InputError, MachineError
from mnst_video.interchange.score import (
    Lane,
    Marker,
    Score,
    Writing,
    key_of,
    keyed,
    straightened,
    text_of,
)
from mnst_video.timeline.curve import Keyframe
from mnst_video.timeline.easing import HOLD, LINEAR

# The controller that is written: the modulation wheel.
CONTROLLER = 1
# Ticks of a beat in what is written: finer than a frame at any tempo.
TICKS = 960
# Microseconds of a beat where a file says nothing.
USUAL = 500_000
# A controller's step that comes sooner after the one before is part of a ramp; else it was held.
RAMP = Fraction(1, 8)


@dataclass
class _Heard:
    """What a file holds, in seconds."""

    markers: list[Marker] = field(default_factory=list)
    controls: dict[int, list[tuple[Fraction, float]]] = field(default_factory=dict)
    notes: list[tuple[Fraction, float]] = field(default_factory=list)
    tempos: list[tuple[Fraction, int]] = field(default_factory=list)
    beats_per_bar: int | None = None


def read_midi(data: bytes, lane: str | None) -> Score:
    """Keys of a lane: `markers`, `notes`, or a controller, `cc74`. Raises InputError.

    None: markers whose text is a value, else the controller with the most to say, else notes.
    """
    heard = _heard(data)
    bpm, notes = _tempo(heard)
    keys, shown = _keys(heard, lane)
    score = keyed(keys, (f"read from its {shown}", *notes))
    return replace(score, bpm=bpm, beats_per_bar=heard.beats_per_bar)


def _keys(heard: _Heard, lane: str | None) -> tuple[list[Keyframe], str]:
    valued = [key for marker in heard.markers if (key := key_of(marker)) is not None]
    if lane is None:
        counts = Counter({number: len(events) for number, events in heard.controls.items()})
        best = f"cc{counts.most_common(1)[0][0]}" if counts else "notes"
        lane = "markers" if valued else best
    if lane == "markers":
        return valued, "markers"
    if lane == "notes":
        return [Keyframe(time, value, HOLD) for time, value in heard.notes], "notes"
    number = int(lane[2:]) if lane.startswith("cc") and lane[2:].isdecimal() else -1
    if number not in heard.controls:
        there = ", ".join(f"cc{n}" for n in sorted(heard.controls)) or "none"
        raise InputError(
            f"there is no lane {lane} in it: markers, notes, or a controller ({there})"
        )
    return _ramps(heard.controls[number]), f"controller {number}"


def _ramps(events: Sequence[tuple[Fraction, float]]) -> list[Keyframe]:
    """A controller as keys: dense steps as straight lines, others held."""
    runs: list[list[tuple[Fraction, float]]] = []
    for event in events:
        if runs and event[0] - runs[-1][-1][0] <= RAMP:
            runs[-1].append(event)
        else:
            runs.append([event])
    keys = []
    for run in runs:
        times, values = [float(time) for time, _ in run], [value for _, value in run]
        bends = straightened(times, values)
        keys += [Keyframe(run[i][0], values[i], LINEAR) for i in bends[:-1]]
        keys.append(Keyframe(run[-1][0], values[-1], HOLD))
    return keys


def _tempo(heard: _Heard) -> tuple[Fraction | None, tuple[str, ...]]:
    speeds = {speed for _, speed in heard.tempos}
    if len(speeds) > 1:
        return None, ("its tempo changes: keys are in seconds, and no bpm is set",)
    return (Fraction(60_000_000, *speeds), ()) if speeds else (None, ())


def _heard(data: bytes) -> _Heard:
    mido = _mido()
    try:
        try:
            file = mido.MidiFile(file=io.BytesIO(data), clip=True, charset="utf-8")
        except UnicodeDecodeError:
            file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        messages = list(mido.merge_tracks(file.tracks))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"this is no MIDI file ({error or type(error).__name__})") from None
    ticks_per_beat = file.ticks_per_beat
    if not 0 < ticks_per_beat < 2**15:
        raise InputError("its times are in timecode, not in ticks of a beat: save it with a tempo")
    heard, seconds, speed = _Heard(), Fraction(0), USUAL
    for message in messages:
        seconds += Fraction(message.time * speed, ticks_per_beat * 1_000_000)
        if message.type == "set_tempo":
            speed = message.tempo
            heard.tempos.append((seconds, speed))
        elif message.type == "time_signature" and heard.beats_per_bar is None:
            heard.beats_per_bar = message.numerator
        elif message.type in ("marker", "cue_marker"):
            heard.markers.append(Marker(seconds, message.text))
        elif message.type == "control_change":
            events = heard.controls.setdefault(message.control, [])
            events.append((seconds, message.value / 127.0))
        elif message.type == "note_on" and message.velocity:
            heard.notes.append((seconds, message.velocity / 127.0))
    return heard


def write_midi(lane: Lane, _: Writing) -> bytes:
    """Keys as markers, and the values of all frames as controller 1."""
    mido = _mido()
    tempo = lane.clock.tempo
    bpm = Fraction(tempo.bpm).limit_denominator(10**6) if tempo else Fraction(120)
    speed = round(60_000_000 / bpm)
    events: list[tuple[int, Any]] = []

    def put(time: Fraction, message: Any) -> None:
        events.append((round(time * 1_000_000 * TICKS / speed), message))

    put(Fraction(0), mido.MetaMessage("track_name", name=f"mnst-video {lane.name}"))
    put(Fraction(0), mido.MetaMessage("set_tempo", tempo=speed))
    if tempo:
        beats = tempo.beats_per_bar
        put(Fraction(0), mido.MetaMessage("time_signature", numerator=beats, denominator=4))
    for key in lane.inside:
        put(key.time, mido.MetaMessage("marker", text=text_of(key)))
    low, high = min(lane.values), max(lane.values)
    last = None
    for time, value in zip(lane.clock.times, lane.values, strict=True):
        # A position in a setlist has a range of its own.
        share = value if high <= 1.0 else (value - low) / (high - low)
        if (step := round(127 * share)) != last:
            put(time, mido.Message("control_change", control=CONTROLLER, value=step))
            last = step
    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS, charset="utf-8")
    file.tracks.append(track)
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _mido() -> Any:
    try:
        import mido
    except ImportError:
        raise MachineError("MIDI files need: pip install 'mnst-video[timeline]'") from None
    return mido
