"""What the values of options may be, and how they are read from text."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from PIL import ImageColor
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator
from pydantic.fields import FieldInfo

from mnst_video.media.input.mask_source import MaskSource
from mnst_video.media.output.containers import CODECS
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.reaction import Reaction
from mnst_video.timeline.timecode import Time
from mnst_video.timeline.wipe import Wipe


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


def _mask(value: object) -> object:
    if isinstance(value, Path):
        value = str(value)
    value = MaskSource.parse(value) if isinstance(value, str) else value
    if not isinstance(value, MaskSource):
        raise ValueError("give a mask in quotes: a file, or such as luma:0.2-0.8")
    return value


def _wipe(value: object) -> object:
    value = Wipe.parse(value) if isinstance(value, str) else value
    if not isinstance(value, Wipe):
        raise ValueError('give a wipe in quotes, such as "left" or "iris,follow"')
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, (str, Mapping)) else value


# Strict: a preset that says true or "6" where a number belongs is wrong.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Weight = Annotated[Number, Field(ge=0.0)]
Positive = Annotated[Number, Field(gt=0.0)]
Steps = Annotated[Whole, Field(ge=1, le=100_000)]
Side = Annotated[Whole, Field(ge=16, le=16384)]
Moment = Annotated[Time, PlainValidator(_time), PlainSerializer(str)]
Gamma = Annotated[Timeline, _timeline(0.0, 1.0), PlainSerializer(str)]
Position = Annotated[Timeline, _timeline(1.0, math.inf), PlainSerializer(str)]
Reactions = Annotated[
    tuple[Annotated[Reaction, BeforeValidator(_reaction), PlainSerializer(str)], ...],
    BeforeValidator(_one_or_more),
]
Mask = Annotated[MaskSource, PlainValidator(_mask), PlainSerializer(str)]
WipeKind = Annotated[Wipe, PlainValidator(_wipe), PlainSerializer(str)]
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


# What the five style layers have of the style loss, for texture, strokes and motifs in words.
STROKES: Mapping[str, tuple[float, ...]] = {
    "fine": (0.3, 0.3, 0.2, 0.1, 0.1),
    "even": (0.2, 0.2, 0.2, 0.2, 0.2),
    "bold": (0.1, 0.1, 0.2, 0.3, 0.3),
}


def _shares(value: object) -> object:
    if isinstance(value, str):
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            raise ValueError("give five numbers, such as 0.1,0.1,0.2,0.3,0.3") from None
    return value


def _check_shares(value: tuple[float, ...]) -> tuple[float, ...]:
    if sum(value) <= 0.0:
        raise ValueError("one of the five has to be above 0")
    return value


Shares = Annotated[
    tuple[Weight, ...],
    BeforeValidator(_shares),
    Field(min_length=5, max_length=5),
    AfterValidator(_check_shares),
]


class Mark(Enum):
    """What an option has to do with, besides what its group says."""

    FRAMES = "decides the bytes of a clip's frames"
    QUALITY = "quality presets may set it"
    CLIPS = "makes no sense for one picture"
    STILLS = "has no say in a clip"
    FOLLOWS = "only has a say where a frame follows another"
    SHEETS = "can differ between the rows of a sheet"
    TIMING = "timing presets may set it"
    LEARNED = "a network learns it: with a model it is the model's"


def say(text: str, *marks: Mark) -> Any:
    """What an option does: shown by --help, and the comment in a preset that is written."""
    return Field(description=text, json_schema_extra={"marks": [mark.name for mark in marks]})


def has_mark(field: FieldInfo, mark: Mark) -> bool:
    """Whether an option was declared with a mark."""
    extra = field.json_schema_extra
    marks = extra.get("marks") if isinstance(extra, dict) else None
    return isinstance(marks, list) and mark.name in marks


# γ at the first and at the last frame, where only the other one is given, and where none is.
GAMMA_FROM, GAMMA_TO = 0.0, 1.0

# What `spell_out` takes besides the fields of `Options`.
SHORTHANDS = ("gamma_from", "gamma_to", "mask_from", "repeat", "strokes", "style")


def spell_out(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from one source, with shorthands written as the options that they stand for.

    gamma_from, gamma_to: gamma = "start=…, end=…". repeat: the end of gamma's or position's text.
    style: a list, as style1, style2 and more_styles. strokes: a word for layer_shares. mask_from:
    gamma_mask.
    Of gamma and position, and of gamma_mask and wipe, the one that is not given becomes None: the
    later source decides.
    Raises ValueError where two of them contradict each other.
    """
    values = dict(given)
    if "gamma_from" in values or "gamma_to" in values:
        if "gamma" in values:
            raise ValueError("give gamma, or gamma_from and gamma_to, not both")
        ends = values.pop("gamma_from", GAMMA_FROM), values.pop("gamma_to", GAMMA_TO)
        values["gamma"] = f"start={ends[0]}, end={ends[1]}"
    timelines = [name for name in ("gamma", "position") if values.get(name) is not None]
    if len(timelines) == 2:
        raise ValueError("give gamma (two styles) or position (a setlist), not both")
    if timelines:
        values["position" if timelines == ["gamma"] else "gamma"] = None
    if "repeat" in values:
        repeat = values.pop("repeat")
        if not timelines or not isinstance(values[timelines[0]], str):
            raise ValueError("repeat needs the keys that it repeats, as gamma or position")
        if re.search(r"\brepeat\b", values[timelines[0]], re.IGNORECASE):
            raise ValueError(f"{timelines[0]} says already how it repeats")
        values[timelines[0]] += f" repeat {repeat}"
    if "mask_from" in values:
        if values.get("gamma_mask") is not None:
            raise ValueError("mask_from is gamma_mask by another name: give one of them")
        values["gamma_mask"] = values.pop("mask_from")
    asked = [name for name in ("gamma_mask", "wipe") if values.get(name) is not None]
    if len(asked) == 1:  # the later source decides
        values["wipe" if asked == ["gamma_mask"] else "gamma_mask"] = None
    if "strokes" in values:
        if "layer_shares" in values:
            raise ValueError("give strokes (a word) or layer_shares (five numbers), not both")
        word = values.pop("strokes")
        if not isinstance(word, str) or word not in STROKES:
            raise ValueError(f"strokes: give one of {', '.join(STROKES)}")
        values["layer_shares"] = STROKES[word]
    if "style" in values:
        if values.keys() & {"style1", "style2", "more_styles"}:
            raise ValueError("give style for all pictures, or style1 and style2, not both")
        styles = values.pop("style")
        if not isinstance(styles, (list, tuple)) or len(styles) < 2:
            raise ValueError("style is a list of two pictures or more")
        values["style1"], values["style2"], *values["more_styles"] = styles
    return values
