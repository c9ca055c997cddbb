"""Painting with a network: one frame, in one pass."""

import numpy as np
import torch
from torch import Tensor

from mnst_video.media.frames import Frame, Picture
from mnst_video.model.network import Network


def paint_with(network: Network, content: Frame, mix: Tensor) -> Picture:
    """A frame, uint8 `(H, W, 3)`, RGB, in the look of a mix `(paintings,)`: float32, 0..255."""
    with torch.inference_mode():
        bytes_of_it = torch.from_numpy(np.array(content)).to(mix.device)
        image = bytes_of_it.permute(2, 0, 1)[None]
        painted = network(image, mix)[0].permute(1, 2, 0)
        return np.asarray(painted.clamp(0.0, 255.0).contiguous().cpu(), np.float32)
