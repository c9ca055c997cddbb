"""The clock of a clip, which turns times into seconds, and its tempo."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Self

from mnst_video.errors import UsageError
from mnst_video.timeline.timecode import Time

# Rates of the drop-frame timecode, and how many numbers it leaves out a minute (SMPTE ST 12-1).
DROPPED = {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}


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
    said it. duration: seconds from the first frame's start to the last one's end; None: that lasts
    as long as the rate says.
    """

    times: Sequence[Fraction]
    fps: Fraction
    tempo: Tempo | None = None
    duration: Fraction | None = None

    @property
    def end(self) -> Fraction:
        """The last frame's seconds."""
        return self.times[-1]

    @property
    def length(self) -> Fraction:
        """Seconds from the first frame's start to the last one's end."""
        return self.duration or self.end + 1 / self.fps

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


def moment(name: str, time: Time, clock: Clock) -> Fraction:
    """A time in the options, in seconds. Raises UsageError where the clip has no such time."""
    try:
        seconds = clock.seconds(time)
    except ValueError as error:
        raise UsageError(f"{name} = {time.shown}: {error}") from None
    if not 0 <= seconds <= clock.length:
        raise UsageError(
            f"{name} = {time.shown} is not inside the clip, which lasts "
            f"{float(clock.length):.6g} s{clock.hint(time)}"
        )
    return seconds
