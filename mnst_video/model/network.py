"""The feed-forward network: a picture in the look of a mix of paintings, in one pass.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer" (ECCV 2016), trained
for the losses of this program. One network for several paintings, as in Dumoulin, Shlens and
Kudlur, "A Learned Representation for Artistic Style" (ICLR 2017), section 2.2: its instance
normalisation has a scale and a shift for each; those of a mix lie between them.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Sides are filled up to a multiple of this: the deepest maps are at an eighth.
SQUARE = 8
# As in `nn.InstanceNorm2d`, but for the size of what bf16 tells apart.
EPSILON = 1e-3
# Channels of the last map but one.
LAST = 24
# What is grey, and how far from there the last layer can go.
MIDDLE, REACH = 128.0, 150.0


@dataclass(frozen=True)
class Shape:
    """The size of a network.

    paintings: how many it knows. eighth, quarter, half: channels at these sizes of the picture.
    blocks: residual blocks at an eighth.
    """

    paintings: int
    eighth: int = 128
    quarter: int = 64
    half: int = 24
    blocks: int = 4


def _convolution(before: int, after: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution of 3x3 that sees its edge repeated: next to zeros a frame would be painted."""
    return nn.Conv2d(before, after, 3, stride, 1, bias=bias, padding_mode="replicate")


class _Layer(nn.Module):
    """A convolution, instance normalisation by the mix, and ReLU where it is asked for."""

    def __init__(self, paintings: int, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        # Without a bias: the normalisation would take it away.
        self.convolution = _convolution(before, after, stride, bias=False)
        self.scales = nn.Parameter(torch.ones(paintings, after))
        self.shifts = nn.Parameter(torch.zeros(paintings, after))

    def forward(
        self, x: Tensor, mix: Tensor, relu: bool = True, more: Tensor | None = None
    ) -> Tensor:
        """more: is added to what is convolved."""
        x = self.convolution(x)
        if more is not None:
            x.add_(more)
        # Of one picture, batch normalisation is that of an instance, and several times as fast.
        x = F.batch_norm(x, None, None, mix @ self.scales, mix @ self.shifts, True, 0.0, EPSILON)
        return F.relu_(x) if relu else x


class _Joint(nn.Module):
    """A layer of two maps. The same as of both beside one another, without copying them there."""

    def __init__(self, paintings: int, before: int, after: int) -> None:
        super().__init__()
        self.layer = _Layer(paintings, before, after)
        self.other = _convolution(before, after, bias=False)

    def forward(self, x: Tensor, other: Tensor, mix: Tensor) -> Tensor:
        result: Tensor = self.layer(x, mix, more=self.other(other))
        return result


class _Block(nn.Module):
    """Two layers whose result is added (He et al., "Deep Residual Learning", CVPR 2016)."""

    def __init__(self, paintings: int, channels: int) -> None:
        super().__init__()
        self.first = _Layer(paintings, channels, channels)
        self.second = _Layer(paintings, channels, channels)

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        result: Tensor = self.second(self.first(x, mix), mix, relu=False).add_(x)
        return result


class Network(nn.Module):
    """Paints a picture: call it with one, float32 `(1, 3, H, W)`, RGB, 0..255, and a mix.

    Pixels are folded into channels, most of the work is done at an eighth of the size, and what is
    finer joins again on the way up (Ronneberger, Fischer and Brox, "U-Net", 2015), where maps are
    enlarged bilinearly: transposed convolutions leave a checkerboard (Odena, Dumoulin and Olah,
    "Deconvolution and Checkerboard Artifacts", Distill, 2016).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        n, eighth, quarter, half = shape.paintings, shape.eighth, shape.quarter, shape.half
        self.in_half = _Layer(n, 12, half)
        self.in_quarter = _Layer(n, 48, quarter)
        self.down = _Layer(n, quarter, eighth, stride=2)
        self.blocks = nn.ModuleList(_Block(n, eighth) for _ in range(shape.blocks))
        self.to_quarter = nn.Conv2d(eighth, quarter, 1)
        self.at_quarter = _Joint(n, quarter, quarter)
        self.to_half = nn.Conv2d(quarter, half, 1)
        self.at_half = _Joint(n, half, LAST)
        self.out = _convolution(LAST, 12)
        with torch.no_grad():
            # The four pixels of a square begin alike (Aitken et al., "Checkerboard artifact free
            # sub-pixel convolution", 2017).
            self.out.weight.copy_(0.1 * self.out.weight[:3].repeat(4, 1, 1, 1))
            assert self.out.bias is not None
            self.out.bias.zero_()

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """image: bytes will do too. mix: the share of each painting, `(paintings,)`.

        Beyond 0..255 nothing is cut off.
        """
        height, width = image.shape[2:]
        across, down = -width % SQUARE, -height % SQUARE
        if across or down:
            image = F.pad(image, (0, across, 0, down), mode="replicate")
        kind = self.out.weight.dtype
        # Whole numbers, which bf16 has exactly; their scale is the normalisation's to find.
        halves, quarters = (fold(image, size).to(kind) - MIDDLE for size in (2, 4))
        half, quarter = self.in_half(halves, mix), self.in_quarter(quarters, mix)
        x = self.down(quarter, mix)
        for block in self.blocks:
            x = block(x, mix)
        x = self.at_quarter(_doubled(self.to_quarter(x)), quarter, mix)
        x = self.at_half(_doubled(self.to_half(x)), half, mix)
        painted = MIDDLE + REACH * torch.tanh(self.out(x).float())
        return unfold(painted, 2)[..., :height, :width]

    def to_play(self, dtype: torch.dtype) -> "Network":
        """A copy whose convolutions are of a type; mixes stay exact."""
        network = Network(self.shape).to(self.out.weight.device)
        network.load_state_dict(self.state_dict())
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(dtype)
        return network.eval().requires_grad_(False)


def fold(image: Tensor, size: int) -> Tensor:
    """Squares of so many pixels as channels: `(1, C, H, W)` to `(1, size² C, H/size, W/size)`.

    As `pixel_unshuffle`, with the colours of a pixel beside one another, as they lie in memory in
    a picture: then a picture of bytes is folded in one quick copy.
    """
    batch, channels, height, width = image.shape
    down, across = height // size, width // size
    rows = image.permute(0, 2, 3, 1).reshape(batch, down, size, across, size, channels)
    return rows.permute(0, 1, 3, 2, 4, 5).flatten(3).permute(0, 3, 1, 2)


def unfold(maps: Tensor, size: int) -> Tensor:
    """The inverse of `fold`."""
    batch, _, height, width = maps.shape
    squares = maps.permute(0, 2, 3, 1).reshape(batch, height, width, size, size, -1)
    rows = squares.permute(0, 1, 3, 2, 4, 5).reshape(batch, size * height, size * width, -1)
    return rows.permute(0, 3, 1, 2)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")
