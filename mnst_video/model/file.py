"""A model as a file: the network, what it was trained for, and the paintings it was trained on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mnst_video.errors import InputError
from mnst_video.media.files import check_file, file_digest, write_bytes
from mnst_video.media.frames import Frame, resize
from mnst_video.model.network import Network, Shape

# What the metadata of a file begin with, and the version of what follows.
FORMAT, VERSION = "mnst-video model", "1"
# The longer side that a painting is kept at: a style is never looked at much larger.
PAINTING_SIDE = 1024
# The largest of each field of a shape that is believed, and the largest file.
LARGEST = Shape(paintings=64, eighth=512, quarter=512, half=256, blocks=64)
MOST_BYTES = 2**30

Moments = Mapping[str, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Training:
    """How far a training has come. weights: the latest, of which the network's are a mean.

    moments: of each weight, the first, or the first and the second of its gradient.
    seconds: it took. side: the longer side of what it was trained on.
    """

    steps: int
    seconds: float
    side: int
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    moments: Moments = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """What a file holds.

    paintings: uint8 `(H, W, 3)`, RGB. names: of their files. options: that decide what a network
    learns, as a preset has them. scales: of each pair of paintings, w at evenly spaced gammas.
    """

    network: Network
    paintings: tuple[Frame, ...]
    names: tuple[str, ...]
    options: Mapping[str, Any]
    scales: tuple[tuple[float, ...], ...]
    training: Training
    digest: str = ""

    def shows(self, pictures: Sequence[Frame]) -> bool:
        """Whether its paintings are these, in this order, as `kept_size` makes them."""
        return len(pictures) == len(self.paintings) and all(
            map(np.array_equal, self.paintings, pictures)
        )


def kept_size(painting: Frame) -> Frame:
    """A painting as a file keeps it."""
    height, width = painting.shape[:2]
    scale = min(1.0, PAINTING_SIDE / max(height, width))
    return resize(painting, max(1, round(width * scale)), max(1, round(height * scale)))


def save_model(model: Model, path: Path) -> None:
    """Write a model, complete or not at all. Raises MachineError."""
    from safetensors.torch import save

    training = model.training
    tensors = {f"network.{name}": value for name, value in model.network.state_dict().items()}
    tensors |= {f"latest.{name}": value for name, value in training.weights.items()}
    for name, moments in training.moments.items():
        parts = zip(("first", "second"), moments, strict=False)
        tensors |= {f"{part}.{name}": value for part, value in parts}
    for number, painting in enumerate(model.paintings):
        tensors[f"painting.{number}"] = torch.from_numpy(np.array(painting))
    about = {
        "shape": asdict(model.network.shape),
        "names": model.names,
        "options": model.options,
        "scales": model.scales,
        "steps": training.steps,
        "seconds": training.seconds,
        "side": training.side,
    }
    words = {"format": FORMAT, "version": VERSION, "about": json.dumps(about, default=str)}
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(whole, words))


def load_model(path: Path) -> Model:
    """Read a model: data only, nothing of it is run. Raises InputError."""
    from safetensors import SafetensorError, safe_open

    check_file(path, "model")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: larger than any model of this program is")
    digest = file_digest(path)
    try:
        with safe_open(path, framework="pt") as file:
            words = file.metadata() or {}
            if words.get("format") != FORMAT:
                raise InputError(f"{path}: is not a model; mnst-video train makes one")
            if words.get("version") != VERSION:
                raise InputError(
                    f"{path}: of version {words.get('version')}, and this program reads version "
                    f"{VERSION}; train it anew"
                )
            about = json.loads(words["about"])
            shape = _shape(about["shape"])
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        return _model(shape, about, tensors, digest or "")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is damaged ({_first_line(error)})") from None


def _shape(saved: Mapping[str, int]) -> Shape:
    """Raises ValueError or TypeError where it is none that this program makes."""
    shape, most = Shape(**saved), asdict(LARGEST)
    for name, value in asdict(shape).items():
        if type(value) is not int or not (1 + (name == "paintings")) <= value <= most[name]:
            raise ValueError(f"{name} = {value}")
    return shape


def _model(
    shape: Shape, about: Mapping[str, Any], tensors: Mapping[str, Tensor], digest: str
) -> Model:
    network = Network(shape)
    wanted = network.state_dict()
    parts = {
        part: {
            name.removeprefix(f"{part}."): value
            for name, value in tensors.items()
            if name.startswith(f"{part}.")
        }
        for part in ("network", "latest", "first", "second")
    }
    for part, values in parts.items():
        if part != "network" and not values:
            continue
        whole = values.keys() == wanted.keys()
        if not (values.keys() <= wanted.keys() if part == "second" else whole):
            raise ValueError("its weights are those of another network")
        for name, value in values.items():
            if value.shape != wanted[name].shape or value.dtype != torch.float32:
                raise ValueError(f"{part}.{name} has another shape")
            if not value.isfinite().all():
                raise ValueError(f"{part}.{name} is not finite")
    network.load_state_dict(parts["network"])
    paintings = tuple(tensors[f"painting.{i}"].numpy() for i in range(shape.paintings))
    if any(p.dtype != np.uint8 or p.ndim != 3 or p.shape[2] != 3 or not p.size for p in paintings):
        raise ValueError("a painting is no picture")
    names = tuple(map(str, about["names"]))
    scales = tuple(tuple(map(float, scale)) for scale in about["scales"])
    if len(names) != shape.paintings or len(scales) != shape.paintings - 1:
        raise ValueError("its paintings are not as many as their names")
    for scale in scales:
        if len(scale) < 2 or not all(0.0 <= a <= b <= 1.0 for a, b in pairwise(scale)):
            raise ValueError("the mix does not grow with γ")
    training = Training(
        steps=int(about["steps"]),
        seconds=float(about["seconds"]),
        side=int(about["side"]),
        weights=parts["latest"],
        moments={
            name: (first, parts["second"][name]) if name in parts["second"] else (first,)
            for name, first in parts["first"].items()
        },
    )
    return Model(network, paintings, names, dict(about["options"]), scales, training, digest)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
