"""The feed-forward network: sizes, mixes, and that its pieces are what their papers say."""

import numpy as np
import pytest
import torch

from mnst_video.model.network import EPSILON, Network, Shape, _Layer
from mnst_video.model.play import paint_with

TINY = Shape(2, eighth=8, quarter=8, half=4, blocks=1)


@pytest.fixture
def net():
    torch.manual_seed(1)
    network = Network(TINY)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, _Layer):
                layer.scales.normal_(1.0, 0.3)
                layer.shifts.normal_(0.0, 0.3)
        network.out.weight.normal_(0.0, 0.2)
    return network.eval()


@pytest.mark.parametrize(("width", "height"), [(64, 48), (37, 21), (16, 16), (65, 40)])
def test_a_picture_keeps_its_size(net, texture, width, height):
    painted = paint_with(net, texture(width, height), torch.tensor([0.3, 0.7]))
    assert painted.shape == (height, width, 3)
    assert 0.0 <= painted.min() < painted.max() <= 255.0


def test_the_ends_of_the_fader_are_networks_of_their_own(net, as_image, texture):
    """At γ = 1 nothing of the other painting's scales and shifts has a say."""
    image, mix = as_image(texture(32, 24)), torch.tensor([1.0, 0.0])
    with torch.no_grad():
        before = net(image, mix)
        for layer in net.modules():
            if isinstance(layer, _Layer):
                layer.scales[1] = 17.0
                layer.shifts[1] = -3.0
        assert torch.equal(net(image, mix), before)
        assert not torch.allclose(net(image, torch.tensor([0.0, 1.0])), before)


def test_a_layer_is_a_convolution_and_instance_normalisation(net):
    x = torch.randn(1, 8, 9, 7, generator=torch.Generator().manual_seed(0))
    layer, mix = net.blocks[0].first, torch.tensor([0.25, 0.75])
    with torch.no_grad():
        around = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
        plain = torch.nn.functional.conv2d(around, layer.convolution.weight)
        normal = torch.nn.functional.instance_norm(plain, eps=EPSILON)
        scale = 0.25 * layer.scales[0] + 0.75 * layer.scales[1]
        shift = 0.25 * layer.shifts[0] + 0.75 * layer.shifts[1]
        wanted = (normal * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)).relu()
        torch.testing.assert_close(layer(x, mix), wanted)


def test_a_network_begins_without_a_checkerboard(as_image, texture):
    """The four pixels of a square are alike before anything is learned."""
    torch.manual_seed(0)
    with torch.no_grad():
        painted = Network(TINY)(as_image(texture(32, 24)), torch.tensor([0.5, 0.5]))
    squares = painted.unflatten(2, (12, 2)).unflatten(4, (16, 2))
    assert float(squares.std(dim=(3, 5)).max()) < 1e-3
    assert float(painted.std()) > 0.1


def test_a_plain_picture_is_plain_up_to_its_border(net):
    """No frame is painted around it: each pixel of a square is the same in all squares."""
    painted = paint_with(net, np.full((48, 64, 3), 90, np.uint8), torch.tensor([0.5, 0.5]))
    assert np.ptp(painted[::2, ::2], axis=(0, 1)).max() < 0.1
    assert np.ptp(painted[1::2, ::2], axis=(0, 1)).max() < 0.1


def test_half_precision_is_near_and_keeps_mixes_exact(net, texture):
    picture, mix = texture(64, 48), torch.tensor([0.4, 0.6])
    half = net.to_play(torch.bfloat16)
    assert half.down.scales.dtype == torch.float32
    near = paint_with(half, picture, mix)
    assert abs(near - paint_with(net, picture, mix)).mean() < 2.0
    other = paint_with(half, picture, torch.tensor([0.401, 0.599]))
    assert (near != other).mean() > 0.2
