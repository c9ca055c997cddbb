"""The network that a training begins with, which comes with the program."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch

from mnst_video.errors import MachineError
from mnst_video.media.files import write_bytes
from mnst_video.model.network import Network, Shape

BASE = Path(__file__).with_name("base.safetensors")


def save_base(network: Network, about: str, path: Path = BASE) -> None:
    """Write a network to begin with, in half precision. about: what it was made of."""
    from safetensors.torch import save

    halves = {n: v.cpu().half().contiguous() for n, v in network.state_dict().items()}
    words = {"shape": json.dumps(asdict(network.shape)), "about": about}
    write_bytes(path, save(halves, words))


@cache
def load_base() -> Network:
    """Raises MachineError where the installation is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(BASE, framework="pt") as file:
            network = Network(Shape(**json.loads(file.metadata()["shape"])))
            names = file.keys()
            network.load_state_dict({name: file.get_tensor(name).float() for name in names})
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise MachineError(f"{BASE}: cannot be read ({error}); install the program anew") from None
    return network.requires_grad_(False)


def begin(network: Network, other: Network) -> bool:
    """Take over the weights of another network, whatever paintings that knows.

    Each painting begins with the mean of the other's scales and shifts: what has to be learned for
    a new one is little beside what paintings share (Dumoulin et al. 2017, section 3.3). False, and
    nothing is changed, where the other is of another size.
    """
    if {**asdict(other.shape), "paintings": network.shape.paintings} != asdict(network.shape):
        return False
    theirs = other.state_dict()
    with torch.no_grad():
        for name, own in network.named_parameters():
            per_painting = name.endswith((".scales", ".shifts"))
            own.copy_(theirs[name].mean(0, keepdim=True) if per_painting else theirs[name])
    return True
