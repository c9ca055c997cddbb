"""Times as people write them, and the clock of a clip that turns them into seconds."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Self

# Words for each unit; the first is the one that is printed.
UNITS = {
    "s": ("", "s"),
    "ms": ("ms",),
    "f": ("f",),
    "%": ("%",),
    "b": ("b", "beat", "beats"),
    "bar": ("bar", "bars"),
    "clip": ("clip",),
}
_NUMBER = r"\d+/[1-9]\d*|\d+(?:\.\d*)?|\.\d+"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([a-z%]*)", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", re.ASCII)
_SMPTE = re.compile(r"(\d+):(\d\d):(\d\d)([:;])(\d\d+)", re.ASCII)
_POSITION = re.compile(r"(\d+)\.(\d+)\.(\d+)", re.ASCII)

# Letters of the longest time; what is longer is a slip, and may not even fit into a float.
_LONGEST = 100

# Rates of the drop-frame timecode, and how many numbers it leaves out a minute (SMPTE ST 12-1).
DROPPED = {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}


@dataclass(frozen=True)
class Time:
    """A time as it was written; a `Clock` makes seconds of it.

    unit and parts:
        s seconds, f frames, % of the way from the first frame to the last, b beats, bar bars,
        clip lengths of the clip (from the first frame's start to the last one's end): one number;
        smpte, drop: hours, minutes, seconds, frames; position: bar, beat, sixteenth, from 1.
    before_end: counted back from the last frame.
    """

    unit: str
    parts: tuple[Fraction, ...]
    before_end: bool = False
    written: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a time. Raises ValueError with what to type instead."""
        written = text.strip()
        if len(written) > _LONGEST:
            raise ValueError(f"a time has at most {_LONGEST} letters")
        word = written.lower().replace("−", "-")
        before_end = word.startswith("-")
        word = word.removeprefix("-").strip()
        if word in ("start", "end"):
            if before_end:
                raise ValueError(f"{word} takes no minus; before the end is, say, -2s")
            return cls("%", (Fraction(100 * (word == "end")),), written=written)
        if match := _POSITION.fullmatch(word):
            if before_end:
                raise ValueError("a position has no minus; before the end is, say, -4bar")
            return cls("position", _position(match), written=written)
        if match := _SMPTE.fullmatch(word):
            hours, minutes, seconds, kind, frames = match.groups()
            parts = tuple(map(Fraction, (hours, minutes, seconds, frames)))
            _check_sixty(minutes, seconds)
            return cls("drop" if kind == ";" else "smpte", parts, before_end, written)
        if match := _CLOCK.fullmatch(word):
            return cls("s", (_clock_seconds(match),), before_end, written)
        match = _QUANTITY.fullmatch(word)
        unit = match and next((u for u, words in UNITS.items() if match[2] in words), None)
        if not match or not unit:
            raise ValueError(_not_a_time(written, match))
        amount = Fraction(match[1])
        if unit == "ms":
            unit, amount = "s", amount / 1000
        if unit == "f" and amount.denominator != 1:
            raise ValueError(f"frames are whole numbers: {'-' * before_end}{round(amount)}f")
        if unit == "%":
            if amount > 100:
                raise ValueError("percent go from 0% to 100%")
            amount, before_end = 100 - amount if before_end else amount, False
        return cls(unit, (amount,), before_end, written)

    def __str__(self) -> str:
        """A text that `parse` makes the same time of."""
        sign = "-" if self.before_end else ""
        if self.unit == "position":
            return ".".join(map(str, self.parts))
        if self.unit in ("smpte", "drop"):
            hours, minutes, seconds, frames = (f"{int(part):02}" for part in self.parts)
            mark = ";" if self.unit == "drop" else ":"
            return f"{sign}{hours}:{minutes}:{seconds}{mark}{frames}"
        (amount,) = self.parts
        if self.unit == "%" and amount in (0, 100):
            return "end" if amount else "start"
        return f"{sign}{_decimal(amount)}{UNITS[self.unit][0]}"

    @property
    def follows_the_end(self) -> bool:
        """Whether a longer clip would have it later."""
        return self.before_end or (self.unit in ("%", "clip") and self.parts[0] > 0)

    @property
    def shown(self) -> str:
        """As it was written, for messages."""
        return self.written or str(self)


START, END = Time("%", (Fraction(0),)), Time("%", (Fraction(100),))


@dataclass(frozen=True)
class Tempo:
    """Where the beats are.

    beats: seconds of at least two of them, increasing. Between two the time runs evenly; before the
        first and after the last it goes on as fast as between the two beats that are nearest.
    zero: which of them is beat 0, where the first bar begins.
    """

    beats: tuple[Fraction, ...]
    zero: int = 0
    beats_per_bar: int = 4

    def __post_init__(self) -> None:
        if len(self.beats) < 2 or any(a >= b for a, b in pairwise(self.beats)):
            raise ValueError("a tempo needs two or more beats at increasing times")
        if self.beats_per_bar < 1:
            raise ValueError("a bar has at least one beat")

    @classmethod
    def steady(cls, bpm: Fraction, offset: Fraction = Fraction(0), beats_per_bar: int = 4) -> Self:
        """`bpm` beats a minute, above 0; beat 0 is `offset` seconds after the first frame."""
        if bpm <= 0:
            raise ValueError("a tempo is more than 0 beats a minute")
        return cls((offset, offset + 60 / bpm), 0, beats_per_bar)

    @property
    def bpm(self) -> float:
        """Beats a minute, of the median interval."""
        return float(60 / median(b - a for a, b in pairwise(self.beats)))

    def seconds(self, beat: Fraction) -> Fraction:
        """The time of a beat, from 0; fractions lie between beats."""
        place = beat + self.zero
        left = min(max(int(place // 1), 0), len(self.beats) - 2)
        a, b = self.beats[left : left + 2]
        return a + (place - left) * (b - a)

    def beat(self, seconds: Fraction) -> Fraction:
        """The inverse of `seconds`."""
        left = min(max(bisect_right(self.beats, seconds) - 1, 0), len(self.beats) - 2)
        a, b = self.beats[left : left + 2]
        return left - self.zero + (seconds - a) / (b - a)

    def position(self, seconds: Fraction) -> str:
        """bar.beat.sixteenth, from 1, of the sixteenth that is playing; empty before beat 0."""
        sixteenths = self.beat(seconds) * 4 // 1
        if sixteenths < 0:
            return ""
        bar, rest = divmod(int(sixteenths), 4 * self.beats_per_bar)
        return f"{bar + 1}.{rest // 4 + 1}.{rest % 4 + 1}"


@dataclass(frozen=True)
class Clock:
    """What times mean on a clip.

    times: each frame's seconds from the first frame. fps: its rate. tempo: None where no one has
    said it.
    """

    times: Sequence[Fraction]
    fps: Fraction
    tempo: Tempo | None = None

    @property
    def end(self) -> Fraction:
        """The last frame's seconds."""
        return self.times[-1]

    @property
    def length(self) -> Fraction:
        """Seconds from the first frame's start to the last one's end."""
        return self.end + 1 / self.fps

    def seconds(self, time: Time) -> Fraction:
        """Seconds from the first frame, exactly. Raises ValueError where the clip has no such time.

        A time before the first frame or after the last one is no error here.
        """
        if time.unit == "%":
            return self.end * time.parts[0] / 100
        if time.unit in ("b", "bar", "position"):
            tempo, beats = self._tempo(time), self._beats(time)
            return tempo.seconds(tempo.beat(self.end) - beats if time.before_end else beats)
        if time.unit in ("f", "smpte", "drop"):
            frames = self._frames(time)
            return self.frame(len(self.times) - 1 - frames if time.before_end else frames)
        amount = time.parts[0] * (self.length if time.unit == "clip" else 1)
        return self.end - amount if time.before_end else amount

    def later(self, seconds: Fraction, length: Time, rounds: int = 1) -> Fraction:
        """`rounds` times a length after `seconds`; in beats or bars it follows the beats.

        Raises ValueError where a tempo is needed and there is none.
        """
        if length.unit in ("b", "bar"):
            tempo = self._tempo(length)
            return tempo.seconds(tempo.beat(seconds) + rounds * self._beats(length))
        amount = rounds * length.parts[0]
        if length.unit == "f":
            return seconds + amount / self.fps
        return seconds + amount * (self.length if length.unit == "clip" else 1)

    def hint(self, time: Time) -> str:
        """Advice on a time that the clip does not have: a bare number is often meant as a frame."""
        bare = time.unit == "s" and time.shown.isdecimal()
        if bare and time.parts[0] < len(self.times):
            return f": did you mean {time.shown}f?"
        return ""

    def frame(self, number: int) -> Fraction:
        """The seconds of a frame; those that the clip does not have follow at its rate."""
        last = len(self.times) - 1
        if number < 0:
            return number / self.fps
        return self.times[number] if number <= last else self.end + (number - last) / self.fps

    def rounds(self, seconds: Fraction, length: Time, until: Fraction) -> int:
        """How often a length fits between two moments; below 0 where the second is the earlier."""
        if length.unit in ("b", "bar"):
            tempo = self._tempo(length)
            return (tempo.beat(until) - tempo.beat(seconds)) // self._beats(length)
        return (until - seconds) // (self.later(seconds, length) - seconds)

    def _tempo(self, time: Time) -> Tempo:
        if self.tempo is None:
            raise ValueError(f"{time.shown} needs a tempo: add --bpm 120, or --bpm auto")
        return self.tempo

    def _beats(self, time: Time) -> Fraction:
        per_bar = self._tempo(time).beats_per_bar
        if time.unit != "position":
            return time.parts[0] * (per_bar if time.unit == "bar" else 1)
        bar, beat, sixteenth = time.parts
        if beat > per_bar:
            raise ValueError(f"a bar has {per_bar} beats (--beats-per-bar)")
        return (bar - 1) * per_bar + (beat - 1) + (sixteenth - 1) / 4

    def _frames(self, time: Time) -> int:
        """The number of a frame. SMPTE ST 12-1 for timecodes."""
        if time.unit == "f":
            return int(time.parts[0])
        hours, minutes, seconds, frames = map(int, time.parts)
        rate = max(round(self.fps), 1)
        if frames >= rate:
            raise ValueError(f"at {_rate(self.fps)} fps, frames of a timecode go to {rate - 1:02}")
        minutes += 60 * hours
        number = (60 * minutes + seconds) * rate + frames
        if time.unit == "smpte":
            return number
        dropped = DROPPED.get(self.fps)
        if dropped is None:
            raise ValueError(
                "drop-frame timecode is for 29.97 and 59.94 fps (30000/1001, 60000/1001), "
                f"and this clip has {self.fps}; did you mean {time.shown.replace(';', ':')}?"
            )
        if minutes % 10 and seconds == 0 and frames < dropped:
            after = time.shown[:-2] + f"{dropped:02}"
            raise ValueError(f"drop-frame timecode leaves this number out; the next is {after}")
        return number - dropped * (minutes - minutes // 10)


def _rate(fps: Fraction) -> str:
    return f"{float(fps):.6g}"


def _decimal(amount: Fraction) -> str:
    """A number in decimals, or as n/d where these would not end."""
    rest, digits = amount.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        digits = max(digits, power)
    if rest != 1:
        return f"{amount.numerator}/{amount.denominator}"
    whole = str(int(amount * 10**digits)).zfill(digits + 1)
    return f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole


def _position(match: re.Match[str]) -> tuple[Fraction, ...]:
    bar, beat, sixteenth = (Fraction(part) for part in match.groups())
    if min(bar, beat, sixteenth) < 1:
        raise ValueError("positions count from 1: the first is 1.1.1")
    if sixteenth > 4:
        raise ValueError("a beat has four sixteenths: the last number goes from 1 to 4")
    return bar, beat, sixteenth


def _check_sixty(*parts: str) -> None:
    if any(float(part) >= 60 for part in parts):
        raise ValueError("minutes and seconds go to 59")


def _clock_seconds(match: re.Match[str]) -> Fraction:
    hours, minutes, seconds = match.groups()
    if not re.match(r"\d\d(\D|$)", seconds) or (hours and len(minutes) != 2):
        raise ValueError("minutes and seconds have two digits: 1:05, 1:02:05.5")
    _check_sixty(seconds, *((minutes,) if hours else ()))
    return 3600 * Fraction(hours or 0) + 60 * Fraction(minutes) + Fraction(seconds)


def _not_a_time(written: str, match: re.Match[str] | None) -> str:
    """What is wrong with a text that is no time."""
    if not written:
        return "a time is missing"
    if re.match(r"[-−]?\s*[\d.]+\s*(m|mins?|minutes?|h|hrs?|hours?)(?![a-z])", written.lower()):
        return f"{written} is not a time; minutes and hours are written 1:30 and 1:02:03"
    near = []
    if match:  # sec, seconds, frames, percent, or nearly a word that we know
        near = [unit for unit in ("s", "f", "%") if match[2].startswith(unit.replace("%", "p"))]
        words = [word for words in UNITS.values() for word in words if word]
        near = near or get_close_matches(match[2], words, 1, 0.5)
    if match and near:
        sign = "-" if written[0] in "-−" else ""
        return f"{written} is not a time; did you mean {sign}{match[1]}{near[0]}?"
    close = get_close_matches(written.lower(), ["start", "end"], n=1)
    if close:
        return f"{written} is not a time; did you mean {close[0]}?"
    return f"{written} is not a time; write 12.5s, 300f, 50%, 1:30, 32b, 8bar, start or end"
