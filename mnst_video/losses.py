"""The losses of two-style transfer, on VGG-19 features and on pixels.

"The article" is MNST, "Mixed Neural Style Transfer With Two Style Images" (Towards Data Science;
see docs/method.md). Its loss is

    L(x) = alpha * C(x) + beta * (gamma * sigma1 * S1(x) + (1 - gamma) * sigma2 * S2(x)).

Content and style losses are those of Gatys, Ecker and Bethge, "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016), section 2, with means over elements as in the article.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mnst_video.crossfade import Grams
from mnst_video.vgg import VGG19

# The article's style layers and their weights.
STYLE_LAYERS: Mapping[str, float] = {
    "block1_conv1": 1.0,
    "block2_conv1": 1.0,
    "block3_conv1": 0.2,
    "block4_conv1": 0.3,
    "block5_conv1": 0.01,
}


def gram_matrix(features: Tensor) -> Tensor:
    """F F^T of a feature map, not divided by its dimensions.

    `features` is `(1, C, H, W)` of any float type. The result is `(C, C)` and always float32: a
    bfloat16 product would round each entry to 8 bits before two Grams are subtracted.
    """
    flat = features[0].flatten(1).float()
    return flat @ flat.T


def masked_gram(features: Tensor, mask: Tensor) -> Tensor:
    """The Gram matrix that a picture would have if all of it were like the masked area.

    `mask` is `(1, 1, h, w)`, 0..1, of the features' size and not all 0.
    """
    return gram_matrix(features.float() * mask.sqrt()) / mask.mean()


def style_loss(grams: Grams, target: Grams) -> Tensor:
    """Sum over the style layers of w_l * mean((G_l - target_l)^2); the result is a scalar."""
    terms = [w * (grams[name] - target[name]).square().mean() for name, w in STYLE_LAYERS.items()]
    return torch.stack(terms).sum()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean over elements of (F - F_content)^2; both `(1, C, H, W)`, the result is a scalar."""
    return (features.float() - target.float()).square().mean()


def temporal_loss(image: Tensor, warped: Tensor, reliability: Tensor) -> Tensor:
    """Mean over elements of reliability * (image - warped)^2, in squared pixel values.

    `image` and `warped` are `(1, 3, H, W)`, 0..255; `reliability` is `(1, 1, H, W)`, 0..1. From
    Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos" (GCPR 2016), section 4.2.
    """
    return (reliability * (image - warped).square()).mean()


@dataclass(frozen=True)
class Losses:
    """An objective's value, with a gradient, and two of its terms before weighting; scalars."""

    total: Tensor
    content: Tensor
    style: Tensor

    def detached(self) -> "Losses":
        """The same values without the graph behind them."""
        return Losses(*(term.detach() for term in (self.total, self.content, self.style)))


@dataclass(frozen=True)
class Objective:
    """What one image is optimised for: call it with an image for its losses.

    content: features `(1, C, h, w)` of the content image at `content_layer`.
    target: the blended Grams, each divided by `gram_divisor`.
    gram_divisor: 1 for the article; else H * W of the image, in every layer, so that no term
        depends on the resolution and the layers keep the article's balance.
    The weights multiply the terms as `content_loss` and `style_loss` give them. The temporal term
    is not here: `optimize.Hold` takes it as a step of its own.
    uncovered: masks `(1, 1, h, w)`, 0..1, by style layer, of the area that is not reliable, or
        None. The paint there is new, and the picture's own Grams, satisfied by the rest of it,
        would leave it bare: so it gets a style loss of its own, times `uncovered_weight`. That
        is part of the total and of no other term.
    """

    network: VGG19
    content_layer: str
    content: Tensor
    target: Grams
    gram_divisor: float
    content_weight: float
    style_weight: float
    uncovered_weight: float = 0.0
    uncovered: Mapping[str, Tensor] | None = None

    def __call__(self, image: Tensor) -> Losses:
        """The losses of `image`, float32 `(1, 3, H, W)`, RGB, 0..255."""
        features = self.network(image, {*STYLE_LAYERS, self.content_layer})
        grams = {name: gram_matrix(features[name]) / self.gram_divisor for name in STYLE_LAYERS}
        content = content_loss(features[self.content_layer], self.content)
        style = style_loss(grams, self.target)
        total = self.content_weight * content + self.style_weight * style
        if self.uncovered is not None:
            grams = {
                name: masked_gram(features[name], mask) / self.gram_divisor
                for name, mask in self.uncovered.items()
            }
            total = total + self.uncovered_weight * style_loss(grams, self.target)
        return Losses(total, content, style)


def style_grams(network: VGG19, image: Tensor, divisor: float) -> Grams:
    """Grams of `image` `(1, 3, H, W)`, 0..255, at the style layers, divided by `divisor`."""
    with torch.no_grad():
        features = network(image, STYLE_LAYERS)
        return {name: gram_matrix(features[name]) / divisor for name in STYLE_LAYERS}
