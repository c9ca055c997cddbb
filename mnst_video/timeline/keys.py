"""A value over time: keyframes as text, and as a schedule that gives the value of each moment."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Self

from mnst_video.errors import TextError
from mnst_video.timeline.clock import Clock
from mnst_video.timeline.curve import Keyframe, Schedule
from mnst_video.timeline.easing import HOLD, LINEAR, Easing
from mnst_video.timeline.timecode import END, START, Time

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_KEY = re.compile(r"(?P<time>[^=]*?)\s*=\s*(?P<value>\S+)(?:\s+(?P<easing>.*))?", re.DOTALL)
# Deforum writes FRAME:(VALUE); the value may be an expression. A number may stand without brackets.
_DEFORUM = re.compile(r"(?P<frame>[^:(]*?)\s*:\s*\(\s*(?P<value>.*?)\s*\)", re.DOTALL)
_BARE_DEFORUM = re.compile(rf"(?P<frame>\d+)\s*:\s*(?P<value>{_NUMBER.pattern})", re.IGNORECASE)


@dataclass(frozen=True)
class Key:
    """A keyframe as it was written: its time may need a clip to have a meaning."""

    time: Time
    value: float
    easing: Easing = LINEAR

    def __str__(self) -> str:
        easing = "" if self.easing == LINEAR else f" {self.easing}"
        return f"{self.time}={_number(self.value)}{easing}"


@dataclass(frozen=True)
class Timeline:
    """Keyframes as they were written, in that order.

    repeat: the length after which the keys begin anew, from the first one's time on.
    typed: False for a preset's, which may not know how long the clip is.
    """

    keys: tuple[Key, ...]
    repeat: Time | None = None
    typed: bool = field(default=True, compare=False)

    @classmethod
    def constant(cls, value: float) -> Self:
        return cls((Key(START, value),))

    @classmethod
    def ramp(cls, first: float, last: float) -> Self:
        """From the first frame to the last one."""
        return cls((Key(START, first), Key(END, last)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0.4`, `40%`, `0=0, 12.5s=1 ease-in-out, 1:30=0`, `0b=0, 4b=1 repeat 8b`, `0:(1.0)`.

        The last is Deforum's form. docs/timeline.md has the whole language.
        Raises TextError, which marks the place.
        """
        repeat = None
        end = len(text)
        if match := re.search(r"(?<![\w-])repeat(?![\w-])", text, re.IGNORECASE):
            end = match.start()
            repeat = _parse_repeat(text, match.end())
        body, parts = text[:end], list(_parts(text, end))
        if not parts:
            raise TextError(text, 0, len(text), "write a number, or keys: 0=0, 12.5s=1, end=0")
        if len(parts) == 1 and repeat is None and not re.search(r"[=:(]", body):
            return cls.constant(_parse_value(text, *parts[0]))
        deforum = re.match(r"[^=]*:\s*\(", body) or _BARE_DEFORUM.fullmatch(text, *parts[0])
        read = _parse_deforum if deforum else _parse_key
        return cls(tuple(read(text, *part) for part in parts), repeat)

    def __str__(self) -> str:
        """A text that `parse` makes the same timeline of."""
        if self.repeat is None and self == self.constant(self.keys[0].value):
            return _number(self.keys[0].value)
        repeat = f" repeat {self.repeat}" if self.repeat else ""
        return ", ".join(map(str, self.keys)) + repeat

    def check(self, low: float, high: float) -> Self:
        """Itself. Raises TextError where a value is outside `low` to `high`, or is no number."""
        for key in self.keys:
            if not low <= key.value <= high:
                bounds = f"between {low:g} and {high:g}" if high < math.inf else f"{low:g} or more"
                raise _error(self, key, f"must be {bounds}", value=True)
        return self

    def resolve(
        self, clock: Clock, low: float = 0.0, high: float = 1.0
    ) -> tuple[Schedule, tuple[str, ...]]:
        """The schedule on a clip, with notes for a person.

        Raises TextError, which marks the place, where the clip has no such time.
        """
        self.check(low, high)
        notes: list[str] = []
        placed = [(self._seconds(key, clock), key) for key in self.keys]
        if len(clock.times) == 1:  # start and end are one: what stands at the start holds
            placed.sort(key=lambda item: (item[0], item[1].time.follows_the_end))
            placed = list(dict(reversed(placed)).items())[::-1]
        elif any(a[0] > b[0] for a, b in pairwise(placed)):
            notes.append("the keys were not in order of time: sorted")
            placed.sort(key=lambda item: item[0])
        for (a, _), (b, key) in pairwise(placed):
            if a == b:
                raise _error(self, key, f"two keys at one time, {_show(b)} s; delete one")
        if self.repeat is not None:
            keys = self._repeated(placed, clock, notes)
        else:
            keys = [_keyframe(*item) for item in self._inside(placed, clock, notes)]
        return Schedule(tuple(keys), low, high), tuple(notes)

    def _seconds(self, key: Key, clock: Clock) -> Fraction:
        try:
            return clock.seconds(key.time)
        except ValueError as error:
            raise _error(self, key, str(error)) from None

    def _inside(
        self, placed: list[tuple[Fraction, Key]], clock: Clock, notes: list[str]
    ) -> list[tuple[Fraction, Key]]:
        """The keys that lie on the clip; those of a preset that do not are dropped."""
        if len(clock.times) == 1:  # the value at its start is all that it needs
            return placed
        kept = []
        for seconds, key in placed:
            problem = None
            if seconds > clock.length:
                problem = f"{key.time.shown} is past the end, {_show(clock.length)} s"
            elif seconds < 0 and key.time.before_end:
                problem = f"{key.time.shown} is before the start: the end is {_show(clock.end)} s"
            if problem is None:
                kept.append((seconds, key))
            elif self.typed:
                hint = clock.hint(key.time) or "; the last frame is at `end`"
                raise _error(self, key, problem + hint)
            else:
                notes.append(f"{problem}: this key of the preset is dropped")
        return kept or placed  # the clip shows what holds before, after or between them

    def _repeated(
        self, placed: list[tuple[Fraction, Key]], clock: Clock, notes: list[str]
    ) -> list[Keyframe]:
        """The keys of every round that begins on the clip."""
        assert self.repeat is not None
        first, last = placed[0][0], placed[-1][0]
        try:
            period = clock.later(first, self.repeat) - first
        except ValueError as error:
            raise _repeat_error(self, str(error)) from None
        if period < 1 / clock.fps:
            raise _repeat_error(self, "a round is shorter than a frame")
        if last - first > period:
            raise _repeat_error(
                self,
                f"the keys span {_show(last - first)} s, more than a round's {_show(period)} s",
            )
        if period > clock.length:
            problem = f"a round of {self.repeat.shown} is longer than the clip"
            hint = clock.hint(self.repeat)
            if self.typed and hint:
                raise _repeat_error(self, f"{problem}, {_show(clock.length)} s{hint}")
            notes.append(f"{problem}: it is not played to its end")
        self._inside(placed[:1], clock, notes)
        keys: list[Keyframe] = []
        # The first key may lie long before the start: beat 0 can.
        begun, last_round = (
            clock.rounds(first, self.repeat, t) for t in (clock.times[0], clock.end)
        )
        for number in range(max(begun, 0), last_round + 1):
            for seconds, key in placed:
                keys.append(_keyframe(clock.later(seconds, self.repeat, number), key))
            keys[-1] = replace(keys[-1], easing=HOLD)
        return keys or [_keyframe(*placed[0])]


def _error(timeline: "Timeline", wrong: Key, problem: str, value: bool = False) -> TextError:
    """An error that shows the keys and marks the time, or the value, of one."""
    if timeline.repeat is None and str(timeline) == _number(wrong.value):
        return TextError(str(timeline), 0, len(str(timeline)), problem)
    before = "".join(f"{_shown(k)}, " for k in timeline.keys[: timeline.keys.index(wrong)])
    after = "".join(f", {_shown(k)}" for k in timeline.keys[timeline.keys.index(wrong) + 1 :])
    text = before + _shown(wrong) + after
    if timeline.repeat:
        text += f" repeat {timeline.repeat.shown}"
    start, size = len(before), len(wrong.time.shown)
    if value:
        start, size = start + size + 1, len(_number(wrong.value))
    return TextError(text, start, start + size, problem)


def _repeat_error(timeline: "Timeline", problem: str) -> TextError:
    assert timeline.repeat is not None
    before = ", ".join(map(_shown, timeline.keys)) + " repeat "
    return TextError(before + timeline.repeat.shown, len(before), 10**9, problem)


def _keyframe(seconds: Fraction, key: Key) -> Keyframe:
    return Keyframe(seconds, key.value, key.easing)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _show(seconds: Fraction) -> str:
    return f"{float(seconds):.6g}"


def _shown(key: Key) -> str:
    """A key with its time as it was written."""
    return key.time.shown + str(key).removeprefix(str(key.time))


def _parts(text: str, end: int) -> Iterator[tuple[int, int]]:
    """Where the texts between commas begin and end, up to `end`; brackets hold theirs together."""
    body, start, depth = text[:end], 0, 0
    for index, letter in enumerate(body + ","):
        depth += (letter == "(") - (letter == ")")
        if letter != "," or (depth > 0 and index < len(body)):
            continue
        piece = body[start:index]
        if piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            yield begin, begin + len(piece.strip())
        elif index < len(body):  # one comma at the end does no harm
            raise TextError(text, start, index + 1, "a key is missing before this comma")
        start, depth = index + 1, 0


def _parse_key(text: str, start: int, end: int) -> Key:
    match = _KEY.fullmatch(text, start, end)
    if not match:
        what = "a key is TIME=VALUE, such as 12.5s=1"
        raise TextError(text, start, end, what)
    try:
        time = Time.parse(match["time"])
    except ValueError as error:
        raise TextError(text, *match.span("time"), str(error)) from None
    value = _parse_value(text, *match.span("value"), time)
    try:
        easing = Easing.parse(match["easing"]) if match["easing"] else LINEAR
    except ValueError as error:
        # An open bracket swallows the keys after it.
        closed = match["easing"].count("(") <= match["easing"].count(")")
        missing = "=" in match["easing"] and closed
        problem = "a comma is missing before this" if missing else str(error)
        raise TextError(text, *match.span("easing"), problem) from None
    return Key(time, value, easing)


def _parse_value(text: str, start: int, end: int, time: Time | None = None) -> float:
    word = text[start:end]
    plain, share = word.removesuffix("%"), 100 if word.endswith("%") else 1
    if _NUMBER.fullmatch(plain) and math.isfinite(float(plain)):
        return float(plain) / share
    problem = f"{word} is not a number"
    if ";" in word:
        problem = "keys are separated by commas"
    elif match := re.fullmatch(rf"({_NUMBER.pattern})[a-z-]{{3,}}.*", word, re.IGNORECASE):
        problem += f"; a blank goes after {match[1]}"
    elif time is not None and _NUMBER.fullmatch(time.shown) and _is_time(word):
        problem += f"; the time stands first: did you mean {word}={time.shown}?"
    elif time is not None:
        problem += "; a key is TIME=VALUE, such as 12.5s=1"
    else:
        problem += "; write one, such as 0.4, or keys: 0=0, 12.5s=1, end=0"
    raise TextError(text, start, end, problem)


def _is_time(word: str) -> bool:
    try:
        Time.parse(word)
    except ValueError:
        return False
    return True


def _parse_deforum(text: str, start: int, end: int) -> Key:
    match = _DEFORUM.fullmatch(text, start, end) or _BARE_DEFORUM.fullmatch(text, start, end)
    if not match:
        raise TextError(text, start, end, "Deforum's keys are FRAME:(VALUE), such as 30:(0.5)")
    if not match["frame"].isdecimal():
        problem = "Deforum's keys begin with a frame's number; others are written end=0.5"
        raise TextError(text, *match.span("frame"), problem)
    if not _NUMBER.fullmatch(match["value"]):
        problem = "expressions are not evaluated: write a number, or an easing: 0f=0 ease-in-out"
        raise TextError(text, *match.span("value"), problem)
    try:
        time = Time.parse(match["frame"] + "f")
    except ValueError as error:
        raise TextError(text, *match.span("frame"), str(error)) from None
    return Key(time, _parse_value(text, *match.span("value")))


def _parse_repeat(text: str, start: int) -> Time:
    word = text[start:].strip()
    begin = text.index(word, start)
    end = begin + len(word)
    try:
        time = Time.parse(word)
    except ValueError as error:
        raise TextError(text, begin, end, f"repeat stands last, with a length; {error}") from None
    if time.before_end or time.unit not in ("s", "f", "b", "bar", "clip"):
        raise TextError(text, begin, end, "repeat takes a length, such as 8bar, 4s or 1clip")
    if time.parts[0] == 0:
        raise TextError(text, begin, end, "a round must last longer than that")
    return time
