"""Painting with a network: one frame, in one pass."""

import numpy as np
import torch
from torch import Tensor

from mnst_video.media.frames import Frame, Picture
from mnst_video.model.network import Network


def paint_with(network: Network, content: Frame, mix: Tensor) -> Picture:
    """A frame, uint8 `(H, W, 3)`, RGB, in the look of a mix `(paintings,)`: float32, 0..255."""
    with torch.inference_mode():
        return np.asarray(_painted(network, content, mix).contiguous().cpu(), np.float32)


def paint_frame(network: Network, content: Frame, mix: Tensor) -> Frame:
    """The same rounded to 8 bits."""
    with torch.inference_mode():
        painted = _painted(network, content, mix).round_().to(torch.uint8)
        return np.asarray(painted.contiguous().cpu(), np.uint8)


def _painted(network: Network, content: Frame, mix: Tensor) -> Tensor:
    image = torch.from_numpy(np.array(content)).to(mix.device).permute(2, 0, 1)[None]
    painted: Tensor = network(image, mix)[0].permute(1, 2, 0)
    return painted.clamp_(0.0, 255.0)
