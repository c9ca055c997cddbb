"""The options that painting obeys: how paint is to look and is found, and on which machine.

Without torch, which takes seconds: `--help` does not wait for it.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Paint:
    """What each means, its range and its default stand in `Options`, which makes this."""

    style_scale: float
    colors: Literal["style", "keep"]
    sigma: Literal["auto", "shot"] | float
    gamma_scale: Literal["balanced", "linear", "even"]
    content_weight: float
    style_weight: float
    temporal_weight: float
    uncovered_weight: float
    losses: Literal["relative", "article"]
    layer_shares: tuple[float, ...]
    content_layer: str
    faces: Literal["keep", "paint"]
    warm_start: bool
    pyramid_levels: int
    pixel_rate: float
    coarse_to_fine: bool
    momentum: float
    first_steps: int
    steps: int
    settled: float
    first_rate: float
    rate: float
    fresh_rate: float
    rate_decay: float

    @property
    def keeps_colors(self) -> bool:
        """Whether the styles take the footage's colours: a palette each shot, or each picture."""
        return self.colors == "keep"

    @property
    def keeps_faces(self) -> bool:
        """Whether faces are looked for, and stay: the article's losses have no place for them."""
        return self.faces == "keep" and self.losses == "relative"

    @property
    def by_shot(self) -> bool:
        """Whether styles are measured on each shot, else on the whole clip."""
        return self.keeps_colors or self.sigma == "shot"


@dataclass(frozen=True)
class Machine:
    """What the network runs on. What each means and its default stand in `Options`."""

    device: str
    precision: Literal["auto", "float32", "bf16"]
    threads: int | None
    tile: float | None
    weights: str
