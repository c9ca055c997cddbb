"""Painting with a network: one frame, in one pass."""

import torch
from torch import Tensor

from mnst_video.media.frames import Frame, Picture
from mnst_video.method.device import to_image, to_picture
from mnst_video.model.network import Network


def paint_with(network: Network, content: Frame, mix: Tensor) -> Picture:
    """A frame, uint8 `(H, W, 3)`, RGB, in the look of a mix `(paintings,)`: float32, 0..255."""
    with torch.inference_mode():
        return to_picture(network(to_image(content, mix.device), mix)).clip(0.0, 255.0)
