"""The weights that a training begins with."""

from dataclasses import replace

import pytest
import torch

from mnst_video.errors import MachineError
from mnst_video.model import base
from mnst_video.model.base import begin, load_base, save_base
from mnst_video.model.network import Network, Shape
from mnst_video.model.play import paint_with

TINY = Shape(3, eighth=8, quarter=8, half=4, blocks=1)


def network_of(shape, seed):
    torch.manual_seed(seed)
    network = Network(shape)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.randn_like(value) * 0.1)
    return network.eval()


def test_what_comes_with_the_program_is_of_the_usual_size(texture):
    """Else a training would begin with chance, without a word."""
    network = Network(Shape(2)).eval()
    assert begin(network, load_base())
    frame = texture(64, 48, 3, blur=3.0)
    one, two = (paint_with(network, frame, torch.tensor([w, 1.0 - w])) for w in (1.0, 0.0))
    assert (one == two).all()  # no painting has been learned
    assert abs(one - frame).mean() > 10.0


def test_each_painting_begins_with_the_mean_of_those_that_were_known(texture):
    known, fresh = network_of(TINY, 0), network_of(replace(TINY, paintings=2), 1)
    assert begin(fresh, known)
    frame = texture(32, 24, 3)
    wanted = paint_with(known, frame, torch.full((3,), 1.0 / 3.0))
    found = paint_with(fresh, frame, torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(wanted), atol=0.01, rtol=0)


def test_a_network_of_another_size_is_left_as_it_is():
    fresh = network_of(replace(TINY, half=5), 1)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert not begin(fresh, network_of(TINY, 0))
    assert all(torch.equal(value, before[name]) for name, value in fresh.state_dict().items())


def test_it_is_kept_in_half_precision(tmp_path, monkeypatch):
    network = network_of(TINY, 0)
    monkeypatch.setattr(base, "BASE", tmp_path / "base.safetensors")
    save_base(network, "chance", tmp_path / "base.safetensors")
    loaded = load_base.__wrapped__()
    assert loaded.shape == TINY
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[name].half().float())


@pytest.mark.parametrize("damage", [lambda data: data[:500], lambda _: b"", None])
def test_an_installation_that_is_not_whole(tmp_path, monkeypatch, damage):
    path = tmp_path / "base.safetensors"
    if damage is not None:
        path.write_bytes(damage(base.BASE.read_bytes()))
    monkeypatch.setattr(base, "BASE", path)
    with pytest.raises(MachineError, match="install the program anew"):
        load_base.__wrapped__()
