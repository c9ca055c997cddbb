"""One step of training after another: what a network is shown, its loss, its rate."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mnst_video.media.frames import Frame
from mnst_video.method.losses import Objective
from mnst_video.model.network import SQUARE, Network
from mnst_video.painting.aim import Aim
from mnst_video.painting.faces import Faces
from mnst_video.painting.flow import Motion, follow, sources
from mnst_video.painting.frame import objective
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.timeline.fader import Fader
from mnst_video.training.muon import Muon

# Adam's rate, for scales, shifts and the last layer, that of Muon for the convolutions before that,
# the steps up to these, and Adam's momenta.
RATE, MUON_RATE, WARM_UP, BETAS = 5e-3, 0.05, 50, (0.9, 0.99)
# Of the change along the flow from a frame to the next, pixels in 0..1, beside the relative losses.
TEMPORAL_WEIGHT = 20.0
# Of the grids of its own pixels and maps, which a network paints where it lacks texture: that of 2
# pixels in squares of so many pixels, the coarser ones in squares of so many of their periods.
GRID_WEIGHT, GRID_SQUARE, GRID_PERIODS = 500.0, 8, 8
# How much the coarser ones count beside it: more takes texture away.
COARSER = 0.2
# How much more content weighs than in a render: a network loses more of it than an optimiser that
# starts from the content.
CONTENT = 1.5
# How often γ is at one of its ends, where a painting stands alone.
ENDS = 0.4
# The weights that are played are a mean over about so many of the last steps.
MEAN_OVER = 200
# The samples that a state is judged by, of all that there are.
JUDGED = 10


@dataclass(frozen=True)
class Sample:
    """A frame to learn from, with the one before it in its shot, if any.

    content, before: uint8 `(H, W, 3)`, RGB, of the size of the styles, or a part of that.
    """

    styles: Styles
    calibrations: Calibrations
    content: Frame
    before: Frame | None = None
    faces: Faces = ()

    @cached_property
    def objective(self) -> Objective:
        """What it is painted for, but for the target; the content is looked at once."""
        aim = Aim.at(self.styles, self.calibrations, Fader(0, 1.0))
        whole = objective(self.styles, self.styles.image(self.content), aim, self.faces)
        # Of its own pixels: it may be a part of a frame.
        return replace(whole, gram_divisor=float(self.content[..., 0].size))

    def objective_at(self, aim: Aim) -> Objective:
        return replace(
            self.objective,
            target=aim.target,
            layer_weights=aim.layer_weights,
            content_weight=CONTENT * aim.content_weight,
            style_weight=aim.style_weight,
        )

    @cached_property
    def motion(self) -> Motion:
        assert self.before is not None
        return follow(self.content, self.before)


@dataclass(frozen=True)
class Figures:
    """Of a step. style, content: relative, as in `Result`. temporal: pixels in 0..1, squared."""

    loss: float
    style: float
    content: float
    temporal: float


@dataclass
class Learner:
    """A network in training. mean: its weights as they are played. steps: taken so far."""

    network: Network
    steps: int = 0
    mean: dict[str, Tensor] = field(default_factory=dict)
    moments: Mapping[str, tuple[Tensor, ...]] | None = None

    def __post_init__(self) -> None:
        self.network.train()
        names = dict(self.network.named_parameters())
        if not self.mean:
            self.mean = {name: value.detach().clone() for name, value in names.items()}
        matrices = {n: v for n, v in names.items() if v.ndim == 4 and not n.startswith("out.")}
        others = {name: value for name, value in names.items() if name not in matrices}
        known = self.moments or {}
        momenta = [known[name][0] for name in matrices] if known else None
        self.muon, self._matrices = Muon(list(matrices.values()), momenta), tuple(matrices)
        self.adam = torch.optim.Adam(others.values(), betas=BETAS)
        for name, value in others.items() if known else ():
            step, (first, second) = torch.tensor(float(self.steps)), known[name]
            self.adam.state[value] = {"step": step, "exp_avg": first, "exp_avg_sq": second}

    def state(self) -> dict[str, tuple[Tensor, ...]]:
        """Muon's momenta, and Adam's two moments, by the names of the weights."""
        found: dict[str, tuple[Tensor, ...]] = {
            name: (momentum,)
            for name, momentum in zip(self._matrices, self.muon.momenta, strict=True)
        }
        for name, value in self.network.named_parameters():
            if adam := self.adam.state[value] if name not in found else None:
                found[name] = adam["exp_avg"], adam["exp_avg_sq"]
        return found if self.steps else {}

    def step(self, samples: Sequence[Sample], share: float) -> Figures:
        """Learn from one of the samples. share: of the rate, 0..1.

        The choice depends on the number of the step alone, so training goes on as it would have.
        """
        rng = np.random.default_rng((7, self.steps))
        sample = samples[self._turn(len(samples))]
        styles = sample.styles
        pair = int(rng.integers(styles.pairs))
        gamma = float(rng.integers(2)) if rng.random() < ENDS else float(rng.random())
        aim = Aim.at(styles, sample.calibrations, Fader(pair, gamma))
        mix = styles.shares(pair, aim.w)
        with styles.network.precision():
            image = self.network(styles.image(sample.content), mix)
            before = None
            shift = (int(rng.integers(SQUARE)), int(rng.integers(SQUARE)))
            if sample.before is not None:
                before = self.network(styles.image(shifted(sample.before, shift)), mix)
        losses = sample.objective_at(aim)(image)
        change = image.new_zeros(())
        if before is not None:
            change = _change(image, before, sample.motion, shift)
        loss = losses.total + TEMPORAL_WEIGHT * change + GRID_WEIGHT * _grid(image)
        share *= min(1.0, (self.steps + 1) / WARM_UP)
        for group in self.adam.param_groups:
            group["lr"] = RATE * share
        self.network.zero_grad()
        loss.backward()
        self.adam.step()
        self.muon.step(MUON_RATE * share)
        self.steps += 1
        kept = min(1.0 - 1.0 / MEAN_OVER, self.steps / (self.steps + 10))
        for name, value in self.network.named_parameters():
            self.mean[name].lerp_(value.detach(), 1.0 - kept)
        terms = torch.stack([loss, losses.style, losses.content, change])
        total, style, content, temporal = terms.detach().tolist()
        return Figures(total, style / aim.bare, content / aim.energy, temporal)

    def played(self) -> Network:
        """The network with its mean weights."""
        network = Network(self.network.shape).to(next(self.network.parameters()).device)
        network.load_state_dict(self.mean)
        network.eval()
        return network

    def judge(self, samples: Sequence[Sample]) -> Figures:
        """The mean figures of what is played, of some samples at some gammas."""
        network, found = self.played(), []
        chosen = sorted({len(samples) * k // JUDGED for k in range(JUDGED)})
        for turn, sample in enumerate(samples[k] for k in chosen):
            styles = sample.styles
            fader = Fader(turn % styles.pairs, (turn % 5) / 4)
            aim = Aim.at(styles, sample.calibrations, fader)
            with torch.no_grad():
                with styles.network.precision():
                    image = network(styles.image(sample.content), styles.shares(fader.pair, aim.w))
                losses = sample.objective_at(aim)(image)
            figures = losses.total, losses.style / aim.bare, losses.content / aim.energy
            found.append([float(figure) for figure in figures])
        loss, style, content = np.mean(found, axis=0)
        return Figures(float(loss), float(style), float(content), 0.0)

    def _turn(self, count: int) -> int:
        """Whose turn it is: each once in a round, in an order of its own."""
        number, place = divmod(self.steps, count)
        return int(np.random.default_rng((11, number)).permutation(count)[place])


def shifted(frame: Frame, by: tuple[int, int]) -> Frame:
    """A frame moved to the left and up by some pixels, with its edge repeated."""
    x, y = by
    return np.pad(frame[y:, x:], ((0, y), (0, x), (0, 0)), mode="edge")


def _change(image: Tensor, before: Tensor, motion: Motion, shift: tuple[int, int]) -> Tensor:
    """The mean squared change along the flow, where that can be trusted, of pixels in 0..1.

    shift: by how much the frame before was `shifted`. Where the network makes its texture of the
    places of its own maps, a grid, that is a change: it learns not to.
    """
    backward, trust = motion
    height, width = image.shape[2:]
    x, y = (place - by for place, by in zip(sources(backward), shift, strict=True))
    trust = trust * ((x >= 0.0) & (y >= 0.0))
    places = np.stack([2.0 * (x + 0.5) / width - 1.0, 2.0 * (y + 0.5) / height - 1.0], axis=-1)
    grid = torch.from_numpy(places).to(image)[None]
    warped = F.grid_sample(before, grid, padding_mode="border", align_corners=False)
    return (torch.from_numpy(trust).to(image) * ((image - warped) / 255.0).square()).mean()


def _grid(image: Tensor) -> Tensor:
    """The mean squared amplitude of grids of 2 pixels, of pixels in 0..1, and `COARSER` times that
    of 4 and of 8.

    Maps at half, a quarter and an eighth of the size are made into pixels in squares of these.
    """
    height, width = (2 * (side // 2) for side in image.shape[2:])
    x = image[..., :height, :width] / 255.0
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    patterns = torch.cat([a - b + c - d, a + b - c - d, a - b - c + d], dim=1) / 4.0
    local = F.avg_pool2d(patterns, GRID_SQUARE // 2, ceil_mode=True)
    total = local.square().sum(1).mean()
    for period in (4, 8):
        for across in (x, x.transpose(2, 3)):
            total = total + COARSER * _lines(across, period)
    return total / image.shape[1]


def _lines(x: Tensor, period: int) -> Tensor:
    """The mean squared amplitude of upright lines of a period, where they keep their places.

    Over squares of `GRID_PERIODS` of them: strokes of that width do not.
    """
    half, length = period // 2, GRID_PERIODS * period
    if min(x.shape[2:]) < 2 * period:
        return x.new_zeros(())
    # What rises evenly is no line.
    lines = x[..., half:-half] - (x[..., : -2 * half] + x[..., 2 * half :]) / 2.0
    turn = 2.0 * math.pi / period * torch.arange(lines.shape[3], device=x.device)
    square = [min(length, side // period * period or side) for side in lines.shape[2:]]
    parts = (F.avg_pool2d(lines * wave(turn), square) for wave in (torch.cos, torch.sin))
    return sum((part.square() for part in parts), x.new_zeros(())).sum(1).mean()
