"""Where the crossfader stands between neighbouring styles."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Fader:
    """Where the crossfader stands: `gamma` = 1 is style `pair` alone, 0 is the style after it.

    Pairs count from 0; two styles have one.
    """

    pair: int
    gamma: float

    @property
    def number(self) -> int:
        """The style that `gamma` = 1 shows, as people count: from 1."""
        return self.pair + 1

    @classmethod
    def at_position(cls, position: float, styles: int) -> Self:
        """The place in a setlist: 1 is the first style alone, `styles` the last one."""
        pair = min(int(position) - 1, styles - 2)
        return cls(pair, pair + 2 - position)

    @classmethod
    def at_value(cls, value: float, styles: int | None) -> Self:
        """A gamma, or with `styles` a position among so many."""
        return cls(0, value) if styles is None else cls.at_position(value, styles)


@dataclass(frozen=True)
class Split:
    """What a mask of a picture stands for: a value of the crossfader at black, one at white.

    Between them the value goes evenly. black, white: gammas, or with `styles` positions in a
    setlist of so many.
    """

    black: float
    white: float
    styles: int | None = None

    def at(self, share: float) -> Fader:
        """The place of the crossfader where the mask has a value, 0..1."""
        value = self.black + share * (self.white - self.black)
        return Fader.at_value(self.white if share == 1.0 else value, self.styles)
