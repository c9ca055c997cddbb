"""Two styles as one target: the mix w, the Grams at a mix, and the ways from gamma to w."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

Grams = dict[str, Tensor]


def mix(gamma: float, sigma2: float) -> float:
    """The share w of style 1 in the blended target, 0..1; sigma1 is 1, as in the article.

    With a = gamma and b = (1 - gamma) * sigma2,
    a*|G - G1|^2 + b*|G - G2|^2 = (a + b) * |G - (a*G1 + b*G2) / (a + b)|^2 + constant:
    two styles are one target at w = a / (a + b), and cost what one costs.
    """
    return gamma / (gamma + (1.0 - gamma) * sigma2)


def blend(grams1: Grams, grams2: Grams, w: float) -> Grams:
    """The target at share `w` of style 1: w * G1 + (1 - w) * G2, layer by layer."""
    return {name: w * grams1[name] + (1.0 - w) * grams2[name] for name in grams1}


@dataclass(frozen=True)
class EvenScale:
    """From gamma to w so that equal steps of gamma are equal steps to the eye; call it.

    mixes: w at evenly spaced gammas from 0 to 1, increasing.
    """

    mixes: tuple[float, ...]

    @classmethod
    def between(cls, grams1: Grams, grams2: Grams, intervals: int = 64) -> Self:
        """The scale for two styles, from their Grams alone.

        A Gram holds powers, squares of amplitudes, and a step in amplitude is what is seen: so
        a layer's step is |dG| / sqrt(|G|), which for a single feature is twice that of sqrt(G).
        Results lie close to the target, which moves on a straight line from G2 to G1, where
        |dG| is constant and |G|^2 = w^2*|G1|^2 + (1-w)^2*|G2|^2 + 2w(1-w)*<G1, G2>. All layers
        count alike, each as a share of its own way. Our own; docs/method.md, docs/reproduction.md.
        """
        edges = np.linspace(0.0, 1.0, 16 * intervals + 1)
        w = (edges[1:] + edges[:-1]) / 2.0  # at an end |G| may be 0
        way = np.zeros_like(edges)
        for name, gram1 in grams1.items():
            gram2 = grams2[name]
            square1, square2, product = (
                float((a.cpu().double() * b.cpu().double()).sum())
                for a, b in ((gram1, gram1), (gram2, gram2), (gram1, gram2))
            )
            square = w**2 * square1 + (1 - w) ** 2 * square2 + 2 * w * (1 - w) * product
            speed = np.maximum(square, 1e-30) ** -0.25
            covered = np.concatenate([[0.0], np.cumsum(speed)])
            way += covered / covered[-1]
        gammas = np.linspace(0.0, way[-1], intervals + 1)
        return cls(tuple(np.interp(gammas, way, edges).tolist()))

    def __call__(self, gamma: float) -> float:
        """The mix w, 0..1, of a gamma, 0..1."""
        return float(np.interp(gamma, np.linspace(0.0, 1.0, len(self.mixes)), self.mixes))
