"""How strong the styles are on a clip: the reference of the losses, and sigma in closed form."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from mnst_video.method.crossfade import Grams
from mnst_video.method.losses import STYLE_LAYERS, Look, style_loss

# A style loss that counts as none.
LEAST = 1e-12


@dataclass(frozen=True)
class Calibration:
    """Losses of bare content against two styles, averaged over frames of a clip or a shot.

    style1, style2: the style losses S1 and S2 of the content itself, S1c and S2c.
    cross: the sum over layers of w_l * mean((Gc - G1) * (Gc - G2)).
    content: the mean square of the content features, so that content_loss / content is relative.
    """

    style1: float
    style2: float
    cross: float
    content: float

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

    def style(self, w: float) -> float:
        """The style loss of the content against the target blended at share `w` of style 1.

        Gc - (w*G1 + (1-w)*G2) = w*(Gc - G1) + (1-w)*(Gc - G2), whose square has three parts.
        """
        square = w * w * self.style1 + (1 - w) ** 2 * self.style2 + 2 * w * (1 - w) * self.cross
        return max(square, LEAST)


def calibrate(looks: Iterable[Look], styles: Sequence[Grams]) -> tuple[Calibration, ...]:
    """Measure content images against the Grams of the styles, divided as their own were.

    Returns one calibration for each pair of neighbouring styles. Raises ValueError where there is
    no image.
    """
    rows = []
    for look in looks:
        content = look.content.float().square().mean()
        losses = [style_loss(look.grams, style) for style in styles]
        crosses = [_cross(look.grams, *pair) for pair in pairwise(styles)]
        rows.append(torch.stack([content, *losses, *crosses]).cpu().double())
    if not rows:
        raise ValueError("a calibration needs at least one image")
    content_mean, *means = torch.stack(rows).mean(0).tolist()
    losses_mean, crosses_mean = means[: len(styles)], means[len(styles) :]
    return tuple(
        Calibration(first, second, cross, content_mean)
        for (first, second), cross in zip(pairwise(losses_mean), crosses_mean, strict=True)
    )


def _cross(grams: Grams, grams1: Grams, grams2: Grams) -> torch.Tensor:
    """The sum over layers of w_l * mean((G - G1) * (G - G2))."""
    products = [
        weight * ((grams[name] - grams1[name]) * (grams[name] - grams2[name])).mean()
        for name, weight in STYLE_LAYERS.items()
    ]
    return torch.stack(products).sum()
