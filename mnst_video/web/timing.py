"""The timeline for the page: lanes, keys, beats and cuts in seconds; and keys from it as text."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from mnst_video.errors import UsageError
from mnst_video.media.clip import Clip, Times
from mnst_video.options import Options
from mnst_video.plan.source import needed_sound
from mnst_video.timeline.clock import Clock, Tempo
from mnst_video.timeline.curve import Schedule
from mnst_video.timeline.easing import BEZIERS, NAMES, Easing
from mnst_video.timeline.envelope import Sound
from mnst_video.timeline.gamma import (
    Course,
    Curves,
    TimelineOptions,
    course_of,
    curves_of,
    tempo_of,
    timeline_of,
)
from mnst_video.timeline.keys import Key, Timeline
from mnst_video.timeline.timecode import Time

# Points of an easing that the page draws straight lines between.
POINTS = 32
# Keys of all rounds of a loop that are sent at most.
MOST_ROUNDS = 20_000
# The finest part of a beat that a key snaps to.
PARTS = 24


@dataclass(frozen=True)
class Stand:
    """γ, or with `positions` the place in a setlist, and the strength."""

    value: float
    strength: float
    positions: bool


class Timing:
    """A clip's time: what options come to on it. Sound is read once."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._sounds: dict[Path | None, Sound | None] = {}
        self._course: tuple[TimelineOptions, Course] | None = None
        self._lock = threading.Lock()

    def sound(self, options: Options) -> Sound | None:
        """The sound, where the timeline needs it. Raises InputError."""
        if options.timeline.needs_sound is None:
            return None
        with self._lock:
            if options.audio not in self._sounds:
                found = needed_sound(options.timeline, options.audio, self.clip)
                self._sounds = {options.audio: found}
            return self._sounds[options.audio]

    def clock(self, options: Options) -> Clock:
        """What times mean on the clip. Raises as `curves`."""
        times = self.clip.times
        sound = self.sound(options) if options.timeline.bpm == "auto" else None
        tempo = tempo_of(options.timeline, sound)
        return Clock(times.begins, times.fps, tempo, times.duration)

    def curves(self, options: Options) -> Curves:
        """The keys on the clip. Raises UsageError, InputError or MachineError."""
        times = self.clip.times
        sound = self.sound(options) if options.timeline.bpm == "auto" else None
        return curves_of(options.timeline, times.begins, times.fps, sound, times.duration)

    def course(self, options: Options) -> Course:
        """The course of every frame, with what reacts to sound. Raises as `curves`.

        The last one that was asked for is kept.
        """
        if self._course is None or self._course[0] != options.timeline:
            times, sound = self.clip.times, self.sound(options)
            timeline = options.timeline
            made = course_of(timeline, times.begins, times.fps, sound, times.duration)
            self._course = timeline, made
        return self._course[1]

    def at(self, options: Options, frame: int) -> "Stand":
        """Where the crossfader stands at a frame. Raises as `curves`."""
        if options.react:
            course = self.course(options)
            return Stand(course.values[frame], course.strengths[frame], course.positions)
        curves, time = self.curves(options), self.clip.times.begins[frame]
        return Stand(curves.curve.at(time), curves.strength.at(time), curves.positions)

    def shown(self, options: Options) -> dict[str, Any]:
        """All that the page draws of it. Raises as `curves`."""
        curves = self.curves(options)
        positions, timeline = timeline_of(options.timeline)
        first = "position" if positions else "gamma"
        lanes = [
            self._lane(first, timeline, curves.curve, curves.clock),
            self._lane("strength", options.strength, curves.strength, curves.clock),
        ]
        lanes[0]["given"] = getattr(options, first) is not None
        lanes[0]["reacts"] = [str(reaction) for reaction in options.react]
        lanes[0]["replaced"] = options.masks.mode == "replace"
        lanes[1]["given"] = "strength" in options.model_fields_set
        return {"lanes": lanes, "tempo": _tempo(curves.clock), "notes": curves.notes}

    def _lane(
        self, name: str, timeline: Timeline, schedule: Schedule, clock: Clock
    ) -> dict[str, Any]:
        keys = [
            {
                "time": str(key.time),
                "seconds": float(clock.seconds(key.time)),
                "value": key.value,
                "easing": str(key.easing),
            }
            for key in timeline.keys
        ]
        rounds = None
        if timeline.repeat is not None:
            rounds = [
                [float(key.time), key.value, str(key.easing)] for key in schedule.keys[:MOST_ROUNDS]
            ]
        return {
            "name": name,
            "low": schedule.low,
            "high": schedule.high,
            "text": str(timeline),
            "keys": keys,
            "repeat": str(timeline.repeat) if timeline.repeat else None,
            "rounds": rounds,
        }

    def text_of(
        self, options: Options, keys: Sequence[Mapping[str, Any]], repeat: str | None
    ) -> str:
        """Keys from the page as text.

        Each has a value, an easing, and either its `time` as it was written or `seconds`, with
        `snap`: beat, frame, cut, or none. Raises UsageError.
        """
        clock = self.clock(options)
        try:
            made = [self._key(key, clock) for key in keys]
            made.sort(key=lambda item: item[0])
            if not made:
                raise UsageError("a timeline has at least one key")
            return str(
                Timeline(tuple(key for _, key in made), Time.parse(repeat) if repeat else None)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"keys: {error}") from None

    def _key(self, given: Mapping[str, Any], clock: Clock) -> tuple[Fraction, Key]:
        easing = Easing.parse(str(given.get("easing") or "linear"))
        if given.get("time") is not None:
            time = Time.parse(str(given["time"]))
        else:
            time = written_time(
                float(given["seconds"]), str(given.get("snap")), clock, self.clip.times
            )
        return clock.seconds(time), Key(time, round(float(given["value"]), 4), easing)


def written_time(seconds: float, snap: str, clock: Clock, times: Times) -> Time:
    """A time as a person would write it who had put it there: in beats, frames or seconds."""
    if not math.isfinite(seconds):
        raise ValueError("a time is a number of seconds")
    exact = Fraction(round(min(max(seconds, 0.0), float(clock.length)) * 1000), 1000)
    if snap == "beat" and clock.tempo is not None:
        beat = Fraction(round(clock.tempo.beat(Fraction(seconds)) * PARTS), PARTS)
        if beat >= 0:
            return Time("b", (beat,))
        exact = Fraction(round(float(clock.tempo.seconds(beat)) * 1000), 1000)
    if snap in ("frame", "cut"):
        place = min(times.frame_at(exact), times.frames - 1)
        return Time("f", (Fraction(place),))
    return Time("s", (max(exact, Fraction(0)),))


def _tempo(clock: Clock) -> dict[str, Any] | None:
    """Where beats are: evenly, or one by one."""
    tempo: Tempo | None = clock.tempo
    if tempo is None:
        return None
    about: dict[str, Any] = {
        "bpm": tempo.bpm,
        "beats_per_bar": tempo.beats_per_bar,
        "offset": float(tempo.seconds(Fraction(0))),
    }
    if len(tempo.beats) > 2:
        about["beats"] = [float(beat) for beat in tempo.beats]
        about["zero"] = tempo.zero
    return about


def easings() -> dict[str, Any]:
    """Easings as the page draws them: four numbers of a Bézier, or shares of the way."""
    found: dict[str, Any] = {}
    for name in NAMES:
        if name in BEZIERS:
            found[name] = {"bezier": BEZIERS[name]}
        elif name not in ("linear", "hold"):
            ease = Easing(name)
            found[name] = {"points": [round(ease(i / POINTS), 4) for i in range(POINTS + 1)]}
    return found
