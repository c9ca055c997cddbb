"""Gamma over time: keyframes and how to read a value between them."""

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True)
class Keyframe:
    """Gamma is `value`, 0..1, at `time`, in seconds from the first frame of the whole clip."""

    time: Fraction
    value: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0:  # NaN fails this too
            raise ValueError(f"gamma must be between 0 and 1, not {self.value}")


@dataclass(frozen=True)
class GammaSchedule:
    """Keyframes in order of time; linear between them, held before the first and after the last.

    Raises ValueError where there is no key, or where times do not increase.
    """

    keys: tuple[Keyframe, ...]

    def __post_init__(self) -> None:
        times = [key.time for key in self.keys]
        if not times or any(a >= b for a, b in pairwise(times)):
            raise ValueError("a schedule needs keyframes at increasing times")

    @classmethod
    def ramp(cls, start: float, end: float, duration: Fraction) -> "GammaSchedule":
        """From `start` at 0 s to `end` at `duration` seconds; with no duration, `start`."""
        first, last = Keyframe(Fraction(0), start), Keyframe(duration, end)
        return cls((first, last) if duration > 0 else (first,))

    def at(self, seconds: Fraction) -> float:
        """Gamma at a time, in seconds from the first frame of the whole clip."""
        index = bisect_right(self.keys, seconds, key=lambda key: key.time)
        if index == 0:
            return self.keys[0].value
        left = self.keys[index - 1]
        if index == len(self.keys):
            return left.value
        right = self.keys[index]
        share = float((seconds - left.time) / (right.time - left.time))
        return left.value + share * (right.value - left.value)
