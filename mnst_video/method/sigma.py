"""How strong the styles are on a clip: sigma and the weights of the layers in closed form."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import torch

from mnst_video.method.crossfade import Grams
from mnst_video.method.losses import ARTICLE_WEIGHTS, STYLE_LAYERS, LayerWeights, Look

# A style loss that counts as none.
LEAST = 1e-12
# Of a layer's loss against the farther style: a target counts as at least so far, for the weight of
# a layer that is right from the beginning would have no bounds.
NEAREST = 1e-3

# One number for each of `STYLE_LAYERS`.
ByLayer = tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """Losses of bare content against two styles, averaged over frames of a clip or a shot.

    layers1, layers2: mean((Gc - G1)^2) and mean((Gc - G2)^2) of each style layer, not weighted.
    crosses: mean((Gc - G1) * (Gc - G2)) of each.
    content: the mean square of the content features, so that content_loss / content is relative.
    weights: of the layers, in what is said of both styles: S1c, S2c and sigma2.
    shares: of the layers in the style loss that is painted for, together 1; None for the article's
        weights, which are `weights` then.
    """

    layers1: ByLayer
    layers2: ByLayer
    crosses: ByLayer
    content: float
    weights: LayerWeights = ARTICLE_WEIGHTS
    shares: ByLayer | None = None

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """From the fields as JSON has them. Raises TypeError where they are others."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in saved.items()
        }
        return cls(**values)

    @property
    def style1(self) -> float:
        """S1c, the style loss of the content itself against style 1."""
        return _weighed(self.weights, self.layers1)

    @property
    def style2(self) -> float:
        """S2c, the same against style 2."""
        return _weighed(self.weights, self.layers2)

    @property
    def cross(self) -> float:
        """The sum over layers of w_l * mean((Gc - G1) * (Gc - G2))."""
        return _weighed(self.weights, self.crosses)

    @property
    def sigma2(self) -> float:
        """The sigma2 with which both styles have the same relative improvement at gamma = 0.5.

        RI_i = S_i(content) / S_i(result). At the blended optimum S1/S2 = (b/a)^2, so that
        RI1 = RI2 at a = gamma, b = (1 - gamma) * sigma2 and gamma = 0.5 asks for
        sigma2 = sqrt(S1c / S2c). See docs/method.md.
        """
        if self.style1 <= 0.0 or self.style2 <= 0.0:
            return 1.0  # the content is one of the styles: nothing to balance
        return math.sqrt(self.style1 / self.style2)

    def improvements(self, result: "Calibration") -> tuple[float, float]:
        """RI1 and RI2 of a result of this content, itself measured as a content is."""
        # A content that is one of the styles cannot be improved; a result can reach a style.
        one = max(self.style1, LEAST) / max(result.style1, LEAST)
        return one, max(self.style2, LEAST) / max(result.style2, LEAST)

    def by_layer(self, w: float) -> ByLayer:
        """Of each layer, the loss of the content against the target at share `w` of style 1.

        Gc - (w*G1 + (1-w)*G2) = w*(Gc - G1) + (1-w)*(Gc - G2), whose square has three parts.
        """
        parts = zip(self.layers1, self.layers2, self.crosses, strict=True)
        return tuple(
            max(w * w * one + (1 - w) ** 2 * two + 2 * w * (1 - w) * cross, 0.0)
            for one, two, cross in parts
        )

    def layer_weights(self, w: float) -> LayerWeights:
        """What the layers are weighed with where the target is that at share `w` of style 1.

        With shares, each layer's loss over the content's own, times its share: our departure from
        the article, whose weights are meant for its own constants. See docs/method.md.
        """
        if self.shares is None:
            return self.weights
        bare = zip(self.by_layer(w), self.layers1, self.layers2, strict=True)
        distances = [max(loss, NEAREST * max(one, two)) for loss, one, two in bare]
        return _over(self.shares, distances)

    def style(self, w: float) -> float:
        """The style loss of the content against the target blended at share `w` of style 1."""
        return max(_weighed(self.layer_weights(w), self.by_layer(w)), LEAST)

    def with_shares(self, shares: ByLayer) -> Self:
        """The same with shares of the layers, relative to one another; all 0 or more.

        What is said of both styles weighs each layer by the geometric mean of their distances, so
        that a layer has as large a part in S1c / S2c as in S2c / S1c.
        """
        pairs = list(zip(self.layers1, self.layers2, strict=True))
        floors = [NEAREST * max(pair) for pair in pairs]
        means = [
            math.sqrt(max(one, floor) * max(two, floor))
            for (one, two), floor in zip(pairs, floors, strict=True)
        ]
        normal = tuple(share / sum(shares) for share in shares)
        return replace(self, weights=_over(normal, means), shares=normal)

    def residuals(self, content: "Calibration", w: float) -> ByLayer:
        """Of each layer, what is left of its content's distance to the target at share `w`."""
        pairs = zip(self.by_layer(w), content.by_layer(w), strict=True)
        return tuple(max(mine, LEAST) / max(bare, LEAST) for mine, bare in pairs)


def calibrate(
    looks: Iterable[Look], styles: Sequence[Grams], weights: LayerWeights = ARTICLE_WEIGHTS
) -> tuple[Calibration, ...]:
    """Measure content images against the Grams of the styles, divided as their own were.

    Returns one calibration for each pair of neighbouring styles. Raises ValueError where there is
    no image.
    """
    rows = []
    for look in looks:
        away = [[look.grams[name] - style[name] for name in STYLE_LAYERS] for style in styles]
        products = [(style, style) for style in away] + list(pairwise(away))
        terms = [(a * b).mean() for one, two in products for a, b in zip(one, two, strict=True)]
        rows.append(torch.stack([look.content.float().square().mean(), *terms]).cpu().double())
    if not rows:
        raise ValueError("a calibration needs at least one image")
    content, *means = torch.stack(rows).mean(0).tolist()
    count = len(STYLE_LAYERS)
    layers = [tuple(means[at : at + count]) for at in range(0, len(means), count)]
    return tuple(
        Calibration(one, two, cross, content, weights)
        for (one, two), cross in zip(
            pairwise(layers[: len(styles)]), layers[len(styles) :], strict=True
        )
    )


def _over(shares: ByLayer, distances: Sequence[float]) -> LayerWeights:
    """Each share over its distance; 0 where there is no way to go."""
    pairs = zip(shares, distances, strict=True)
    return tuple(share / distance if distance > 0.0 else 0.0 for share, distance in pairs)


def _weighed(weights: LayerWeights, values: ByLayer) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
