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
