"""A value over time as keyframes at known seconds."""

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mnst_video.timeline.easing import LINEAR, Easing


@dataclass(frozen=True)
class Keyframe:
    """`value` at `time` seconds from the first frame of the whole clip; `easing` leads on."""

    time: Fraction
    value: float
    easing: Easing = LINEAR


@dataclass(frozen=True)
class Schedule:
    """Keyframes in order of time; held before the first and after the last.

    Two may stand at one time: the value jumps there, to that of the second.
    Values, and what a Bézier makes of them, stay in `low` to `high`.
    Raises ValueError where there is no key, times decrease, or a value is outside the range.
    """

    keys: tuple[Keyframe, ...]
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.keys or any(a.time > b.time for a, b in pairwise(self.keys)):
            raise ValueError("a schedule needs keyframes in order of time")
        if not all(self.low <= key.value <= self.high for key in self.keys):
            raise ValueError(f"values must lie between {self.low:g} and {self.high:g}")

    def at(self, seconds: Fraction) -> float:
        """The value at a time, in seconds from the first frame of the whole clip."""
        index = bisect_right(self.keys, seconds, key=lambda key: key.time)
        if index == 0:
            return self.keys[0].value
        left = self.keys[index - 1]
        if index == len(self.keys) or seconds == left.time:
            return left.value
        right = self.keys[index]
        share = left.easing(float((seconds - left.time) / (right.time - left.time)))
        value = left.value + share * (right.value - left.value)
        return min(max(value, self.low), self.high)
