"""How a clip is to be read."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

# What lies under transparent footage and pictures unless someone says.
GROUND = "white"


@dataclass(frozen=True)
class InputOptions:
    """What each means, its range and its default stand in `Options`, which makes this."""

    fps: Literal["source", "vfr"] | Fraction
    stream: int | None
    seconds: float | None
    matte: str | None
    max_pixels: float | None
    allow_partial: bool

    @property
    def ground(self) -> str:
        """The colour under what is transparent."""
        return self.matte or GROUND
