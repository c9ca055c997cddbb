"""How a clip is to be read."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

# What lies under transparent footage and pictures unless someone says.
GROUND = "white"


@dataclass(frozen=True)
class InputOptions:
    """What each means, its range and its default stand in `Options`, which makes this."""

    fps: Literal["source", "vfr"] | Fraction = "source"
    stream: int | None = None
    seconds: float | None = None
    matte: str | None = None
    max_pixels: float | None = None
    allow_partial: bool = False

    @property
    def ground(self) -> str:
        """The colour under what is transparent."""
        return self.matte or GROUND
