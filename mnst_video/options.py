"""Options: every setting of a render, what it does, its default, and why."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from PIL import ImageColor
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from mnst_video.media.output.containers import CODECS, EncoderSettings
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.reaction import Reaction
from mnst_video.timeline.timecode import Time


def resource(name: str) -> Path:
    """A file that is shipped with the program, such as `presets/article.toml`.

    In an installed program it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.exists() else package.parent / name


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _size(value: object) -> object:
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


def _color(value: str) -> str:
    """A colour as Pillow knows it."""
    try:
        known = len(color := ImageColor.getrgb(value)) == 3 and max(color) <= 255
    except ValueError:
        known = False
    if not known:
        raise ValueError("write a colour: white, or #20202f")
    return value


def _codec(name: str) -> str:
    if name not in CODECS:
        raise ValueError(f"there is no codec {name}; use one of {', '.join(CODECS)}")
    return name


def _fps() -> Any:
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


def _cuts(value: object) -> object:
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
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Whole = Annotated[int, Field(strict=True)]
Weight = Annotated[_Number, Field(ge=0.0)]
Rate = Annotated[_Number, Field(gt=0.0)]
Steps = Annotated[_Whole, Field(ge=1, le=100_000)]
Side = Annotated[_Whole, Field(ge=16, le=16384)]
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


def _say(text: str) -> Any:
    """What an option does: shown by --help, and the comment in a preset that is written."""
    return Field(description=text)


class Options(BaseModel):
    """Every setting that decides what a render looks like. The only place a default lives.

    Besides its fields it takes what `spell_out` knows: `gamma_from`, `gamma_to`, `repeat`, `style`.
    Unknown names and values out of range raise pydantic's ValidationError, which is a ValueError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Styles
    style1: Annotated[Path, _say("The picture that γ = 1 shows.")] = resource("samples/swirls.jpg")
    style2: Annotated[Path, _say("The picture that γ = 0 shows.")] = resource("samples/ink.jpg")
    more_styles: Annotated[
        tuple[Path, ...], _say("The third and later pictures of a setlist, see position.")
    ] = ()
    # At 1 a style image is scaled to cover the working size.
    style_scale: Annotated[_Number, Field(ge=0.1, le=10.0), _say("Size of the strokes.")] = 1.0

    # Timeline
    # None: from style 2 to style 1 over the clip, or through a setlist from its first to its last.
    gamma: Annotated[
        Gamma | None,
        _say('γ over time: a number, or keys such as "0=0, 12.5s=1 ease-in-out, 1:30=0".'),
    ] = None
    position: Annotated[
        Position | None,
        _say('The place in a setlist over time: 1 is the first style. "0=1, 10s=2, 20s=3".'),
    ] = None
    react: Annotated[
        Reactions,
        _say("Add the sound to γ: rms:0.3, onset:0.5 or beat:0.25. Repeatable."),
    ] = ()
    strength: Annotated[
        Gamma, _say("Between the footage, 0, and the painting, 1, over time: keys as for γ.")
    ] = Timeline.constant(1.0)
    bpm: Annotated[Bpm | None, _say("Tempo, for beats and bars: a number, or auto.")] = None
    # None: 0, or with bpm = "auto" the first beat that is found.
    beat_offset: Annotated[
        _Number | None, _say("Seconds from the first frame to beat 0, where bar 1 begins.")
    ] = None
    beats_per_bar: Annotated[_Whole, Field(ge=1, le=64), _say("Beats in a bar.")] = 4
    audio: Annotated[
        Path | None, _say("Another sound track, for the output and what reacts to sound.")
    ] = None

    # Input
    # Source: the clip's own; where that varies, the rate of its median interval.
    fps: Annotated[
        Annotated[Literal["source", "vfr"] | Fraction, _fps(), PlainSerializer(str)],
        _say("The clip's rate: source, vfr (its timestamps as they are), or frames a second."),
    ] = "source"
    stream: Annotated[
        Annotated[_Whole, Field(ge=0, le=1000)] | None,
        _say("Of several video streams in the file, this one, from 0 (default: the file's own)."),
    ] = None
    seconds: Annotated[
        Annotated[Rate, Field(le=86400.0)] | None, _say("How long a clip of one picture lasts.")
    ] = None
    # None: opacity is kept where the output has it; elsewhere it is on white.
    matte: Annotated[
        Annotated[str, AfterValidator(_color)] | None,
        _say("Put transparent footage on this colour (default: keep it transparent, or white)."),
    ] = None
    max_pixels: Annotated[
        Annotated[Rate, Field(le=10_000.0)] | None,
        _say("Open frames of up to so many megapixels."),
    ] = None
    allow_partial: Annotated[
        Annotated[bool, Field(strict=True)],
        _say("Render what can be decoded of a damaged clip."),
    ] = False

    # Look
    # Keep: one map of colours a shot, so that they do not breathe.
    colors: Annotated[
        Literal["style", "keep"],
        _say("The styles' colours, or keep the footage's and take only strokes."),
    ] = "style"
    # Auto: the closed form, one sigma2 for the whole clip; a sigma per frame would breathe.
    sigma: Annotated[
        Sigma,
        _say("Balance of the styles: auto (one a clip), shot (one a shot), or a number; 1 = off."),
    ] = "auto"
    # Balanced keeps the article's meaning of 0.5; even is for fades that are to move steadily.
    gamma_scale: Annotated[
        Literal["balanced", "linear", "even"],
        _say("From γ to the mix: balanced by σ, linear (σ off), or even (to the eye, nearly)."),
    ] = "balanced"
    # Relative losses are 1 at the bare content: at 0.1 faces stay readable and the style's
    # residual stays under 5 %.
    content_weight: Annotated[Weight, _say("More keeps faces, less lets paint flow.")] = 0.1
    style_weight: Annotated[Weight, _say("More brings the picture closer to the styles.")] = 1.0
    # At 1 paint goes half its way back to the warped previous result after each step. More is
    # steadier and has less style (docs/method.md has the figures).
    temporal_weight: Annotated[Weight, _say("More holds the paint to what moves.")] = 0.7
    # Areas that the flow cannot follow stay bare at 0; 1 makes them busy.
    uncovered_weight: Annotated[Weight, _say("Style in areas that the flow cannot follow.")] = 0.5

    # Method
    # Relative: losses as shares of the content's own, independent of resolution and styles.
    # Article: the literal formula, whose balance depends on both.
    losses: Annotated[
        Literal["relative", "article"], _say("Losses on a scale of their own, or the article's.")
    ] = "relative"
    # Block 4 keeps eyes and mouths where the article's block 5 keeps only the layout.
    content_layer: Annotated[
        Literal["block4_conv2", "block5_conv2"], _say("Where content is compared.")
    ] = "block4_conv2"
    # Off: each frame starts from its content, as the article's stills do, and flickers.
    warm_start: Annotated[
        Annotated[bool, Field(strict=True)], _say("Start a frame from the one before.")
    ] = True
    # Pixels move in squares of 1, 2, 4 and 8: colour settles in few steps, with little noise.
    pyramid_levels: Annotated[
        _Whole, Field(ge=1, le=8), _say("Sizes of the squares that move together; 1: pixels.")
    ] = 4
    # Strokes then grow with the picture; stills only.
    coarse_to_fine: Annotated[
        Annotated[bool, Field(strict=True)], _say("Begin a large still small, and double it.")
    ] = True
    # Adam's usual 0.9 overshoots in so few steps: it needs half as many again for the same losses,
    # and its frames differ more.
    momentum: Annotated[
        _Number, Field(ge=0.0, lt=1.0), _say("The share of its last move that a step keeps.")
    ] = 0.7
    # More than 40 changes little to the eye.
    first_steps: Annotated[Steps, _say("Steps on the first frame of a shot.")] = 40
    # It starts from the previous result.
    steps: Annotated[Steps, _say("Steps on each later frame; more where γ moves.")] = 6
    # With 0.005 a scene that stands still takes two steps a frame.
    settled: Annotated[
        _Number,
        Field(ge=0.0, lt=1.0),
        _say("A later frame is done when a step takes less than this share off its loss."),
    ] = 0.005
    first_rate: Annotated[Rate, _say("Learning rate of a first frame, in pixel values.")] = 5.0
    # Times the root of the share of style that is missing, so that a settled picture stays.
    rate: Annotated[Rate, _say("Learning rate of later frames where the paint is settled.")] = 2.0
    # At 6 what is uncovered flickers; at 1 it stays pale.
    fresh_rate: Annotated[
        Rate, _say("Learning rate of fresh paint: uncovered areas, and all of it while γ moves.")
    ] = 2.0
    rate_decay: Annotated[
        _Number, Field(gt=0.0, le=1.0), _say("The factor on the rate for each 100 steps.")
    ] = 0.6

    # Passage, size and shots; gamma, sigma, cuts and size stay the whole clip's in a passage.
    start: Annotated[Moment | None, _say("Render from this time on.")] = None
    end: Annotated[Moment | None, _say("Render up to this time.")] = None
    # None: MAX_SIDE of the device.
    max_side: Annotated[
        Annotated[_Whole, Field(ge=32, le=16384)] | None,
        _say("Longer side of the working size, in pixels; never enlarges."),
    ] = None
    output_size: Annotated[
        Annotated[Literal["source"] | tuple[Side, Side] | None, BeforeValidator(_size)],
        _say("Size of the clip that is written (default: the working size)."),
    ] = None
    cuts: Annotated[
        Annotated[Literal["auto", "none"] | tuple[Moment, ...], BeforeValidator(_cuts)],
        _say("Where shots begin: found in the picture, nowhere, or at these times."),
    ] = "auto"
    # None: by the output's extension, see `CONTAINERS`.
    codec: Annotated[
        Annotated[str, AfterValidator(_codec)] | None,
        _say("h264, h265, prores, ffv1, vp9, av1, or a hardware encoder, such as h264_nvenc."),
    ] = None
    # None: the codec's own, see `CODECS`.
    crf: Annotated[
        Annotated[_Whole, Field(ge=0, le=63)] | None,
        _say("The encoder's quality, such as 18: less is better and larger."),
    ] = None
    encoder_preset: Annotated[
        str | None, _say("The encoder's own preset, such as slow: smaller files in more time.")
    ] = None
    no_audio: Annotated[
        Annotated[bool, Field(strict=True)], _say("Write a clip without sound.")
    ] = False

    # Machine
    device: Annotated[str, _say("auto, cpu, cuda, cuda:1 or mps.")] = "auto"
    precision: Annotated[Literal["auto", "float32", "bf16"], _say("auto, float32 or bf16.")] = (
        "auto"
    )
    threads: Annotated[
        Annotated[_Whole, Field(ge=1, le=1024)] | None, _say("CPU threads (default: all cores).")
    ] = None
    # None: what half of the memory holds.
    tile: Annotated[
        Rate | None,
        _say("Megapixels looked at in one go; a larger picture is, in tiles, with one result."),
    ] = None
    weights: Annotated[str, _say("VGG-19's weights.")] = "packaged"

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, values: Any) -> Any:
        return spell_out(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.style_weight == 0.0 and self.content_weight == 0.0:
            raise ValueError("style_weight and content_weight cannot both be 0")
        return self

    @property
    def styles(self) -> tuple[Path, ...]:
        """All style images, in order."""
        return (self.style1, self.style2, *self.more_styles)

    @property
    def encoder(self) -> EncoderSettings:
        """What is asked of the encoder."""
        return EncoderSettings(self.codec, self.crf, self.encoder_preset, not self.no_audio)


# Longer side of the working size by kind of device, for seconds a frame rather than minutes.
MAX_SIDE: Mapping[str, int] = {"cpu": 384, "mps": 640, "cuda": 1280}

# The same for a still, of which there is one.
STILL_SIDE: Mapping[str, int] = {"cpu": 1024, "mps": 1536, "cuda": 2048}

# Options that decide how finished frames are made a clip, and nothing about the frames.
ENCODING = frozenset(
    {"output_size", "codec", "crf", "encoder_preset", "no_audio", "strength", "audio"}
)

# Shipped presets set options of one of these kinds, and no other.
TIMING = frozenset(
    {"gamma", "position", "react", "strength", "bpm", "beat_offset", "beats_per_bar"}
)
QUALITY = frozenset(
    {"style_scale", "colors", "sigma", "gamma_scale", "content_weight", "style_weight"}
    | {"temporal_weight", "uncovered_weight", "losses", "content_layer", "warm_start"}
    | {"pyramid_levels", "coarse_to_fine", "first_steps", "steps", "first_rate", "rate"}
    | {"fresh_rate", "rate_decay", "momentum", "settled", "max_side", "crf"}
)

# What `spell_out` takes besides the fields of `Options`.
SHORTHANDS = ("gamma_from", "gamma_to", "repeat", "style")


def spell_out(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from one source, with shorthands written as the options that they stand for.

    gamma_from, gamma_to: gamma = "start=…, end=…". repeat: the end of gamma's or position's text.
    style: a list, as style1, style2 and more_styles.
    Of gamma and position, the one that is not given becomes None: the later source decides.
    Raises ValueError where two of them contradict each other.
    """
    values = dict(given)
    if "gamma_from" in values or "gamma_to" in values:
        if "gamma" in values:
            raise ValueError("give gamma, or gamma_from and gamma_to, not both")
        ends = values.pop("gamma_from", 0.0), values.pop("gamma_to", 1.0)
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
    if "style" in values:
        if values.keys() & {"style1", "style2", "more_styles"}:
            raise ValueError("give style for all pictures, or style1 and style2, not both")
        styles = values.pop("style")
        if not isinstance(styles, (list, tuple)) or len(styles) < 2:
            raise ValueError("style is a list of two pictures or more")
        values["style1"], values["style2"], *values["more_styles"] = styles
    return values
