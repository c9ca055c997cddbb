"""A score as options, and options on a clip as a lane."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

from mnst_video.errors import InputError, UsageError
from mnst_video.interchange.score import Lane, Score
from mnst_video.timeline.gamma import Course
from mnst_video.timeline.keys import Key, Timeline
from mnst_video.timeline.timecode import Time

# What keys can be those of.
LANES = ("gamma", "position", "strength")
LaneName = Literal["gamma", "position", "strength"]
# Of a second: times in presets are to a tenth of a millisecond.
FINEST = 10_000


def settings_of(score: Score, lane: LaneName) -> dict[str, Any]:
    """Settings, as a preset has them, for what a score says. Raises InputError for values out of
    range."""
    given: dict[str, Any] = {}
    if score.keys:
        keys = tuple(
            Key(Time("s", (Fraction(round(key.time * FINEST), FINEST),)), key.value, key.easing)
            for key in score.keys
            if key.time >= 0
        )
        values = [key.value for key in keys]
        low, high = (1.0, float("inf")) if lane == "position" else (0.0, 1.0)
        if not all(low <= value <= high for value in values):
            way = f"its values go from {min(values):g} to {max(values):g}, and {lane}"
            if lane == "position":
                raise InputError(f"{way} begins at 1, the first style")
            raise InputError(
                f"{way} goes from 0 to 1: give those that stand for 0 and 1 with --range"
            )
        given[lane] = str(Timeline(keys))
    if score.bpm is not None:
        given["bpm"] = round(float(score.bpm), 3)
    if score.beats_per_bar is not None:
        given["beats_per_bar"] = score.beats_per_bar
    if score.cuts:
        given["cuts"] = [round(float(cut), 4) for cut in score.cuts]
    return given


def lane_of(course: Course, name: LaneName, cuts: Sequence[Fraction]) -> Lane:
    """A lane of a clip's course. cuts: in seconds. Raises UsageError."""
    if name == "strength":
        return Lane(name, course.strength.keys, course.strengths, course.clock, tuple(cuts))
    there = "position" if course.positions else "gamma"
    if name != there:
        raise UsageError(f"--lane {name}: these styles have a {there}; give that")
    return Lane(name, course.curve.keys, course.values, course.clock, tuple(cuts))
