"""Options and presets: every setting of a render, its default, and why."""

import json
import math
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mnst_video.errors import UsageError


def resource(name: str) -> Path:
    """A file that is shipped with the program, such as `presets/article.toml`.

    In an installed program it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.exists() else package.parent / name


def _size(value: object) -> object:
    """ "1280x720" as (1280, 720)."""
    if isinstance(value, str) and value != "source":
        width, cross, height = value.lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ValueError("give `source` or WIDTHxHEIGHT, such as 1280x720")
        return (int(width), int(height))
    return value


def _sigma(value: object) -> object:
    if value in ("auto", "shot"):
        return value
    number = math.nan
    if isinstance(value, (str, int, float)):
        with suppress(ValueError):
            number = float(value)
    if not 0.0 < number < math.inf:
        raise ValueError("give `auto`, `shot` or a number above 0 (1 switches it off)")
    return number


def _cuts(value: object) -> object:
    if isinstance(value, str) and value not in ("auto", "none"):
        try:
            return tuple(float(time) for time in value.split(","))
        except ValueError:
            raise ValueError("give `auto`, `none` or seconds, such as 1.5,3.25") from None
    return value


Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Steps = Annotated[int, Field(ge=1, le=100_000)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Options(BaseModel):
    """Every setting that decides what a render looks like. The only place a default lives.

    Unknown names and values out of range raise pydantic's ValidationError, which is a ValueError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Look
    style1: Path = resource("samples/swirls.jpg")
    style2: Path = resource("samples/ink.jpg")
    # Size of the strokes; at 1 a style image is scaled to cover the working size.
    style_scale: Annotated[float, Field(ge=0.1, le=10.0)] = 1.0
    # From style 2 alone to style 1 alone, as the article counts.
    gamma_from: Unit = 0.0
    gamma_to: Unit = 1.0
    # Auto: the closed form, one sigma2 for the whole clip; a sigma per frame would breathe.
    sigma: Annotated[Literal["auto", "shot"] | float, BeforeValidator(_sigma)] = "auto"
    # Relative losses are 1 at the bare content: at 0.1 faces stay readable and the style's
    # residual stays under 5 %.
    content_weight: Weight = 0.1
    style_weight: Weight = 1.0
    # In relative losses, of (pixel difference / 255)^2. Steadier than at 1 by 5 %; at 100
    # a fast fade lags (docs/method.md has the figures).
    temporal_weight: Weight = 30.0
    # Of the style in areas that the flow cannot follow, which else stay bare; 1 makes them busy.
    uncovered_weight: Weight = 0.5

    # Method
    # Relative: losses as shares of the content's own, independent of resolution and styles.
    # Article: the literal formula, whose balance depends on both.
    losses: Literal["relative", "article"] = "relative"
    # Block 4 keeps eyes and mouths where the article's block 5 keeps only the layout.
    content_layer: Literal["block4_conv2", "block5_conv2"] = "block4_conv2"
    # Off: each frame starts from its content, as the article's stills do, and flickers.
    warm_start: bool = True
    # Pixels move in squares of 1, 2, 4 and 8: colour settles in few steps, with little noise.
    pyramid_levels: Annotated[int, Field(ge=1, le=8)] = 4
    # A shot's first frame; more than 60 changes little to the eye.
    first_steps: Steps = 60
    # Every later frame: it starts from the previous result.
    steps: Steps = 6
    # In pixel values: large to paint the first frame, small so that a settled picture stays.
    first_rate: Rate = 6.0
    rate: Rate = 1.0
    # The factor on the rate for each 100 steps.
    rate_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6

    # Passage, size and shots
    # Seconds from the clip's first frame; gamma, sigma, cuts and size stay the whole clip's.
    start: Seconds | None = None
    end: Seconds | None = None
    # Longer side of the working size in pixels; None: MAX_SIDE of the device.
    max_side: Annotated[int, Field(ge=32, le=16384)] | None = None
    # None: the working size.
    output_size: Annotated[
        Literal["source"]
        | tuple[Annotated[int, Field(ge=16, le=16384)], Annotated[int, Field(ge=16, le=16384)]]
        | None,
        BeforeValidator(_size),
    ] = None
    cuts: Annotated[Literal["auto", "none"] | tuple[Seconds, ...], BeforeValidator(_cuts)] = "auto"
    # x264's scale: 18 is hard to tell from the original, even with grain.
    crf: Annotated[int, Field(ge=0, le=51)] = 18

    # Machine
    device: str = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    # None: as many as the machine has cores.
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    weights: str = "packaged"

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.style_weight == 0.0 and self.content_weight == 0.0:
            raise ValueError("style_weight and content_weight cannot both be 0")
        return self


# Longer side of the working size by kind of device, for seconds a frame rather than minutes.
MAX_SIDE: Mapping[str, int] = {"cpu": 384, "mps": 640, "cuda": 1280}

# Options that decide how finished frames are encoded, and nothing about the frames.
ENCODING = frozenset({"output_size", "crf"})


def make_options(presets: tuple[str, ...], given: Mapping[str, Any]) -> Options:
    """Options from presets, the later winning, and from what the user gave, which wins over all.

    A preset is a shipped one's name, a TOML file, or the `.mnst.json` file of a finished clip.
    Raises UsageError with the name of the option and the nearest right one.
    """
    merged: dict[str, Any] = {}
    for preset in presets:
        values = read_preset(preset)
        _validate(values, f"preset {preset}")
        merged |= values
    return _validate(merged | dict(given), "options")


def read_preset(preset: str) -> dict[str, Any]:
    """The settings of one preset, not yet validated. Raises UsageError where it cannot be read."""
    path = Path(preset)
    if path.suffix not in {".toml", ".json"}:
        path = resource("presets") / f"{preset}.toml"
    try:
        text = path.read_text(encoding="utf-8")
        values: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except FileNotFoundError:
        known = ", ".join(preset_names())
        raise UsageError(f"preset {preset}: not found; shipped ones are {known}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"preset {preset}: cannot be read ({error})") from None
    if path.suffix == ".json":
        values = values.get("options") if isinstance(values, dict) else None
    if not isinstance(values, dict):
        raise UsageError(f"preset {preset}: this file holds no options")
    for name in ("style1", "style2", "weights"):
        value = values.get(name)
        if isinstance(value, str) and value not in ("packaged", "torchvision"):
            values[name] = str(path.parent / value)  # an absolute path stays itself
    return values


def preset_names() -> list[str]:
    """The names of the shipped presets."""
    return sorted(path.stem for path in resource("presets").glob("*.toml"))


def _validate(values: Mapping[str, Any], where: str) -> Options:
    try:
        return Options(**values)
    except ValidationError as error:
        errors = error.errors()
        # Of a union's members, the one that is no word says more about what is wrong.
        first = next((e for e in errors if e["type"] != "literal_error"), errors[0])
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            near = get_close_matches(name, Options.model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{where}: there is no option {name}{hint}") from None
        reason = first["msg"].removeprefix("Value error, ")
        reason = reason[:1].lower() + reason[1:]
        shown = f"{name} = {values[name]}: " if name in values else ""
        raise UsageError(f"{where}: {shown}{reason}") from None
