"""Styles at one working size, measured once."""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mnst_video.media.frames import Frame, fit_style
from mnst_video.method.crossfade import EvenScale, Grams, blend, mix
from mnst_video.method.device import to_image, to_picture
from mnst_video.method.losses import (
    STYLE_LAYERS,
    Look,
    Losses,
    Objective,
    style_grams,
    temporal_loss,
)
from mnst_video.method.optimize import Hold, minimize
from mnst_video.method.sigma import Calibration, calibrate
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.flow import Motion, Picture, follow, warp
from mnst_video.painting.palette import Palette, match_colors
from mnst_video.timeline.fader import Fader

# Below this share of a picture, an uncovered area has too few places for statistics of its own.
SMALLEST_UNCOVERED = 0.003
# The change of the mix from a frame to the next, from which on all paint is fresh.
FASTEST_FADE = 0.05
# The change from which on a frame takes all its steps: where the target moves, a loss that does not
# fall is no sign of rest.
SETTLING_FADE = 0.005
# One for each pair of neighbouring styles.
Calibrations = tuple[Calibration, ...]
StepCallback = Callable[[int, Losses, Tensor], None]


@dataclass(frozen=True)
class Result:
    """A stylized frame and its losses: content and style before the last step.

    pixels: float32 `(H, W, 3)`, RGB, 0..255.
    content: relative to the energy of the content features; 0 is the content itself.
    style: relative to that of the bare content against the same target; 0 is the target.
    temporal: mean over all pixels of reliability times the squared difference from the warped
        previous result, with pixels in 0..1, at the end; 0 for the first frame of a shot.
    """

    pixels: Picture
    steps: int
    content: float
    style: float
    temporal: float

    @property
    def frame(self) -> Frame:
        """The pixels rounded to 8 bits."""
        return np.asarray(self.pixels.round(), np.uint8)


@dataclass(frozen=True)
class Previous:
    """The frame before: its content, its result, of which 8 bits are used, and its fader."""

    content: Frame
    result: Result
    fader: Fader


class Stylist:
    """Styles at one working size, with the network and the options to apply them with."""

    def __init__(
        self,
        network: VGG19,
        options: Options,
        styles: Sequence[Frame],
        width: int,
        height: int,
    ) -> None:
        """Style images, two or more, uint8 `(h, w, 3)`, RGB, are fitted to the working size."""
        self.network = network
        self.options = options
        self._literal = options.losses == "article"
        self._pixels = width * height
        self._divisor = 1.0 if self._literal else float(self._pixels)
        self._styles = [fit_style(s, width, height, options.style_scale) for s in styles]
        self._measure(self._styles)

    def _measure(self, styles: Sequence[Frame]) -> None:
        """Take the Grams of the styles, and with them what follows from Grams alone."""
        self._grams = []
        for style in styles:
            # A Gram is a sum over the style's own pixels, of which a style scale gives it more.
            divisor = self._divisor * style[..., 0].size / self._pixels
            self._grams.append(style_grams(self.network, self._image(style), divisor))
        even = self.options.gamma_scale == "even"
        self._even = [EvenScale.between(*pair) for pair in pairwise(self._grams)] if even else []

    def in_colors(self, palette: Palette | None) -> Self:
        """The same with all styles in the colours of a palette; itself where there is none."""
        if palette is None:
            return self
        other = copy(self)
        other._measure([palette.paint(style) for style in self._styles])
        return other

    def with_steps(self, steps: int, first: int | None = None) -> Self:
        """The same, with another number of steps, all of them taken; `first` on a first frame."""
        other = copy(self)
        change = {"first_steps": first or steps, "steps": steps, "settled": 0.0}
        other.options = self.options.model_copy(update=change)
        return other

    def _image(self, picture: Frame | Picture) -> Tensor:
        return to_image(picture, self.network.device)

    def calibrate(self, frames: Iterable[Frame]) -> Calibrations:
        """Measure content frames of the working size, sampled from a clip or a shot."""
        return self.compare(map(self.look, frames))

    def look(self, frame: Frame) -> Look:
        """What the network sees in a frame of the working size."""
        layer = self.options.content_layer
        return Look.at(self.network, self._image(frame), layer, self._divisor)

    def compare(self, looks: Iterable[Look]) -> Calibrations:
        """Measure what the network sees against the styles."""
        return calibrate(looks, self._grams)

    def sigma2(self, calibrations: Calibrations) -> tuple[float, ...]:
        """The sigma2 that the options ask for, of each pair of styles; 1 where it has no say."""
        sigma = self.options.sigma if self.options.gamma_scale == "balanced" else 1.0
        return tuple(c.sigma2 if isinstance(sigma, str) else sigma for c in calibrations)

    def mix(self, fader: Fader, calibrations: Calibrations) -> float:
        """The share w of the fader's first style in the target, by the scale of the options."""
        if self._even:
            return self._even[fader.pair](fader.gamma)
        return mix(fader.gamma, self.sigma2(calibrations)[fader.pair])

    def target(self, pair: int, w: float) -> Grams:
        """The Grams that a frame is painted towards: a pair of styles at a mix."""
        return blend(self._grams[pair], self._grams[pair + 1], w)

    def first_frame(
        self,
        content: Frame,
        fader: Fader,
        calibrations: Calibrations,
        callback: StepCallback | None = None,
        start: Picture | None = None,
    ) -> Result:
        """A still, or a shot's first frame: a full run that starts from the content, or `start`."""
        image = self._image(content)
        objective = self.objective(image, fader, calibrations)
        if start is not None:
            image = self._image(start)
        options = self.options

        def rate(step: int, _: Losses) -> float:
            return options.first_rate * math.pow(options.rate_decay, step / 100)

        steps = self.steps(fader, calibrations)
        return self._run(image, objective, fader, calibrations, steps, rate, callback=callback)

    def next_frame(
        self,
        content: Frame,
        fader: Fader,
        calibrations: Calibrations,
        previous: Previous,
        callback: StepCallback | None = None,
        motion: Motion | None = None,
    ) -> Result:
        """A later frame: a few steps that start from the previous result along the flow.

        Where the flow cannot be trusted, the start is the content in the colours of the previous
        result: bare content there would stay bare, as the Grams are already satisfied elsewhere.
        Paint is fresh there, and all of it while gamma moves; all else is held to the warp.
        A frame that is the one before once more keeps its result, at no step.
        motion: how the content follows from that before; None finds it.
        """
        if fader == previous.fader and np.array_equal(content, previous.content):
            return replace(previous.result, steps=0)
        painted = previous.result.frame
        backward, reliable = motion or follow(content, previous.content)
        warped = warp(painted.astype(np.float32), backward).clip(0.0, 255.0)
        fill = match_colors(content, previous.content, painted)
        start = (fill + reliable[..., None] * (warped - fill)).astype(np.float32)
        trusted = self._image(reliable[..., None])
        objective = self.objective(self._image(content), fader, calibrations, 1.0 - trusted)

        options = self.options
        uncovered_share = 1.0 - float(reliable.mean())
        steps = self.steps(fader, calibrations, previous.fader, uncovered_share)
        moved = self._moved(previous.fader, fader, calibrations)
        rests = trusted * (1.0 - min(1.0, moved / FASTEST_FADE))
        bare = self._bare(fader, calibrations)

        def rate(step: int, losses: Losses) -> Tensor:
            # Fresh paint dries over the steps; settled paint moves as far as style is missing.
            fresh = options.fresh_rate * (1.0 - step / steps)
            # At most that of bare content: where the content is a style, nearly nothing is bare.
            missing = min(1.0, float(losses.style) / bare)
            settled = options.rate * math.sqrt(missing)
            return settled * rests + max(settled, fresh) * (1.0 - rests)

        hold = Hold(self._image(warped), options.temporal_weight * rests)
        return self._run(
            self._image(start),
            objective,
            fader,
            calibrations,
            steps,
            rate,
            hold,
            trusted,
            settled=options.settled * max(0.0, 1.0 - moved / SETTLING_FADE),
            callback=callback,
        )

    def steps(
        self,
        fader: Fader,
        calibrations: Calibrations,
        before: Fader | None = None,
        uncovered_share: float = 0.0,
    ) -> int:
        """The steps of a frame; `before` is the place of the fader at the frame before, if any.

        As many as a shot's first frame takes where the mix jumps from a style to another, or where
        nothing of the frame before is left, as in a flash. uncovered_share: what is not left, 0..1.
        """
        first, later = self.options.first_steps, self.options.steps
        if before is None:
            return first
        # Squared: a tenth of the picture is new wherever something moves, and has steps enough.
        share = min(1.0, max(self._moved(before, fader, calibrations), uncovered_share**2))
        return later + round(max(0, first - later) * share)

    def _moved(self, before: Fader, now: Fader, calibrations: Calibrations) -> float:
        """How far the mix went between two places of the fader; 1 is from a style to the next."""
        places = [fader.pair + 1.0 - self.mix(fader, calibrations) for fader in (before, now)]
        return abs(places[1] - places[0])

    def _bare(self, fader: Fader, calibrations: Calibrations) -> float:
        """The style loss of bare content against the target of a place of the fader."""
        return calibrations[fader.pair].style(self.mix(fader, calibrations))

    def objective(
        self,
        content: Tensor,
        fader: Fader,
        calibrations: Calibrations,
        uncovered: Tensor | None = None,
    ) -> Objective:
        """What a frame is painted for. content: `(1, 3, H, W)`, RGB, 0..255.

        uncovered: a mask `(1, 1, H, W)`, 0..1, of an area with a style loss of its own.
        """
        options = self.options
        pair, gamma = fader.pair, fader.gamma
        sigmas, calibration = self.sigma2(calibrations), calibrations[pair]
        w = self.mix(fader, calibrations)
        content_weight, style_weight = options.content_weight, options.style_weight
        if self._literal:
            # In a setlist sigma of style k is the product of the pairs' sigma2 before it, so that
            # nothing jumps where one pair hands over to the next.
            style_weight *= math.prod(sigmas[:pair]) * (gamma + (1.0 - gamma) * sigmas[pair])
        else:
            content_weight /= calibration.content
            style_weight /= self._bare(fader, calibrations)
        look = Look.at(self.network, content, options.content_layer, style_layers=())
        objective = Objective(
            network=self.network,
            content_layer=options.content_layer,
            content=look.content,
            target=self.target(pair, w),
            gram_divisor=self._divisor,
            content_weight=content_weight,
            style_weight=style_weight,
        )
        if uncovered is None or options.uncovered_weight == 0.0:
            return objective
        weight = options.uncovered_weight * style_weight * float(uncovered.mean())
        return replace(objective, uncovered=_by_layer(uncovered), uncovered_weight=weight)

    def _run(
        self,
        start: Tensor,
        objective: Objective,
        fader: Fader,
        calibrations: Calibrations,
        steps: int,
        rate: Callable[[int, Losses], float | Tensor],
        hold: Hold | None = None,
        trusted: Tensor | None = None,
        settled: float = 0.0,
        callback: StepCallback | None = None,
    ) -> Result:
        options = self.options
        image, losses, steps = minimize(
            start,
            objective,
            steps,
            rate,
            levels=options.pyramid_levels,
            hold=hold,
            momentum=options.momentum,
            settled=settled,
            callback=callback,
        )
        temporal = 0.0
        if hold is not None and trusted is not None:
            temporal = float(temporal_loss(image, hold.warped, trusted)) / 255.0**2
        return Result(
            pixels=to_picture(image),
            steps=steps,
            content=float(losses.content) / calibrations[fader.pair].content,
            style=float(losses.style) / self._bare(fader, calibrations),
            temporal=temporal,
        )


def _by_layer(mask: Tensor) -> dict[str, Tensor] | None:
    """`mask` `(1, 1, H, W)`, 0..1, at the size of each style layer; None where it is too small."""
    # Averages over the squares that the network's own pools take the maximum of.
    masks = {name: F.avg_pool2d(mask, 2 ** (int(name[5]) - 1)) for name in STYLE_LAYERS}
    return masks if min(m.mean() for m in masks.values()) > SMALLEST_UNCOVERED else None
