"""Styles at one working size, measured once."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.media.frames import Frame, fit_style
from mnst_video.method.crossfade import EvenScale, Grams, blend, mix
from mnst_video.method.device import to_image
from mnst_video.method.losses import (
    ARTICLE_WEIGHTS,
    STYLE_LAYERS,
    LayerWeights,
    Look,
    grams_of_areas,
    style_grams,
)
from mnst_video.method.regions import at_layer
from mnst_video.method.sigma import Calibration, calibrate
from mnst_video.method.vgg import VGG19
from mnst_video.model.network import Network
from mnst_video.painting.faces import Faces, find_faces
from mnst_video.painting.flow import Mask
from mnst_video.painting.palette import Palette
from mnst_video.painting.settings import Paint
from mnst_video.timeline.fader import Fader

# One for each pair of neighbouring styles.
Calibrations = tuple[Calibration, ...]


def sigma2_of(paint: Paint, calibrations: Calibrations) -> tuple[float, ...]:
    """The sigma2 that is asked for, of each pair of styles; 1 where it has no say."""
    sigma = paint.sigma if paint.gamma_scale == "balanced" else 1.0
    return tuple(c.sigma2 if isinstance(sigma, str) else sigma for c in calibrations)


class Styles:
    """Styles at one working size, with the network that sees them and how they are painted with.

    divisor: of the Grams; see `Objective.gram_divisor`.
    player: a network that was trained on them and paints instead of the optimiser, if any.
    """

    def __init__(
        self,
        network: VGG19,
        paint: Paint,
        pictures: Sequence[Frame],
        width: int,
        height: int,
        player: Network | None = None,
    ) -> None:
        """Style images, two or more, uint8 `(h, w, 3)`, RGB, are fitted to the working size."""
        self.player = player
        article = paint.losses == "article"
        self.network = network if article else network.repeating_edges()
        self.paint = paint
        self._pixels = width * height
        self.divisor = 1.0 if article else float(self._pixels)
        self._fitted = [fit_style(p, width, height, paint.style_scale) for p in pictures]
        self._measure(self._fitted)

    def _measure(self, pictures: Sequence[Frame]) -> None:
        """Take the Grams of the styles, and with them what follows from Grams alone."""
        self._grams = []
        for picture in pictures:
            # A Gram is a sum over the style's own pixels, of which a style scale gives it more.
            divisor = self.divisor * picture[..., 0].size / self._pixels
            self._grams.append(style_grams(self.network, self.image(picture), divisor))
        even = self.paint.gamma_scale == "even"
        self._even = [EvenScale.between(*pair) for pair in pairwise(self._grams)] if even else []

    def in_colors(self, palette: Palette | None) -> Self:
        """The same with all styles in the colours of a palette; itself where there is none."""
        if palette is None:
            return self
        other = copy(self)
        other._measure([palette.paint(picture) for picture in self._fitted])
        return other

    def in_colors_of(self, frames: Sequence[Frame]) -> Self:
        """The same in the colours of some frames, where they are to be kept; else itself."""
        return self.in_colors(Palette.of(frames) if self.paint.keeps_colors else None)

    def with_steps(self, steps: int, first: int | None = None) -> Self:
        """The same, with another number of steps, all of them taken; `first` on a first frame."""
        paint = replace(self.paint, first_steps=first or steps, steps=steps, settled=0.0)
        return self.with_paint(paint)

    def with_paint(self, paint: Paint) -> Self:
        """The same, painted with otherwise; what is measured stays."""
        other = copy(self)
        other.paint = paint
        return other

    def image(self, picture: NDArray[Any]) -> Tensor:
        """A picture `(H, W, C)` as an image `(1, C, H, W)` where the network is."""
        return to_image(picture, self.network.device)

    @property
    def pairs(self) -> int:
        """How many pairs of neighbours there are."""
        return len(self._grams) - 1

    def shares(self, pair: int, w: float) -> Tensor:
        """The share of each style in the target of a pair at mix w, `(styles,)`."""
        shares = torch.zeros(len(self._grams), device=self.network.device)
        shares[pair], shares[pair + 1] = w, 1.0 - w
        return shares

    def faces(self, frame: Frame) -> Faces:
        """The faces in a frame that are to stay; none where faces are painted."""
        return find_faces(frame) if self.paint.keeps_faces else ()

    def calibrate(self, frames: Iterable[Frame]) -> Calibrations:
        """Measure content frames of the working size, sampled from a clip or a shot.

        With relative losses, that is also where the weights of the layers come from.
        """
        measured = calibrate(map(self.look, frames), self._grams)
        if self.paint.losses == "article":
            return measured
        return tuple(pair.with_shares(self.paint.layer_shares) for pair in measured)

    def look(self, frame: Frame) -> Look:
        """What the network sees in a frame of the working size."""
        return Look.at(self.network, self.image(frame), self.paint.content_layer, self.divisor)

    def looks_at(self, frame: Frame, areas: Sequence[Mask]) -> list[Look]:
        """The same of areas of a frame, by masks `(H, W)`, 0..1; the content is all of it."""
        masks = [
            {name: at_layer(self.image(area[..., None]), name) for name in STYLE_LAYERS}
            for area in areas
        ]
        content = self.look(frame).content
        image = self.image(frame)
        grams = grams_of_areas(self.network, image, self.divisor, masks)
        return [Look(own, content) for own in grams]

    def compare(self, look: Look, weights: LayerWeights = ARTICLE_WEIGHTS) -> Calibrations:
        """Measure what the network sees against the styles, with the weights of a calibration."""
        return calibrate([look], self._grams, weights)

    def mix(self, fader: Fader, calibrations: Calibrations) -> float:
        """The share w of the fader's first style in the target, by the scale that is asked for."""
        if self._even:
            return self._even[fader.pair](fader.gamma)
        return mix(fader.gamma, sigma2_of(self.paint, calibrations)[fader.pair])

    def target(self, pair: int, w: float) -> Grams:
        """The Grams that a frame is painted towards: a pair of styles at a mix."""
        return blend(self._grams[pair], self._grams[pair + 1], w)
