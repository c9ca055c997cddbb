"""MPS has no float64."""

import numpy as np
import pytest
import torch

from mnst_video.judge.fullness import worst_tiles
from mnst_video.judge.naked import tile_improvements
from mnst_video.media.images import load_image
from mnst_video.method.losses import STYLE_LAYERS
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader


def test_a_device_without_float64_is_not_asked_for_it(network, monkeypatch, texture, quick):
    """MPS has none (PyTorch #122602): only what has come from the device may become float64."""
    to_cpu, to_double = torch.Tensor.cpu, torch.Tensor.double

    def cpu(tensor):
        copy = to_cpu(tensor).clone()
        copy.has_left_the_device = True
        return copy

    def double(tensor):
        if not getattr(tensor, "has_left_the_device", False):
            raise TypeError("Cannot convert a MPS Tensor to float64")
        return to_double(tensor)

    options = quick(gamma_scale="even")
    pictures = [load_image(path) for path in options.styles]
    made = Styles(network, options.paint, pictures, 48, 32)
    content = texture(48, 32)
    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    monkeypatch.setattr(torch.Tensor, "double", double)
    with pytest.raises(TypeError, match="float64"):
        torch.zeros(1).double()
    calibrations = made.calibrate([content])
    result = first_frame(made, content, Aim.at(made, calibrations, Fader(0, 0.5)))
    assert np.isfinite(result.pixels).all()
    with torch.no_grad():
        wide = network(made.image(texture(320, 64)), STYLE_LAYERS)
    target = made.target(0, 0.5)
    assert tile_improvements(wide, wide, target) == pytest.approx(1.0)
    assert np.isfinite(worst_tiles(wide, wide, [target])).all()
