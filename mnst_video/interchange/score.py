"""What all formats share: keys in seconds, cuts, a tempo, and what a marker's text says."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

from mnst_video.errors import InputError
from mnst_video.timeline.clock import Clock
from mnst_video.timeline.curve import Keyframe
from mnst_video.timeline.easing import HOLD, LINEAR, Easing

# How far a value may be from a straight line that stands for it.
STRAIGHT = 0.002
# What markers without a value stand for, in turn.
TURNS = (0.0, 1.0)
# `γ=0.5 ease-in`, `50%`, `gamma: 1`: a value, and an easing, as the text of a marker.
_VALUE = re.compile(
    r"(?:(?:γ|gamma|position|strength)\s*[=:]?\s*)?"
    r"(?P<value>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<percent>\s*%)?(?:\s+(?P<easing>\S.*))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Marker:
    """A moment with a text; seconds from the first frame."""

    time: Fraction
    text: str = ""


@dataclass(frozen=True)
class Score:
    """What a file says of time. Times are seconds from the first frame of a clip.

    keys: in order of time, at different times. cuts: where shots begin. bpm: of a steady tempo,
    whose beat 0 is at 0. notes: what a person should know of how it was read.
    """

    keys: tuple[Keyframe, ...] = ()
    cuts: tuple[Fraction, ...] = ()
    bpm: Fraction | None = None
    beats_per_bar: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lane:
    """A value over a clip, to be written.

    keys: without what reacts to sound. values: of each frame, all included. cuts: seconds.
    """

    name: str
    keys: tuple[Keyframe, ...]
    values: tuple[float, ...]
    clock: Clock
    cuts: tuple[Fraction, ...] = ()

    @property
    def inside(self) -> tuple[Keyframe, ...]:
        """The keys on the clip, with what holds at its first frame where none stands there."""
        kept = [key for key in self.keys if 0 <= key.time <= self.clock.length]
        if not kept or kept[0].time > 0:
            kept.insert(0, Keyframe(Fraction(0), self.values[0]))
        return tuple(kept)

    @property
    def bends(self) -> list[tuple[int, float]]:
        """Frames and values between which straight lines are the values of all frames."""
        frames = range(len(self.values))
        return [(frames[i], self.values[i]) for i in straightened(frames, self.values)]


@dataclass(frozen=True)
class Writing:
    """What writing may need to know: (width, height) of the clip, and a field's name for Parseq."""

    size: tuple[int, int] = (1920, 1080)
    field: str | None = None


def keyed(keys: Iterable[Keyframe], notes: tuple[str, ...] = ()) -> Score:
    """A score of keys in any order, with notes; of several at one time the last one counts.

    Raises InputError where there is none.
    """
    by_time = {key.time: key for key in keys}
    if not by_time:
        raise InputError("no keys were found in it")
    return Score(tuple(by_time[time] for time in sorted(by_time)), notes=notes)


def score_of_markers(markers: Sequence[Marker]) -> Score:
    """Markers as keys: by the value in a marker's text, or in turn where no text has one.

    Raises InputError where there is none.
    """
    read = [(marker, key_of(marker)) for marker in markers]
    keys = [key for _, key in read if key is not None]
    notes: tuple[str, ...] = ()
    if not keys:
        keys = [
            Keyframe(marker.time, TURNS[number % len(TURNS)], HOLD)
            for number, marker in enumerate(sorted(markers, key=lambda m: m.time))
        ]
        notes = ("no marker's text is a value: they are 0 and 1 in turn, each held",)
    elif len(keys) < len(read):
        named = ", ".join(repr(marker.text) for marker, key in read if key is None)[:80]
        notes = (f"markers whose text is no value are left out: {named}",)
    return keyed(keys, notes=notes)


def key_of(marker: Marker) -> Keyframe | None:
    """The key that a marker's text says: a value, and the easing that leads on, if any."""
    match = _VALUE.fullmatch(marker.text.strip())
    if match is None:
        return None
    easing = LINEAR
    if match["easing"]:
        try:
            easing = Easing.parse(match["easing"])
        except ValueError:
            return None
    return Keyframe(
        marker.time, float(match["value"]) / (100.0 if match["percent"] else 1.0), easing
    )


def text_of(key: Keyframe) -> str:
    """The text of a marker that stands for a key."""
    value = repr(round(key.value, 6)).removesuffix(".0")
    return value if key.easing == LINEAR else f"{value} {key.easing}"


def straightened(times: Sequence[float], values: Sequence[float]) -> list[int]:
    """The numbers of those points that straight lines between them leave no other far from.

    D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points required to
    represent a digitized line or its caricature" (Cartographica, 1973), by distance in value.
    """
    kept, open_ends = {0, len(values) - 1}, [(0, len(values) - 1)]
    while open_ends:
        first, last = open_ends.pop()
        rise = (values[last] - values[first]) / (times[last] - times[first]) if last > first else 0
        worst, place = STRAIGHT, 0
        for middle in range(first + 1, last):
            line = values[first] + rise * (times[middle] - times[first])
            if (off := abs(values[middle] - line)) > worst:
                worst, place = off, middle
        if place:
            kept.add(place)
            open_ends += [(first, place), (place, last)]
    return sorted(kept)


def number_of(text: str) -> float | None:
    """A number that a text is; None where it is none."""
    with suppress(ValueError):
        return float(text.strip())
    return None
