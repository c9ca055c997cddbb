"""VGG-19 as a feature extractor: features of an image by layer name.

The network is that of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
Image Recognition" (arXiv:1409.1556), configuration E, without its fully connected layers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LAYERS: tuple[str, ...] = tuple(
    f"block{block}_conv{conv}"
    for block, convs in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))
    for conv in range(1, convs + 1)
)


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
    """

    mean: Tensor

    def __init__(
        self,
        weights: Weights,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.sha256 = weights.sha256
        # MPS has had faults in channels_last convolutions, and gains nothing from it.
        mps = torch.device(device).type == "mps"
        self.memory_format = torch.contiguous_format if mps else torch.channels_last
        self.register_buffer("mean", torch.tensor(weights.mean, device=device).view(1, 3, 1, 1))
        for layer in LAYERS:
            kernel = weights.kernels[layer].to(device, dtype, memory_format=self.memory_format)
            self.register_buffer(f"{layer}_kernel", kernel)
            self.register_buffer(f"{layer}_bias", weights.biases[layer].to(device, dtype))

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Features of `image` at `layers`; nothing above the deepest of them is computed.

        `image` is float32 `(1, 3, H, W)`, RGB, 0..255, with H and W at least 16. A feature map of
        block k is `(1, C, H // 2**(k-1), W // 2**(k-1))` in the network's precision.
        Raises KeyError for a layer that VGG-19 does not have.
        """
        wanted = set(layers)
        if unknown := wanted - set(LAYERS):
            raise KeyError(f"VGG-19 has no layer {sorted(unknown)[0]!r}")
        x = (image - self.mean).to(self.dtype, memory_format=self.memory_format)
        features: dict[str, Tensor] = {}
        block = "block1"
        for layer in LAYERS:
            if len(features) == len(wanted):
                break
            if not layer.startswith(block):
                block = layer.partition("_")[0]
                x = F.max_pool2d(x, 2)
            kernel, bias = self.get_buffer(f"{layer}_kernel"), self.get_buffer(f"{layer}_bias")
            x = F.relu(F.conv2d(x, kernel, bias, padding=1))
            if layer in wanted:
                features[layer] = x
        return features
