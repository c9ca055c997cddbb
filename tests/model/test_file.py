"""Model files: a round trip, and what is no model."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mnst_video.errors import InputError
from mnst_video.model.file import Model, Training, kept_size, load_model, save_model
from mnst_video.model.network import Network, Shape


@pytest.fixture
def model(texture):
    torch.manual_seed(0)
    network = Network(Shape(2, eighth=8, quarter=8, half=4, blocks=1))
    weights = {name: value.detach() + 1.0 for name, value in network.named_parameters()}
    return Model(
        network=network,
        paintings=(texture(20, 10), texture(12, 16, 1)),
        names=("one.jpg", "zwei ü.png"),
        options={"style_scale": 1.0, "colors": "style"},
        scales=((0.0, 0.25, 1.0),),
        training=Training(
            7, 1.5, 256, weights, {name: (v + 2.0, v + 3.0) for name, v in weights.items()}
        ),
    )


@pytest.fixture
def path(model, tmp_path):
    save_model(model, tmp_path / "pair.safetensors")
    return tmp_path / "pair.safetensors"


def test_all_of_a_model_comes_back(model, path):
    again = load_model(path)
    assert (again.names, again.options, again.scales) == (
        model.names,
        model.options,
        model.scales,
    )
    for one, other in zip(again.paintings, model.paintings, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.network.shape == model.network.shape
    for name, value in model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    training = again.training
    assert (training.steps, training.seconds, training.side) == (7, 1.5, 256)
    for name, value in model.training.weights.items():
        assert torch.equal(training.weights[name], value)
        assert torch.equal(training.moments[name][0], value + 2.0)
        assert torch.equal(training.moments[name][1], value + 3.0)
    assert len(again.digest) == 64


def test_a_painting_is_kept_no_larger_than_it_is_looked_at(texture):
    assert kept_size(texture(2048, 512)).shape == (256, 1024, 3)
    assert kept_size(texture(100, 50)).shape == (50, 100, 3)


def rewritten(path, change_words=None, change=None):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        words = file.metadata()
    tensors = load_file(path)
    if change_words:
        change_words(words)
    if change:
        change(tensors)
    save_file(tensors, path, words)


def about(**changes):
    def change(words):
        words["about"] = json.dumps(json.loads(words["about"]) | changes)

    return change


SHAPE = {"paintings": 2, "eighth": 8, "quarter": 8, "half": 4, "blocks": 1}

HOSTILE = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-40]), "is damaged"),
    "header cut off": (lambda path: path.write_bytes(path.read_bytes()[:30]), "is damaged"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "a pickle": (lambda path: torch.save({"a": torch.zeros(1)}, path), "is damaged"),
    "other tensors": (
        lambda path: save_file({"a": torch.zeros(1)}, path),
        "is not a model; mnst-video train makes one",
    ),
    "another version": (
        lambda path: rewritten(path, lambda words: words.update(version="9")),
        "of version 9, and this program reads version 1",
    ),
    "a huge network": (
        lambda path: rewritten(path, about(shape=SHAPE | {"eighth": 10**9})),
        "eighth = 1000000000",
    ),
    "no network": (lambda path: rewritten(path, about(shape=SHAPE | {"blocks": 0})), "blocks = 0"),
    "a truth for a number": (
        lambda path: rewritten(path, about(shape=SHAPE | {"blocks": True})),
        "blocks = True",
    ),
    "another network's weights": (
        lambda path: rewritten(path, about(shape=SHAPE | {"blocks": 2})),
        "those of another network",
    ),
    "words for a shape": (lambda path: rewritten(path, about(shape={"a": 1})), "is damaged"),
    "a mix that falls": (
        lambda path: rewritten(path, about(scales=[[0.0, 0.9, 0.5]])),
        "the mix does not grow",
    ),
    "no number": (
        lambda path: rewritten(path, change=lambda t: t["network.out.bias"].fill_(float("nan"))),
        "network.out.bias is not finite",
    ),
    "a painting that is none": (
        lambda path: rewritten(path, change=lambda t: t.update({"painting.0": torch.zeros(3)})),
        "a painting is no picture",
    ),
    "about nothing": (lambda path: rewritten(path, lambda words: words.pop("about")), "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_model_gets_a_line(path, name):
    spoil, words = HOSTILE[name]
    spoil(path)
    with pytest.raises(InputError, match=words) as error:
        load_model(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))
