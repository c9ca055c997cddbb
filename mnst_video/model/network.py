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
# Half of the range of a picture, and by how much the last layer can go beyond it.
HALF, REACH = 127.5, 150.0


@dataclass(frozen=True)
class Shape:
    """The size of a network.

    paintings: how many it knows. eighth, quarter, half: channels at these sizes of the picture.
    blocks: residual blocks at an eighth.
    """

    paintings: int
    eighth: int = 96
    quarter: int = 64
    half: int = 16
    blocks: int = 5


class _Layer(nn.Module):
    """A convolution, instance normalisation by the mix, and ReLU where it is asked for."""

    def __init__(self, paintings: int, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        # Without a bias: the normalisation would take it away.
        self.convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.scales = nn.Parameter(torch.ones(paintings, after))
        self.shifts = nn.Parameter(torch.zeros(paintings, after))

    def forward(self, x: Tensor, mix: Tensor, relu: bool = True) -> Tensor:
        x = self.convolution(x)
        # Of one picture, batch normalisation is that of an instance, and several times as fast.
        x = F.batch_norm(x, None, None, mix @ self.scales, mix @ self.shifts, True, 0.0, EPSILON)
        return F.relu(x) if relu else x


class _Block(nn.Module):
    """Two layers whose result is added (He et al., "Deep Residual Learning", CVPR 2016)."""

    def __init__(self, paintings: int, channels: int) -> None:
        super().__init__()
        self.first = _Layer(paintings, channels, channels)
        self.second = _Layer(paintings, channels, channels)

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        result: Tensor = x + self.second(self.first(x, mix), mix, relu=False)
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
        self.at_quarter = _Layer(n, 2 * quarter, quarter)
        self.to_half = nn.Conv2d(quarter, half, 1)
        self.at_half = _Layer(n, 2 * half, 24)
        self.out = nn.Conv2d(24, 12, 3, 1, 1)
        with torch.no_grad():
            # The four pixels of a square begin alike (Aitken et al., "Checkerboard artifact free
            # sub-pixel convolution", 2017).
            self.out.weight.copy_(0.1 * self.out.weight[::4].repeat_interleave(4, 0))
            assert self.out.bias is not None
            self.out.bias.zero_()

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """mix: the share of each painting, `(paintings,)`. Beyond 0..255 nothing is cut off."""
        height, width = image.shape[2:]
        beyond = (0, -width % SQUARE, 0, -height % SQUARE)
        x = F.pad(image, beyond, mode="replicate") / HALF - 1.0
        x = x.to(self.out.weight.dtype)
        half = self.in_half(_folded(x, 2), mix)
        quarter = self.in_quarter(_folded(x, 4), mix)
        x = self.down(quarter, mix)
        for block in self.blocks:
            x = block(x, mix)
        x = self.at_quarter(torch.cat([_doubled(self.to_quarter(x)), quarter], 1), mix)
        x = self.at_half(torch.cat([_doubled(self.to_half(x)), half], 1), mix)
        x = F.pixel_shuffle(self.out(x), 2)[..., :height, :width]
        return HALF + REACH * torch.tanh(x.float())

    def to_play(self, dtype: torch.dtype) -> "Network":
        """A copy whose convolutions are of a type; mixes stay exact."""
        network = Network(self.shape).to(self.out.weight.device)
        network.load_state_dict(self.state_dict())
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(dtype)
        return network.eval().requires_grad_(False)


def _folded(x: Tensor, size: int) -> Tensor:
    return F.pixel_unshuffle(x, size).contiguous(memory_format=torch.channels_last)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")
