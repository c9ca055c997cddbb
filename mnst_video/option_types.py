"""What the values of options may be, and how they are read from text."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Annotated, Any, Literal

from PIL import ImageColor
from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator

from mnst_video.media.output.containers import CODECS
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.reaction import Reaction
from mnst_video.timeline.timecode import Time


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_size(value: object) -> object:
    """ "1280x720" as (1280, 720)."""
    if isinstance(value, str) and value != "source":
        width, cross, height = value.lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ValueError("give `source` or WIDTHxHEIGHT, such as 1280x720")
        return (int(width), int(height))
    return value


def _word_or_number(*words: str, advice: str) -> Any:
    """A validator for one of the words, or a number above 0, which a text may hold."""

    def validate(value: object) -> object:
        if value in words:
            return value
        number = math.nan
        if isinstance(value, str) or _is_number(value):
            with suppress(ValueError):
                number = float(value)  # type: ignore[arg-type]
        if not 0.0 < number < math.inf:
            raise ValueError(advice)
        return number

    return BeforeValidator(validate)


def _timeline(low: float, high: float) -> Any:
    """A validator for keyframes as text, or one number for all the time."""

    def validate(value: object) -> Timeline:
        if _is_number(value):
            value = repr(value)
        if isinstance(value, str):
            value = Timeline.parse(value)
        if not isinstance(value, Timeline):
            raise ValueError('give a number, or keys in quotes: "0=0, 12.5s=1"')
        return value.check(low, high)

    return PlainValidator(validate)


def _time(value: object) -> Time:
    if _is_number(value):
        value = repr(value)
    if isinstance(value, str):
        value = Time.parse(value)
    if not isinstance(value, Time):
        raise ValueError('give seconds, or a time in quotes, such as "1:30"')
    return value


def check_color(value: str) -> str:
    """A colour as Pillow knows it."""
    try:
        known = len(color := ImageColor.getrgb(value)) == 3 and max(color) <= 255
    except ValueError:
        known = False
    if not known:
        raise ValueError("write a colour: white, or #20202f")
    return value


def check_codec(name: str) -> str:
    if name not in CODECS:
        raise ValueError(f"there is no codec {name}; use one of {', '.join(CODECS)}")
    return name


def fps_reader() -> Any:
    """A validator for `source`, `vfr`, or frames a second as text or a number."""

    def validate(value: object) -> object:
        if value in ("source", "vfr"):
            return value
        return parse_rate(str(value) if _is_number(value) else value)

    return PlainValidator(validate)


def parse_rate(text: object) -> Fraction:
    """Frames a second, such as 25, 23.976 or 30000/1001. Raises ValueError."""
    rate = text if isinstance(text, Fraction) else Fraction(0)
    if isinstance(text, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9}|/[1-9]\d{0,8})?", text):
        rate = Fraction(text)
    if not 0 < rate <= 1000:
        raise ValueError("write frames a second, such as 25 or 30000/1001")
    return rate


def read_cuts(value: object) -> object:
    if value in ("auto", "none"):
        return value
    times = value.split(",") if isinstance(value, str) else value
    if isinstance(times, (list, tuple)) and times:
        try:
            return tuple(map(_time, times))
        except ValueError as error:
            raise ValueError(f"give `auto`, `none` or times, such as 1.5,3.25: {error}") from None
    raise ValueError("give `auto`, `none` or times, such as 1.5,3.25")


def _reaction(value: object) -> object:
    return Reaction.parse(value) if isinstance(value, str) else value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, (str, Mapping)) else value


# Strict: a preset that says true or "6" where a number belongs is wrong.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Weight = Annotated[Number, Field(ge=0.0)]
Rate = Annotated[Number, Field(gt=0.0)]
Steps = Annotated[Whole, Field(ge=1, le=100_000)]
Side = Annotated[Whole, Field(ge=16, le=16384)]
Moment = Annotated[Time, PlainValidator(_time), PlainSerializer(str)]
Gamma = Annotated[Timeline, _timeline(0.0, 1.0), PlainSerializer(str)]
Position = Annotated[Timeline, _timeline(1.0, math.inf), PlainSerializer(str)]
Reactions = Annotated[
    tuple[Annotated[Reaction, BeforeValidator(_reaction), PlainSerializer(str)], ...],
    BeforeValidator(_one_or_more),
]
Sigma = Annotated[
    Literal["auto", "shot"] | float,
    _word_or_number(
        "auto", "shot", advice="give `auto`, `shot` or a number above 0 (1 switches it off)"
    ),
]
Bpm = Annotated[
    Literal["auto"] | Annotated[float, Field(ge=1.0, le=1000.0)],
    _word_or_number("auto", advice="give beats a minute, such as 120, or `auto`"),
]
