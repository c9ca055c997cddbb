"""Where a mask comes from: as text, and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from PIL import ImageColor

from mnst_video.timeline.gamma import Mode
from mnst_video.timeline.wipe import Wipe

# What is no file: the clip's own opacity, a range of its luminance, all but a colour, its people.
KINDS = ("alpha", "luma", "key", "person")
# The tolerance of a key unless it is given: a distance in CIELAB's plane of colours.
TOLERANCE = 30.0

# The options that take one, in the order of the channels of a frame's masks.
MASKS = ("gamma_mask", "strength_mask", "content_mask")

_OPTIONS = {
    "mode": "mode=multiply, or mode=replace",
    "short": "short=hold, or short=loop",
    "channel": "channel=alpha, or channel=luma",
    "blur": "blur=0.01",
    "invert": "invert",
}
_SYNTAX = "write a FILE, alpha, luma:0.2-0.8, key:#00ff00,30 or person"


@dataclass(frozen=True)
class MaskSource:
    """A mask: a file's, or one that is made of the clip itself.

    kind: `file`, or one of `KINDS`. path: of the file.
    low, high: of `luma`, the luminance 0..1 that is white.
    color, tolerance: of `key`, what is black, and how far a colour may be from it.
    mode: of γ, whether it is read from the mask, or multiplied by it.
    short: what a file that ends before the clip does then; None: that is an error.
    channel: of a file, whether its luminance is the mask, or its opacity.
    blur: the deviation of the blur, as a share of the picture's longer side, 0..0.5.
    invert: whether black is white.
    Raises ValueError for values outside these.
    """

    kind: Literal["file", "alpha", "luma", "key", "person"]
    path: Path = Path()
    low: float = 0.0
    high: float = 1.0
    color: str = ""
    tolerance: float = TOLERANCE
    mode: Literal["replace", "multiply"] = "replace"
    short: Literal["hold", "loop"] | None = None
    channel: Literal["luma", "alpha"] = "luma"
    blur: float = 0.0
    invert: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.low < self.high <= 1.0:
            raise ValueError("a range of luminance goes from a lower to a higher value, 0 to 1")
        if not 0.0 < self.tolerance <= 200.0:
            raise ValueError("a key's tolerance is above 0, up to 200")
        if not 0.0 <= self.blur <= 0.5:
            raise ValueError("blur is a share of the longer side, from 0 to 0.5: blur=0.01")
        if self.mode not in ("replace", "multiply"):
            raise ValueError(f"mode={self.mode} is not right: write {_OPTIONS['mode']}")
        if self.short not in (None, "hold", "loop"):
            raise ValueError(f"short={self.short} is not right: write {_OPTIONS['short']}")
        if self.channel not in ("luma", "alpha"):
            raise ValueError(f"channel={self.channel} is not right: write {_OPTIONS['channel']}")
        if self.kind != "file" and (self.short is not None or self.channel != "luma"):
            raise ValueError(f"short and channel are of files, and {self.kind} is the clip's own")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `FILE`, `alpha`, `luma:LOW-HIGH`, `key:COLOR,TOLERANCE` or `person`.

        After it may stand `[mode=multiply,short=loop,channel=alpha,blur=0.01,invert]`.
        Raises ValueError with what to type instead.
        """
        match = re.fullmatch(r"\s*(.+?)\s*(?:\[([^\[\]]*)\])?\s*", text, re.DOTALL)
        if match is None:
            raise ValueError(f"nothing is given: {_SYNTAX}")
        name, inside = match.groups()
        given: dict[str, Any] = {}
        for piece in filter(str.strip, (inside or "").split(",")):
            option, equals, value = (word.strip() for word in piece.partition("="))
            if option not in _OPTIONS:
                near = get_close_matches(option, _OPTIONS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_OPTIONS)}"
                raise ValueError(f"a mask has no option {option}; {hint}")
            if option in given or bool(equals) == (option == "invert"):
                raise ValueError(f"{option} is given once: {_OPTIONS[option]}")
            given[option] = value or True
            if option == "blur":
                given[option] = _number(value, "blur=0.01")
        word, colon, rest = name.partition(":")
        if word == "luma" and colon:
            low, high = _range(rest)
            given |= {"kind": word, "low": low, "high": high}
        elif word == "key" and colon:
            color, comma, tolerance = rest.partition(",")
            _check_color(color.strip())
            distance = _number(tolerance, "key:#00ff00,30") if comma else TOLERANCE
            given |= {"kind": word, "color": color.strip(), "tolerance": distance}
        elif name in ("luma", "key"):
            raise ValueError(f"{name} lacks what it takes: {_SYNTAX}")
        elif name in KINDS:
            given["kind"] = name
        else:
            given |= {"kind": "file", "path": Path(name)}
        return cls(**given)

    def __str__(self) -> str:
        """A text that `parse` makes the same source of."""
        shown = {
            "file": self.path.as_posix(),
            "luma": f"luma:{self.low:g}-{self.high:g}",
            "key": f"key:{self.color},{self.tolerance:g}",
        }.get(self.kind, self.kind)
        options = [
            option.name if option.name == "invert" else f"{option.name}={_shown(value)}"
            for option in fields(self)
            if option.name in _OPTIONS and (value := getattr(self, option.name)) != option.default
        ]
        return f"{shown}[{','.join(options)}]" if options else shown


@dataclass(frozen=True)
class MaskOptions:
    """What each means, its range and its default stand in `Options`, which makes this."""

    gamma_mask: MaskSource | None = None
    strength_mask: MaskSource | None = None
    content_mask: MaskSource | None = None
    wipe: Wipe | None = None
    softness: float = 0.0

    @property
    def sources(self) -> Mapping[str, MaskSource]:
        """Those that are asked for, by their names."""
        named = {name: getattr(self, name) for name in MASKS}
        return {name: source for name, source in named.items() if source is not None}

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.sources) or self.wipe is not None

    @property
    def shown(self) -> Mapping[str, str]:
        """What is asked for, in words, by its name."""
        found = {name: str(source) for name, source in self.sources.items()}
        return found if self.wipe is None else found | {"wipe": f"{self.wipe}, {self.softness:g}"}

    @property
    def mode(self) -> Mode:
        """What becomes of γ."""
        if self.wipe is not None:
            return "wipe"
        return self.gamma_mask.mode if self.gamma_mask is not None else "none"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are named."""
        return tuple(s.path for s in self.sources.values() if s.kind == "file")


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str, example: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text.strip()} is not a number: write {example}") from None


def _range(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"\s*([\d.]+)\s*-\s*([\d.]+)\s*", text)
    if match is None:
        raise ValueError(f"luma:{text} is not right: write luma:0.2-0.8")
    return _number(match[1], "luma:0.2-0.8"), _number(match[2], "luma:0.2-0.8")


def _check_color(text: str) -> None:
    try:
        known = len(ImageColor.getrgb(text)) == 3
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"key:{text} is no colour: write key:#00ff00,30 or key:green")
