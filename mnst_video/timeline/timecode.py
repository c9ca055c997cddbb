"""Times as people write them, and the clock of a clip that turns them into seconds."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
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
