"""ONNX: the same picture as torch's, at any size and γ."""

import numpy as np
import onnxruntime
import pytest
import torch

from mnst_video.model.export import export_model
from mnst_video.model.file import Model, Training
from mnst_video.model.network import Network, Shape
from mnst_video.model.play import paint_with


def model_of(paintings, texture):
    torch.manual_seed(0)
    network = Network(Shape(paintings, eighth=8, quarter=8, half=4, blocks=2)).eval()
    for key, value in network.named_parameters():
        if "scales" in key or "shifts" in key or key.startswith("out"):
            torch.nn.init.normal_(value, 0.0, 0.2)
    curve = tuple(float(x) ** 2 for x in np.linspace(0.0, 1.0, 9))
    return Model(
        network=network,
        paintings=tuple(texture(16, 16, seed) for seed in range(paintings)),
        names=("one.png", "two.png", "three.png")[:paintings],
        options={},
        scales=(curve, tuple(np.linspace(0.0, 1.0, 9)))[: paintings - 1],
        training=Training(0, 0.0, 32),
    )


@pytest.fixture(params=[2, 3])
def exported(request, tmp_path, texture):
    model = model_of(request.param, texture)
    export_model(model, tmp_path / "pair.onnx")
    return model, onnxruntime.InferenceSession(tmp_path / "pair.onnx")


@pytest.mark.parametrize(("width", "height"), [(64, 48), (67, 41), (16, 96)])
def test_a_picture_is_that_of_torch(exported, texture, width, height):
    model, session = exported
    picture = texture(width, height, 5)
    image = picture.transpose(2, 0, 1)[None].astype(np.float32)
    pairs = len(model.scales)
    for place in (0.0, 0.3, 0.5, 0.8125, 1.0):
        for pair in range(pairs):
            w = float(np.interp(place, np.linspace(0.0, 1.0, 9), model.scales[pair]))
            mix = torch.zeros(pairs + 1)
            mix[pair], mix[pair + 1] = w, 1.0 - w
            given = place if pairs == 1 else pair + 2.0 - place
            (found,) = session.run(None, {"image": image, "gamma": np.array([given], np.float32)})
            wanted = paint_with(model.network, picture, mix)
            assert np.abs(found[0].transpose(1, 2, 0) - wanted).max() < 0.05


def test_beyond_its_ends_gamma_is_at_the_nearer_one(exported, texture):
    model, session = exported
    image = texture(32, 24).transpose(2, 0, 1)[None].astype(np.float32)
    low, high = (0.0, 1.0) if len(model.scales) == 1 else (1.0, 3.0)

    def at(value):
        return session.run(None, {"image": image, "gamma": np.array([value], np.float32)})[0]

    np.testing.assert_array_equal(at(low - 3.0), at(low))
    np.testing.assert_array_equal(at(high + 3.0), at(high))
