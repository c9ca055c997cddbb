"""Easings: how a value gets from one keyframe to the next.

The CSS names and their Bézier numbers are those of W3C, "CSS Easing Functions Level 1"; sine, quad
and so on are Robert Penner's equations under the names of easings.net.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

# Both ends of a cubic-bezier(a,b,c,d) are fixed; these are the two points between.
BEZIERS: Mapping[str, tuple[float, float, float, float]] = {
    "ease": (0.25, 0.1, 0.25, 1.0),
    "ease-in": (0.42, 0.0, 1.0, 1.0),
    "ease-out": (0.0, 0.0, 0.58, 1.0),
    "ease-in-out": (0.42, 0.0, 0.58, 1.0),
}

# The "in" form of each of Penner's curves that does not overshoot; the other forms mirror it.
PENNER: Mapping[str, Callable[[float], float]] = {
    "sine": lambda u: 1.0 - math.cos(u * math.pi / 2.0),
    "quad": lambda u: u**2,
    "cubic": lambda u: u**3,
    "quart": lambda u: u**4,
    "quint": lambda u: u**5,
    "expo": lambda u: 2.0 ** (10.0 * u - 10.0) if u > 0.0 else 0.0,
    "circ": lambda u: 1.0 - math.sqrt(1.0 - u * u),
}

NAMES = (
    *("linear", "hold", *BEZIERS),
    *(f"{way}-{curve}" for curve in PENNER for way in ("ease-in", "ease-out", "ease-in-out")),
)
# With numbers in brackets, and how many.
FUNCTIONS = {"cubic-bezier": 4, "steps": 1}
_EXAMPLES = {"cubic-bezier": "cubic-bezier(0.3,0,0.7,1)", "steps": "steps(4)"}


@dataclass(frozen=True)
class Easing:
    """An easing by its name in `NAMES` or `FUNCTIONS`, the latter with their numbers.

    Raises ValueError for another name, a wrong count of numbers, a point of a Bézier whose time
    (its first and third number) is outside 0..1, or steps that are no whole number from 1 on.
    """

    name: str = "linear"
    numbers: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in NAMES and self.name not in FUNCTIONS:
            near = get_close_matches(self.name, (*NAMES, *FUNCTIONS), n=1)
            hint = f"did you mean {near[0]}?" if near else "one of them is ease-in-out"
            raise ValueError(f"there is no easing {self.name}; {hint}")
        wanted = FUNCTIONS.get(self.name, 0)
        if len(self.numbers) != wanted or not all(map(math.isfinite, self.numbers)):
            example = _EXAMPLES.get(self.name, self.name)
            numbers = {0: "no numbers", 1: "one number", 4: "four numbers"}[wanted]
            raise ValueError(f"{self.name} takes {numbers}: {example}")
        if self.name == "cubic-bezier" and not all(0.0 <= x <= 1.0 for x in self.numbers[::2]):
            raise ValueError("the first and the third number of cubic-bezier are times, 0 to 1")
        if self.name == "steps" and not (self.numbers[0] >= 1.0 and self.numbers[0].is_integer()):
            raise ValueError("steps takes a whole number, from 1 on")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`; names may also be in camel case, or curve first: `sine-in-out`.

        Raises ValueError with what to type instead.
        """
        name, bracket, inside = text.strip().partition("(")
        inside, closing, rest = inside.partition(")")
        # easeInOutSine -> ease-in-out-sine
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.strip()).lower()
        curve, _, way = name.partition("-")
        if curve in PENNER and way in ("", "in", "out", "in-out"):
            name = f"ease-{way or 'in-out'}-{curve}"
            if not way:
                raise ValueError(f"{curve} in which way? Did you mean {name}?")
        if not bracket:
            return cls(name)
        if not closing:
            raise ValueError(f"{text.strip()} lacks its closing bracket")
        if rest.strip():
            raise ValueError(f"nothing may follow the bracket: delete {rest.strip()}")
        try:
            numbers = tuple(float(number) for number in inside.split(","))
        except ValueError:
            numbers = (math.nan,)  # which none takes; an unknown name is told before that
        return cls(name, numbers)

    def __str__(self) -> str:
        if not self.numbers:
            return self.name
        return (
            f"{self.name}({','.join(f'{number!r}'.removesuffix('.0') for number in self.numbers)})"
        )

    def __call__(self, u: float) -> float:
        """The share of the way that is gone after share `u`, 0..1, of the time.

        0 at 0 and 1 at 1, but for `hold`, which stays 0 and leaves the jump to the next keyframe.
        In 0..1, but for a Bézier made to overshoot.
        """
        if self.name == "linear":
            return u
        if self.name == "hold":
            return 0.0
        if self.name == "steps":
            (count,) = self.numbers
            step = math.floor(u * count)
            # 1/49 * 49 is below 1 in floats, and the step would come a frame late.
            return (step + ((step + 1) / count <= u)) / count
        if self.name in BEZIERS or self.name == "cubic-bezier":
            return _bezier(u, *(self.numbers or BEZIERS[self.name]))
        if u <= 0.0 or u >= 1.0:  # where rounding would leave some beside it
            return min(max(u, 0.0), 1.0)
        way, _, curve = self.name.rpartition("-")
        ease_in = PENNER[curve]
        if way == "ease-in":
            return ease_in(u)
        if way == "ease-out":
            return 1.0 - ease_in(1.0 - u)
        return ease_in(2.0 * u) / 2.0 if u < 0.5 else 1.0 - ease_in(2.0 - 2.0 * u) / 2.0


LINEAR, HOLD = Easing("linear"), Easing("hold")


def _bezier(u: float, x1: float, y1: float, x2: float, y2: float) -> float:
    """The y of the cubic Bézier from (0, 0) over two points to (1, 1) where its x is `u`."""
    if u <= 0.0 or u >= 1.0:
        return min(max(u, 0.0), 1.0)
    low, high = 0.0, 1.0
    for _ in range(53):  # as many halvings as a float has digits; x grows with the parameter
        middle = (low + high) / 2.0
        if _cubic(middle, x1, x2) < u:
            low = middle
        else:
            high = middle
    return _cubic(high, y1, y2)


def _cubic(s: float, first: float, second: float) -> float:
    return 3.0 * (1.0 - s) ** 2 * s * first + 3.0 * (1.0 - s) * s * s * second + s**3
