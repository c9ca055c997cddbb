"""Figures as tables in Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Any

Figures = Any  # what JSON holds


def compared(seconds: dict[str, list[float]], *before: str) -> list[list[str]]:
    """A row for each side: the median, and how many times the first side's it is."""
    base = next(iter(seconds.values()))
    return [
        [*before, name, f"{median(values):.3f}", f"{ratio(values, base):.3g}"]
        for name, values in seconds.items()
    ]


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """The median over the rounds of how many times the base a side is."""
    return median(a / b for a, b in zip(values, base, strict=True))


def markdown(*header: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
