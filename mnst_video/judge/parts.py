"""The parts of a frame that are judged each against a target of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnst_video.method.regions import hats, knots, spectrum
from mnst_video.method.sigma import ByLayer
from mnst_video.painting.areas import Masks
from mnst_video.painting.flow import Mask
from mnst_video.timeline.fader import Fader

# Pixels to either side of a boundary that count as near it.
NEAR = 8


@dataclass(frozen=True)
class Part:
    """A part of a frame. mask: float32 `(H, W)`, 0..1; None where it is all of it."""

    fader: Fader
    mask: Mask | None = None

    @property
    def share(self) -> float:
        """Its share of the picture."""
        return 1.0 if self.mask is None else float(self.mask.mean())


@dataclass(frozen=True)
class PartScores:
    """The scores of a part, as in `FrameScores`; share: of the picture."""

    gamma: float
    pair: int
    share: float
    wanted: float
    mix: float
    residuals: ByLayer


def parts_of(fader: Fader, masks: Masks | None) -> Sequence[Part]:
    """The parts of a frame, one or more: those that a mask of γ is a blend of, where paint is."""
    if masks is None:
        return [Part(fader)]
    levels = knots(spectrum(masks.sides, masks.paint))
    cover = masks.paint / np.float32(255.0)
    if len(levels) == 1 and (cover == cover.flat[0]).all():
        return [Part(masks.split.at(levels[0] / 255.0))]
    weights = hats(levels).astype(np.float32)
    parts = [
        Part(masks.split.at(level / 255.0), np.asarray(own[masks.sides] * cover, np.float32))
        for level, own in zip(levels, weights, strict=True)
    ]
    return [part for part in parts if part.share > 0.0] or parts[:1]
