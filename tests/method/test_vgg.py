import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mnst_video.method.losses import STYLE_LAYERS
from mnst_video.method.vgg import LAYERS, VGG19


def reference_features(weights, frame, edges):
    """VGG-19 in float64 NumPy: features of a frame `(H, W, 3)` at every layer, `(C, h, w)`."""
    x = frame.astype(np.float64).transpose(2, 0, 1) - np.array(weights.mean)[:, None, None]
    features, block = {}, "1"
    for layer in LAYERS:
        if layer[5] != block:
            block = layer[5]
            c, h, w = x.shape
            x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode=edges)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        kernel = weights.kernels[layer].double().numpy()
        x = np.tensordot(kernel, windows, axes=((1, 2, 3), (0, 3, 4)))
        x = np.maximum(x + weights.biases[layer].double().numpy()[:, None, None], 0.0)
        features[layer] = x
    return features


@pytest.mark.parametrize("edges", ["constant", "edge"])
@pytest.mark.parametrize(("width", "height"), [(24, 18), (19, 33)])
def test_features_agree_with_a_float64_network(
    weights, network, texture, as_image, width, height, edges
):
    frame = texture(width, height, 1)
    expected = reference_features(weights, frame, edges)
    vgg = network if edges == "constant" else network.repeating_edges()
    features = vgg(as_image(frame), LAYERS)
    assert set(features) == set(LAYERS)
    for layer in LAYERS:
        assert features[layer].shape == (1, *expected[layer].shape)
        difference = np.abs(features[layer][0].numpy() - expected[layer]).max()
        assert difference <= 2e-5 * expected[layer].max(), layer


def test_with_repeated_edges_a_plain_picture_is_plain_to_the_network(network):
    image = torch.tensor([200.0, 40.0, 90.0]).view(1, 3, 1, 1).expand(1, 3, 48, 80)
    plain = network.repeating_edges()(image, STYLE_LAYERS)
    framed = network(image, STYLE_LAYERS)
    for name in STYLE_LAYERS:
        spread = (plain[name].amax((2, 3)) - plain[name].amin((2, 3))).max()
        assert spread <= 1e-4 * plain[name].max()
        assert (framed[name].amax((2, 3)) - framed[name].amin((2, 3))).max() > 0.05


def test_the_mean_colour_is_zero_to_the_network(weights, network):
    image = torch.tensor(weights.mean).view(1, 3, 1, 1).expand(1, 3, 16, 20)
    features = network(image, {"block1_conv1"})["block1_conv1"]
    bias = weights.biases["block1_conv1"].relu()
    torch.testing.assert_close(features, bias.view(1, -1, 1, 1).expand_as(features))


@pytest.mark.parametrize(
    ("layers", "convolutions"),
    [
        ((), 0),
        (("block1_conv2",), 2),
        (("block3_conv1", "block1_conv1"), 5),
        (("block5_conv4",), 16),
    ],
)
def test_computes_nothing_above_the_deepest_layer(network, monkeypatch, layers, convolutions):
    calls = []
    conv2d = F.conv2d

    def counted(*args, **kwargs):
        calls.append(args)
        return conv2d(*args, **kwargs)

    monkeypatch.setattr(F, "conv2d", counted)
    assert set(network(torch.zeros(1, 3, 16, 16), layers)) == set(layers)
    assert len(calls) == convolutions


def test_an_unknown_layer_is_a_key_error(network):
    with pytest.raises(KeyError, match="block3_conv5"):
        network(torch.zeros(1, 3, 16, 16), {"block1_conv1", "block3_conv5"})


def test_bf16_stays_near_float32_and_its_gradient_is_float32(weights, network, texture, as_image):
    """8 bits of precision: each layer is off by about 0.4 %, and errors hardly build up."""
    rough = VGG19(weights, dtype=torch.bfloat16)
    layers = {"block1_conv1", "block3_conv1", "block5_conv1"}
    gradients = {}
    for net in (network, rough):
        image = as_image(texture(48, 32, 2)).requires_grad_()
        features = net(image, layers)
        assert {f.dtype for f in features.values()} == {net.dtype}
        total = sum(f.float().square().mean() for f in features.values())
        (gradients[net],) = torch.autograd.grad(total, image)
        assert gradients[net].dtype == torch.float32
        with torch.no_grad():
            exact = network(image, layers)
            for layer in layers:
                error = (features[layer].float() - exact[layer]).norm() / exact[layer].norm()
                assert error < 0.02, layer
    difference = (gradients[rough] - gradients[network]).norm()
    assert difference < 0.05 * gradients[network].norm()
    assert difference > 0  # it did compute in bf16


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(
    ("width", "height", "most"), [(437, 300, 110_000), (400, 256, 90_000), (130, 519, 60_000)]
)
def test_tiles_fill_the_picture_and_see_what_the_whole_shows(
    weights, network, texture, as_image, width, height, most, repeated
):
    network = network.repeating_edges() if repeated else network
    image = as_image(texture(width, height, 2, 1.0))
    layers = {*STYLE_LAYERS, "block4_conv2", "block5_conv2"}
    tiles = VGG19(weights, most_pixels=most).tiles(height, width)
    assert len(tiles) > 1
    whole = network(image, layers)
    filled = {name: torch.full_like(features, torch.nan) for name, features in whole.items()}
    for tile in tiles:
        assert tile.surroundings(image)[0, 0].numel() <= most
        for name, part in network(image, layers, tile).items():
            place = tile.of_whole(filled[name], name)
            assert place.isnan().all()  # no two tiles hold the same place
            place.copy_(part)
    for name, features in whole.items():
        torch.testing.assert_close(filled[name], features, rtol=1e-4, atol=1e-4 * features.max())


def test_there_is_one_tile_where_there_is_room(network, weights):
    assert len(network.tiles(2160, 3840)) == 1
    assert len(VGG19(weights, most_pixels=100 * 200).tiles(100, 200)) == 1
    # Not even a single small tile fits: the smallest are used all the same.
    assert len(VGG19(weights, most_pixels=1).tiles(256, 128)) < 10
