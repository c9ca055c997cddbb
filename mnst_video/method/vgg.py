"""VGG-19 as a feature extractor: features of an image by layer name.

The network is that of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
Image Recognition" (arXiv:1409.1556), configuration E, without its fully connected layers.
"""

import math
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

LAYERS: tuple[str, ...] = tuple(
    f"block{block}_conv{conv}"
    for block, convs in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))
    for conv in range(1, convs + 1)
)


def block_of(layer: str) -> int:
    """The number of a layer's block, from 1; the picture is halved between two blocks."""
    return int(layer[len("block")])


# A feature of block5_conv2, the deepest that a loss takes, sees 86 pixels beyond its own square of
# 16 (its receptive field is 188): rounded up to whole squares, at which the pools begin anew.
HALO = 96


@dataclass(frozen=True)
class Span:
    """A stretch of an image's rows or columns, and the longer one that its features depend on.

    Half open, in pixels; starts are multiples of 16. An end of None is that of the image.
    """

    start: int
    stop: int | None
    outer_start: int
    outer_stop: int | None

    @classmethod
    def parts(cls, length: int, count: int) -> "tuple[Span, ...]":
        """`count` stretches that fill `length` pixels, nearly alike."""
        ends = [16 * round(length * number / count / 16) for number in range(count)]
        stops = [*ends[1:], None]
        return tuple(
            cls(
                start,
                stop,
                max(0, start - HALO),
                None if stop is None or stop + HALO >= length else stop + HALO,
            )
            for start, stop in zip(ends, stops, strict=True)
        )

    def within(self, origin: int, layer: str) -> slice:
        """The stretch in a map of a layer that begins at pixel `origin` of the image."""
        scale = 2 ** (block_of(layer) - 1)
        stop = None if self.stop is None else (self.stop - origin) // scale
        return slice((self.start - origin) // scale, stop)


@dataclass(frozen=True)
class Tile:
    """A part of an image that is looked at on its own, with the same features as in the whole."""

    rows: Span
    columns: Span

    def surroundings(self, image: Tensor) -> Tensor:
        """The part of the image `(…, H, W)` that the features of this tile depend on."""
        rows, columns = self.rows, self.columns
        outer = image[..., rows.outer_start : rows.outer_stop, :]
        return outer[..., columns.outer_start : columns.outer_stop]

    def of_surroundings(self, features: Tensor, layer: str) -> Tensor:
        """This tile's part of the features of `surroundings`."""
        rows = self.rows.within(self.rows.outer_start, layer)
        return features[..., rows, self.columns.within(self.columns.outer_start, layer)]

    def of_whole(self, features: Tensor, layer: str) -> Tensor:
        """This tile's part of a map of the whole image."""
        return features[..., self.rows.within(0, layer), self.columns.within(0, layer)]


def tiles_of(height: int, width: int, most_pixels: float) -> tuple[Tile, ...]:
    """The tiles of an image, one or more.

    As few as keep each with its surroundings within `most_pixels`, but none under 64 pixels.
    """
    down = across = 1
    beyond = 2 * HALO + 16  # a stretch is rounded to 16 pixels
    while True:
        tall, wide = height / down, width / across
        area = min(height, tall + beyond) * min(width, wide + beyond)
        if area <= most_pixels or max(tall, wide) < 128:
            break
        down, across = (down + 1, across) if tall > wide else (down, across + 1)
    rows, columns = Span.parts(height, down), Span.parts(width, across)
    return tuple(Tile(row, column) for row in rows for column in columns)


@dataclass(frozen=True)
class Weights:
    """The convolutions of a trained VGG-19 and the colours it was trained on.

    `kernels[layer]` is `(out, in, 3, 3)` and `biases[layer]` is `(out,)`, float32; the first kernel
    reads RGB. `mean` is the RGB colour, 0..255, that is subtracted from an image first.
    `sha256` is the digest of the file that they come from.
    """

    kernels: Mapping[str, Tensor]
    biases: Mapping[str, Tensor]
    mean: tuple[float, float, float]
    sha256: str


class VGG19(torch.nn.Module):
    """Features of an image, by layer name, after ReLU.

    `dtype` is the precision of the convolutions. The image stays float32, so its gradient does too.
    `most_pixels` is the area that is looked at in one go; larger images are, by their `tiles`.
    `edges` is what a convolution sees beyond its input: zeros, as in training, or its edge again.
    """

    mean: Tensor

    def __init__(
        self,
        weights: Weights,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        most_pixels: float = math.inf,
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.most_pixels = most_pixels
        self.edges: Literal["zeros", "repeated"] = "zeros"
        self.sha256 = weights.sha256
        # MPS has had faults in channels_last convolutions, and gains nothing from it.
        mps = torch.device(device).type == "mps"
        self.memory_format = torch.contiguous_format if mps else torch.channels_last
        self.register_buffer("mean", torch.tensor(weights.mean, device=device).view(1, 3, 1, 1))
        for layer in LAYERS:
            kernel = weights.kernels[layer].to(device, dtype, memory_format=self.memory_format)
            self.register_buffer(f"{layer}_kernel", kernel)
            self.register_buffer(f"{layer}_bias", weights.biases[layer].to(device, dtype))

    def repeating_edges(self) -> Self:
        """The same network, with edges repeated.

        Our departure from the paper: next to zeros, which no picture has in its middle, a frame of
        8 to 16 pixels around it is painted darker, paler or in other strokes than the rest.
        """
        other = copy(self)
        other.edges = "repeated"
        return other

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def precision(self) -> AbstractContextManager[None]:
        """Where a float32 network computes in the precision of this one."""
        return torch.autocast(self.device.type, self.dtype, self.dtype == torch.bfloat16)

    def tiles(self, height: int, width: int) -> tuple[Tile, ...]:
        """The tiles, one or more, by which an image of this size is looked at."""
        return tiles_of(height, width, self.most_pixels)

    def forward(
        self, image: Tensor, layers: Collection[str], tile: Tile | None = None
    ) -> dict[str, Tensor]:
        """Features of `image` at `layers`; nothing above the deepest of them is computed.

        `image` is float32 `(1, 3, H, W)`, RGB, 0..255, with H and W at least 16. A feature map of
        block k is `(1, C, H // 2**(k-1), W // 2**(k-1))` in the network's precision, or the part
        of it that is the tile's. A tile is exact up to block5_conv2.
        Raises KeyError for a layer that VGG-19 does not have.
        """
        wanted = set(layers)
        if unknown := wanted - set(LAYERS):
            raise KeyError(f"VGG-19 has no layer {sorted(unknown)[0]!r}")
        if tile is not None:
            image = tile.surroundings(image)
        x = (image - self.mean).to(self.dtype, memory_format=self.memory_format)
        features: dict[str, Tensor] = {}
        block = 1
        for layer in LAYERS:
            if len(features) == len(wanted):
                break
            if block_of(layer) > block:
                block = block_of(layer)
                x = F.max_pool2d(x, 2)
            kernel, bias = self.get_buffer(f"{layer}_kernel"), self.get_buffer(f"{layer}_bias")
            x = self._convolved(x, kernel, bias)
            if layer in wanted:
                features[layer] = x if tile is None else tile.of_surroundings(x, layer)
        return features

    def _convolved(self, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """A convolution and its ReLU, of the same size."""
        if self.edges == "zeros":
            return F.relu(F.conv2d(x, kernel, bias, padding=1), inplace=True)
        around = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.relu(F.conv2d(around, kernel, bias), inplace=True)
