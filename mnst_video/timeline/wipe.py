"""Wipes: how much of a picture γ uncovers, and where."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

import numpy as np
from numpy.typing import NDArray

# Of each pixel of a picture `(H, W)`, 0..1.
Field = NDArray[np.float32]
Grid = NDArray[np.float64]

FOLLOW = "follow"
# A softness of less is none.
HARD = 1e-4
# The cells of noise along a side, and its own seed: it is the same in every render.
CELLS, SEED = 4, 17


@dataclass(frozen=True)
class Wipe:
    """The way in which a picture is uncovered. kind: one of `KINDS`.

    follow: whether the boundary moves with what is seen in the picture.
    """

    kind: str
    follow: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `left`, or `left,follow`; `follow` alone is `noise,follow`. Raises ValueError."""
        words = [word.strip().lower() for word in re.split(r"[,+]", text)]
        follow = FOLLOW in words
        kinds = [word for word in words if word != FOLLOW] or ["noise"]
        if len(kinds) > 1 or kinds[0] not in KINDS:
            near = get_close_matches(kinds[0], KINDS, n=1)
            known = f"there are {', '.join(KINDS)}, and each with ,follow"
            hint = f"did you mean {near[0]}?" if near else known
            raise ValueError(f"there is no wipe {text.strip()!r}; {hint}")
        return cls(kinds[0], follow)

    def __str__(self) -> str:
        return f"{self.kind},{FOLLOW}" if self.follow else self.kind

    def order(self, width: int, height: int) -> Field:
        """When each place of a picture is uncovered: the share of the area before it, 0..1."""
        x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        return ranked(KINDS[self.kind](_Places(x, y, width / height)))


def ranked(field: Grid) -> Field:
    """The share of the picture whose value is less; of equal ones the upper, then the left comes
    first. So any share of the area is uncovered exactly, to a pixel."""
    ranks = np.empty(field.size, np.float32)
    ranks[np.argsort(field.reshape(-1), kind="stable")] = (np.arange(field.size) + 0.5) / field.size
    return ranks.reshape(field.shape)


def uncovered(order: Field, share: float, softness: float) -> Field:
    """How much of each place is uncovered, 0..1; the mean over the picture is `share`, if the order
    has each share of the area once.

    order: see `Wipe.order`. softness: the share of the area, 0..1, over which it goes from 0 to 1
    where it has room.
    """
    if softness < HARD:
        return (order < share).astype(np.float32)
    # The mean of clip((edge - order) / softness, 0, 1) is `share` at this edge.
    if share <= softness / 2:
        edge = math.sqrt(2 * softness * share)
    elif share <= 1 - softness / 2:
        edge = share + softness / 2
    else:
        edge = 1 + softness - math.sqrt(2 * softness * (1 - share))
    return np.asarray(((edge - order) / softness).clip(0.0, 1.0), np.float32)


@dataclass(frozen=True)
class _Places:
    """x and y of each pixel, 0..1; shape: the picture's width over its height."""

    x: Grid
    y: Grid
    shape: float


def _clock(at: _Places) -> Grid:
    """The angle clockwise from twelve o'clock, 0..2π."""
    return np.asarray(np.arctan2((at.x - 0.5) * at.shape, 0.5 - at.y) % (2 * math.pi))


def _radial(at: _Places) -> Grid:
    """A fan that opens to both sides."""
    return np.minimum(_clock(at), 2 * math.pi - _clock(at))


def _iris(at: _Places) -> Grid:
    """A circle that opens."""
    return np.hypot((at.x - 0.5) * at.shape, at.y - 0.5)


def _noise(at: _Places) -> Grid:
    """Smooth, in blots; the same at any size of picture."""
    total = np.zeros_like(at.x)
    for octave in range(3):
        cells = CELLS * 2**octave
        grid = np.random.default_rng((SEED, octave)).uniform(size=(4 * cells, 4 * cells))
        total += _between(grid, at.y * cells, at.x * cells * at.shape) / 3**octave
    return total


def _between(grid: Grid, rows: Grid, columns: Grid) -> Grid:
    """Values of a grid that repeats itself, smooth between its points."""
    size = len(grid)
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, across = (part**2 * (3 - 2 * part) for part in (rows - row, columns - column))
    upper, lower = (
        grid[r % size, column % size] * (1 - across) + grid[r % size, (column + 1) % size] * across
        for r in (row, row + 1)
    )
    return np.asarray(upper * (1 - down) + lower * down)


# What grows from where a picture is uncovered first. Names as editors have them: a wipe to the left
# begins at the right.
KINDS: Mapping[str, Callable[[_Places], Grid]] = {
    "left": lambda at: -at.x,
    "right": lambda at: at.x,
    "up": lambda at: -at.y,
    "down": lambda at: at.y,
    "radial": _radial,
    "iris": _iris,
    "clock": _clock,
    "noise": _noise,
}
