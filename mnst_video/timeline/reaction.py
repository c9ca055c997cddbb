"""How much of which envelope of a sound is added to a value: as text, and checked."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import ClassVar, Literal, Self

KINDS = ("rms", "onset", "beat")
_EXAMPLES = {
    "band": "band=20-150",
    "attack": "attack=5ms",
    "release": "release=250ms",
    "percentile": "percentile=95",
}


@dataclass(frozen=True)
class Reaction:
    """How much of which envelope is added: `amount`, -10..10, at the envelope's 1.

    kind: `rms` loudness, `onset` notes and hits, `beat` the beats of the tempo.
    band: (low, high) in Hz, None for all; not for beats.
    attack, release: 0..60 seconds. For `rms` the time constants of rise and fall; for the others
        how long the rise takes, which is straight, and the time constant of the fall.
    percentile: of the loudness, or of the onsets' strengths, which counts as 1; 0 < p <= 100.
    Raises ValueError for values outside these.
    """

    # Read by pydantic where a preset has a table instead of a text.
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Literal["rms", "onset", "beat"]
    amount: float
    band: tuple[float, float] | None = None
    # At once: a rise that is shorter than a frame would only come a frame late.
    attack: float = 0.0
    release: float = 0.2
    percentile: float = 99.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no reaction {self.kind}{_near(self.kind, KINDS)}")
        if not -10.0 <= self.amount <= 10.0:
            raise ValueError(f"an amount is a number from -10 to 10, not {self.amount:g}")
        if self.band is not None and not 0.0 <= self.band[0] < self.band[1] < math.inf:
            raise ValueError("a band goes from a lower to a higher frequency: band=20-150")
        if not (0.0 <= self.attack <= 60.0 and 0.0 <= self.release <= 60.0):
            raise ValueError("attack and release last 0 to 60 seconds: release=250ms")
        if not 0.0 < self.percentile <= 100.0:
            raise ValueError("a percentile is above 0, up to 100")
        if self.kind == "beat" and (self.band is not None or self.percentile != 99.0):
            raise ValueError("beats come from the tempo: beat takes attack and release alone")

    @property
    def reach(self) -> float:
        """Seconds after which nothing of an event is left to see, and a frame of 15 fps more."""
        return self.attack + 8.0 * self.release + 1.0 / 15.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `rms:0.3` or `rms:0.3[band=20-150,attack=5ms,release=250ms,percentile=95]`.

        Raises ValueError with what to type instead.
        """
        text = " ".join(text.split())  # a message that shows it stays one line
        match = re.fullmatch(r"([\w-]*)\s*(:?)([^\[\]]*)(?:\[([^\[\]]*)\])?", text)
        if not match or not text:
            shown = text or "nothing is given"
            raise ValueError(f"{shown}: write KIND:AMOUNT[OPTIONS], such as rms:0.3[band=20-150]")
        kind, colon, amount, inside = match.groups()
        if kind not in KINDS:
            hint = _near(kind, KINDS) or f"; there are {', '.join(KINDS)}"
            raise ValueError(f"there is no reaction {kind or text}{hint}")
        if not colon or not amount.strip():
            raise ValueError(f"{kind} lacks its amount: write {kind}:0.3")
        given: dict[str, object] = {}
        for piece in filter(str.strip, (inside or "").split(",")):
            name, equals, value = (word.strip() for word in piece.partition("="))
            if name not in _READ:
                hint = _near(name, _READ) or f"; there are {', '.join(_READ)}"
                raise ValueError(f"{kind} has no option {name}{hint}")
            if not equals or name in given:
                raise ValueError(f"{name} is given once, with a value: {_EXAMPLES[name]}")
            try:
                given[name] = _READ[name](value)
            except ValueError:
                raise ValueError(f"{name}={value} is not right: write {_EXAMPLES[name]}") from None
        try:
            number = float(amount)
        except ValueError:
            raise ValueError(f"{amount.strip()} is not a number: write {kind}:0.3") from None
        return cls(kind, number, **given)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """A text that `parse` makes the same reaction of."""
        options = []
        for option in fields(self)[2:]:
            value = getattr(self, option.name)
            if value == option.default:
                continue
            shown = "-".join(map(_number, value)) if option.name == "band" else _number(value)
            options.append(f"{option.name}={shown}")
        brackets = f"[{','.join(options)}]" if options else ""
        return f"{self.kind}:{_number(self.amount)}{brackets}"


def _read_band(text: str) -> tuple[float, float]:
    match = re.fullmatch(
        r"([\d.]+(?:e[+-]?\d+)?)\s*-\s*([\d.]+(?:e[+-]?\d+)?)\s*(?:hz)?", text.lower()
    )
    if not match:
        raise ValueError(text)
    return float(match[1]), float(match[2])


def _read_seconds(text: str) -> float:
    for unit, factor in (("ms", 1000.0), ("s", 1.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) / factor
    return float(text)


_READ: Mapping[str, Callable[[str], object]] = {
    "band": _read_band,
    "attack": _read_seconds,
    "release": _read_seconds,
    "percentile": float,
}


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word.lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _number(value: float) -> str:
    return repr(float(value) + 0.0).removesuffix(".0")  # -0.0 would be read as no band
