"""The losses of two-style transfer, on VGG-19 features and on pixels.

"The article" is MNST, "Mixed Neural Style Transfer With Two Style Images" (Towards Data Science;
see docs/method.md). Its loss is

    L(x) = alpha * C(x) + beta * (gamma * sigma1 * S1(x) + (1 - gamma) * sigma2 * S2(x)).

Content and style losses are those of Gatys, Ecker and Bethge, "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016), section 2, with means over elements as in the article.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mnst_video.method.crossfade import Grams
from mnst_video.method.vgg import VGG19, Span, Tile

# The layers whose Gram matrices are compared, and what the article weighs them with.
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
LayerWeights = tuple[float, ...]
ARTICLE_WEIGHTS: LayerWeights = (1.0, 1.0, 0.2, 0.3, 0.01)

# Positions of a feature map that are multiplied at once: their float32 copies stay in the cache.
CHUNK = 65_536


def gram_matrix(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """F F^T of a feature map, not divided by its dimensions.

    `features` is `(1, C, H, W)` of any float type. The result is `(C, C)` and always float32: a
    bfloat16 product would round each entry to 8 bits before two Grams are subtracted.
    mask: `(1, 1, H, W)`, 0..1: how much each position counts.
    """
    gram: Tensor = _Gram.apply(features, mask)  # type: ignore[no-untyped-call]
    return gram


class _Gram(torch.autograd.Function):
    """With its gradient, (F * mask)(D + D^T), as one product in the features' own precision.

    Autograd's would keep a float32 copy of the features, and take as long as three convolutions.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, mask: Tensor | None) -> Tensor:
        rows = weighted = features[0].permute(1, 2, 0).flatten(0, 1)
        if mask is not None:
            weighted = rows * mask.to(rows.dtype).reshape(-1, 1)
        ctx.save_for_backward(weighted)
        ctx.size = features.shape[2:]
        with _fast_products(rows.dtype):
            chunks = zip(torch.split(weighted, CHUNK), torch.split(rows, CHUNK), strict=True)
            return torch.stack([a.float().T @ b.float() for a, b in chunks]).sum(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (weighted,), (d,) = ctx.saved_tensors, gradients
        rows = weighted @ (d + d.T).to(weighted.dtype)
        return rows.unflatten(0, ctx.size).permute(2, 0, 1)[None], None


def area_grams(features: Tensor, masks: Sequence[Tensor]) -> Tensor:
    """The `gram_matrix` of each of some masks, `(masks, C, C)`.

    Places where a mask is 0 take no time, so those of areas that lie side by side take together
    what the whole picture's does.
    """
    grams: Tensor = _AreaGrams.apply(features, *masks)  # type: ignore[no-untyped-call]
    return grams


class _AreaGrams(torch.autograd.Function):
    """As `_Gram`, of the places of each mask alone."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, *masks: Tensor) -> Tensor:
        rows = features[0].permute(1, 2, 0).flatten(0, 1)
        ctx.size, ctx.count = features.shape[2:], len(rows)
        places, weighted, grams = [], [], []
        for mask in masks:
            flat = mask.reshape(-1)
            inside = flat.nonzero()[:, 0]
            own = rows[inside]
            counted = own * flat[inside].to(rows.dtype)[:, None]
            with _fast_products(rows.dtype):
                chunks = zip(torch.split(counted, CHUNK), torch.split(own, CHUNK), strict=True)
                grams.append(torch.stack([a.float().T @ b.float() for a, b in chunks]).sum(0))
            places.append(inside)
            weighted.append(counted)
        ctx.save_for_backward(*places, *weighted)
        return torch.stack(grams)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved, (ds,) = ctx.saved_tensors, gradients
        places, weighted = saved[: len(ds)], saved[len(ds) :]
        rows = weighted[0].new_zeros(ctx.count, ds.shape[1])
        for inside, counted, d in zip(places, weighted, ds, strict=True):
            rows.index_add_(0, inside, counted @ (d + d.T).to(counted.dtype))
        return rows.unflatten(0, ctx.size).permute(2, 0, 1)[None], *[None] * len(ds)


@contextlib.contextmanager
def _fast_products(dtype: torch.dtype) -> Iterator[None]:
    """Multiply float32 matrices as bfloat16, which loses nothing where they were made of it."""
    before = torch.get_float32_matmul_precision()
    if dtype == torch.bfloat16:
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def style_loss(grams: Grams, target: Grams, weights: LayerWeights = ARTICLE_WEIGHTS) -> Tensor:
    """Sum over `STYLE_LAYERS` of w_l * mean((G_l - target_l)^2); the result is a scalar."""
    layers = zip(STYLE_LAYERS, weights, strict=True)
    terms = [weight * (grams[name] - target[name]).square().mean() for name, weight in layers]
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
    """An objective's value and two of its terms before weighting; scalars."""

    total: Tensor
    content: Tensor
    style: Tensor


@dataclass(frozen=True)
class Area:
    """A part of an image with a target of its own, see `regions`.

    target, layer_weights: as an `Objective` has them.
    masks: `(1, 1, h, w)`, 0..1, by style layer: how much of each place is of the area.
    weight: what its style loss counts in the image's, which is the sum over the areas.
    uncovered: such masks of what of the area has a style loss of its own too, times
        `uncovered_weight`, or None.
    """

    target: Grams
    layer_weights: LayerWeights
    masks: Mapping[str, Tensor]
    weight: float
    uncovered: Mapping[str, Tensor] | None = None
    uncovered_weight: float = 0.0


@dataclass(frozen=True)
class Objective:
    """What one image is optimised for: call it with an image for its losses.

    content: features `(1, C, h, w)` of the content image at `content_layer`.
    target: the blended Grams, each divided by `gram_divisor`.
    gram_divisor: 1 for the article; else H * W of the image, so that no term depends on the
        resolution.
    layer_weights: of the style layers, see `style_loss`.
    The weights multiply the terms as `content_loss` and `style_loss` give them. The temporal term
    is not here: `optimize.Hold` takes it as a step of its own.
    uncovered: masks `(1, 1, h, w)`, 0..1, by style layer, of the area that is not reliable, or
        None. The paint there is new, and the picture's own Grams, satisfied by the rest of it,
        would leave it bare: so it gets a style loss of its own, times `uncovered_weight`. That
        is part of the total and of no other term.
    kept: content that is to stay more than the rest, by layer: features `(1, C, h, w)` of the
        content image, and the weight `(1, 1, h, w)` of their squared distance, 0 or more. That is
        part of the total and of no other term.
    areas: where there are any, style is theirs: `target`, `layer_weights` and `uncovered`, which
        are of the whole image, have no say then.
    """

    network: VGG19
    content_layer: str
    content: Tensor
    target: Grams
    gram_divisor: float
    layer_weights: LayerWeights
    content_weight: float
    style_weight: float
    uncovered_weight: float = 0.0
    uncovered: Mapping[str, Tensor] | None = None
    kept: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    areas: Sequence[Area] = ()

    def __call__(self, image: Tensor) -> Losses:
        """The losses of `image`, float32 `(1, 3, H, W)`, RGB, 0..255.

        Every term is a function of sums over positions, so an image that the network does not take
        in one go has the same losses: its tiles are added up, and each is looked at again for
        its part of the gradient (Chen et al., "Training Deep Nets with Sublinear Memory Cost",
        2016, over space instead of depth).
        """
        tiles = self.network.tiles(*image.shape[2:])
        if len(tiles) == 1:
            return self._losses(self._sums(image))
        parts = (checkpoint(self._sums, image, tile, use_reentrant=False) for tile in tiles)
        return self._losses(reduce(_added, parts))

    def _sums(self, image: Tensor, tile: Tile | None = None) -> dict[str, Tensor]:
        """What the losses are made of, of an image or of a tile."""
        features = self.network(image, {*STYLE_LAYERS, self.content_layer, *self.kept}, tile)

        def there(whole: Tensor, layer: str) -> Tensor:
            return whole if tile is None else tile.of_whole(whole, layer)

        def distance(target: Tensor, layer: str) -> Tensor:
            difference: Tensor = features[layer].float() - there(target, layer).float()
            return difference.square()

        sums = {"content": distance(self.content, self.content_layer).sum()}
        for name, (target, weight) in self.kept.items():
            sums[f"kept {name}"] = (distance(target, name) * there(weight, name)).sum()
        for name in STYLE_LAYERS:
            if self.areas:
                masks = [there(mask[name], name) for mask in self._masks()]
                sums[name] = area_grams(features[name], masks)
                continue
            sums[name] = gram_matrix(features[name])
            if self.uncovered is not None:
                mask = there(self.uncovered[name], name)
                sums[f"uncovered {name}"] = gram_matrix(features[name], mask)
        return sums

    def _losses(self, sums: Mapping[str, Tensor]) -> Losses:
        content = sums["content"] / self.content.numel()
        style, fresh = self._of_areas(sums) if self.areas else self._of_the_whole(sums)
        total = self.content_weight * content + self.style_weight * style
        for name, (target, _) in self.kept.items():
            total = total + sums[f"kept {name}"] / target.numel()
        if fresh is not None:
            total = total + fresh
        return Losses(total, content, style)

    def _of_the_whole(self, sums: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """The style loss, and that of what is uncovered with its weight."""
        grams = {name: sums[name] / self.gram_divisor for name in STYLE_LAYERS}
        style = style_loss(grams, self.target, self.layer_weights)
        if self.uncovered is None:
            return style, None
        parts = {name: sums[f"uncovered {name}"] for name in STYLE_LAYERS}
        fresh = style_loss(self._as_whole(parts, self.uncovered), self.target, self.layer_weights)
        return style, self.uncovered_weight * fresh

    def _of_areas(self, sums: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """The same, of areas."""
        losses: list[Tensor] = []
        fresh: list[Tensor] = []
        owners = [area for area in self.areas if area.uncovered is not None]
        for number, (area, masks) in enumerate(
            zip([*self.areas, *owners], self._masks(), strict=True)
        ):
            parts = {name: sums[name][number] for name in STYLE_LAYERS}
            loss = style_loss(self._as_whole(parts, masks), area.target, area.layer_weights)
            if number < len(self.areas):
                losses.append(area.weight * loss)
            else:
                fresh.append(area.uncovered_weight * loss)
        return torch.stack(losses).sum(), torch.stack(fresh).sum() if fresh else None

    def _masks(self) -> list[Mapping[str, Tensor]]:
        """Those of the areas, and of what is uncovered in them."""
        uncovered = (area.uncovered for area in self.areas)
        return [area.masks for area in self.areas] + [m for m in uncovered if m is not None]

    def _as_whole(self, parts: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Grams:
        """The Grams that a picture would have if all of it were like an area."""
        return {name: parts[name] / (masks[name].mean() * self.gram_divisor) for name in parts}


def _added(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return {name: value + other[name] for name, value in one.items()}


@dataclass(frozen=True)
class Look:
    """What the network sees in an image: Grams, and the content features `(1, C, h, w)`."""

    grams: Grams
    content: Tensor

    @classmethod
    def at(
        cls,
        network: VGG19,
        image: Tensor,
        content_layer: str,
        gram_divisor: float = 1.0,
        style_layers: Collection[str] = STYLE_LAYERS,
    ) -> "Look":
        """`image` is `(1, 3, H, W)`, RGB, 0..255; its Grams are divided by `gram_divisor`."""
        grams: Grams = {}
        rows: dict[Span, list[Tensor]] = {}
        for tile in network.tiles(*image.shape[2:]):
            with torch.no_grad():
                features = network(image, {*style_layers, content_layer}, tile)
            rows.setdefault(tile.rows, []).append(features.pop(content_layer))
            for name in style_layers:
                gram = gram_matrix(features[name]) / gram_divisor
                grams[name] = grams[name] + gram if name in grams else gram
        parts = [torch.cat(row, dim=3) for row in rows.values()]
        return cls(grams, torch.cat(parts, dim=2))


def grams_of_areas(
    network: VGG19, image: Tensor, divisor: float, areas: Sequence[Mapping[str, Tensor]]
) -> list[Grams]:
    """Grams of areas, each as if all of the image were like it, see `Area.masks`; as `style_grams`.

    A mask of 0 everywhere has Grams of 0.
    """
    found: list[Grams] = [{} for _ in areas]
    for tile in network.tiles(*image.shape[2:]):
        with torch.no_grad():
            features = network(image, STYLE_LAYERS, tile)
        for name in STYLE_LAYERS:
            grams = area_grams(features[name], [tile.of_whole(a[name], name) for a in areas])
            for grams_of, gram, area in zip(found, grams, areas, strict=True):
                own = gram / (float(area[name].mean()) or 1.0) / divisor
                grams_of[name] = grams_of[name] + own if name in grams_of else own
    return found


def style_grams(network: VGG19, image: Tensor, divisor: float) -> Grams:
    """Grams of `image` `(1, 3, H, W)`, 0..255, at the style layers, divided by `divisor`."""
    # A layer on the way to the deepest of them costs nothing.
    return Look.at(network, image, "block4_conv2", divisor).grams
