"""Temporal quality of several renderers side by side: the tables of docs/benchmarks.md.

    python benchmarks/stability.py WORK --clip walk.mp4 --clip street.mp4@12.5

WORK is a folder for what is made: every variant is stored as it ends, and the same command goes on
after an interruption. A picture for each table shows its variants in order, see `neighbours`. A
clip's window begins at the seconds after its @, or at its first frame. The shipped sample is always
the first clip. Files there are told apart by clip and variant alone: take a new folder for other
styles, starts or versions.

The variants, all with the same styles, content weight and layers, the defaults':

* independent: every frame from its content, 100 steps, no temporal term.
* unwarped: warm started from the previous result as it lies, 100 and then 8 steps.
* ruder: the recipe of Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos" (GCPR
  2016), see `ruder`.
* draft, defaults, fine: this program's quality levels.

The tests, at 256 pixels: `window`, 16 frames at gamma 0.5; `fade`, 16 frames of the sample while
gamma goes from 0 to 1; `long`, 100 frames of one shot, back and forth where the clip is shorter;
`crossfade`, gamma over two seconds and a jump, on the sample. A pass is one forward and one
backward run of VGG-19 at full size; smaller ones count by their area, one without a gradient half.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from clips import LONG, WINDOW, looped, window

from mnst_video.judge.evaluate import Evaluation
from mnst_video.judge.judge import FrameScores, Judge
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.device import to_image, to_picture
from mnst_video.method.losses import Objective, temporal_loss
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.flow import optical_flow, reliability, warp
from mnst_video.painting.frame import first_frame
from mnst_video.painting.frame import objective as objective_of
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles
from mnst_video.plan.analysis import Analysis, analyse, with_faces
from mnst_video.plan.setup import Setup, prepare
from mnst_video.presets import read_preset

SAMPLE = Path(__file__).parents[1] / "samples" / "clip.mp4"
# The sample's window holds its cut.
SAMPLE_WINDOW, SAMPLE_FADE = 40 / 24, 16 / 24
FIXED, FADE = "0.5", "start=0, end=1"
CROSSFADE = "0=0, 12f=0, 60f=1 ease-in-out, 79f=1, 80f=0"


@dataclass(frozen=True)
class Run:
    """A variant's frames `(n, H, W, 3)`, what each cost, and how many of them converged."""

    frames: np.ndarray
    passes: list[float]
    seconds: list[float]
    steps: list[int]
    converged: list[bool]


Paint = Callable[[Setup, Analysis], Iterator[tuple[Frame, int, bool]]]


class Meter:
    """Counts the passes through the network."""

    def __init__(self, width: int, height: int) -> None:
        self.area, self.passes = width * height, 0.0

    def __enter__(self) -> "Meter":
        forward = VGG19.forward

        def counted(network: VGG19, image: torch.Tensor, layers: Any, tile: Any = None) -> Any:
            seen = image if tile is None else tile.surroundings(image)
            share = seen.shape[2] * seen.shape[3] / self.area
            self.passes += share if torch.is_grad_enabled() else 0.5 * share
            return forward(network, image, layers, tile)

        self.patch = patch.object(VGG19, "forward", counted)
        self.patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.patch.stop()


def package(setup: Setup, analysis: Analysis) -> Iterator[tuple[Frame, int, bool]]:
    """The program itself, with the options of the setup."""
    for shot in analysis.shots:
        content = read_frames(setup.clip, *setup.size, shot.start, shot.end)
        faders = [setup.course.fader(t) for t in range(shot.start, shot.end)]
        calibrations = analysis.calibration(shot)
        faces = [analysis.faces.get(t, ()) for t in range(shot.start, shot.end)]
        for result in stylize_shot(setup.styles, calibrations, content, faders, faces=faces):
            yield result.frame, result.steps, True


def unwarped(setup: Setup, analysis: Analysis) -> Iterator[tuple[Frame, int, bool]]:
    """A warm start without flow: 100 steps on a shot's first frame, 8 on later ones."""
    first = setup.styles
    paint = replace(first.paint, first_steps=8, first_rate=1.0, rate_decay=1.0)
    later = Styles(setup.network, paint, setup.pictures, *setup.size)
    for shot in analysis.shots:
        start = None
        calibrations = analysis.calibration(shot)
        for t, content in enumerate(
            read_frames(setup.clip, *setup.size, shot.start, shot.end), shot.start
        ):
            styles = first if start is None else later
            aim = Aim.at(styles, calibrations, setup.course.fader(t))
            result = first_frame(styles, content, aim, start=start)
            start = result.frame.astype(np.float32)
            yield result.frame, result.steps, True


@dataclass(frozen=True)
class _Held:
    """An objective with a temporal term."""

    objective: Objective
    weight: float
    warped: torch.Tensor
    reliability: torch.Tensor

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        temporal = temporal_loss(image, self.warped, self.reliability)
        return self.objective(image).total + self.weight * temporal


def ruder(setup: Setup, analysis: Analysis) -> Iterator[tuple[Frame, int, bool]]:
    """Ruder et al. 2016, sections 4.1 to 4.3, with this program's content and style terms.

    A shot's first frame starts from noise, each later one from the previous result along the flow,
    all of it. The temporal loss is masked by their reliability, and weighs 200 times the content
    loss (squared features to squared pixel values of 0..255). L-BFGS runs until the loss changes by
    less than 1e-4 of itself over 50 iterations, at most 2000 on the first and 1000 on later frames.
    The flow is this program's (DIS); theirs was DeepFlow.
    """
    generator = torch.Generator().manual_seed(0)
    for shot in analysis.shots:
        before: tuple[Frame, Frame] | None = None
        calibrations = analysis.calibration(shot)
        for t, content in enumerate(
            read_frames(setup.clip, *setup.size, shot.start, shot.end), shot.start
        ):
            image = to_image(content, setup.network.device)
            aim = Aim.at(setup.styles, calibrations, setup.course.fader(t))
            terms = objective_of(setup.styles, image, aim)
            if before is None:
                noise = torch.randn(image.shape, generator=generator).to(image.device)
                start, most = (128.0 + 30.0 * noise).clamp(0.0, 255.0), 2000
                objective = _Held(terms, 0.0, start, torch.zeros_like(image[:, :1]))
            else:
                backward = optical_flow(content, before[0])
                trust = reliability(backward, optical_flow(before[0], content))
                warped = warp(before[1].astype(np.float32), backward).clip(0.0, 255.0)
                start, most = to_image(warped, image.device), 1000
                held = to_image(trust[..., None], image.device)
                objective = _Held(terms, 200.0 * terms.content_weight, start, held)
            result, iterations, converged = lbfgs(start, objective, most)
            frame = np.asarray(to_picture(result.clamp(0.0, 255.0)).round(), np.uint8)
            before = (content, frame)
            yield frame, iterations, converged


def lbfgs(
    start: torch.Tensor, objective: Callable[[torch.Tensor], torch.Tensor], most: int
) -> tuple[torch.Tensor, int, bool]:
    """L-BFGS without a line search, until the loss rests: image, iterations, whether it does."""
    image = start.clone().requires_grad_()
    # The loss in units where the first step, of length 1 / |g|_1, is not lost in rounding.
    scale = float(image.numel())
    optimizer = torch.optim.LBFGS(
        [image], lr=1.0, max_iter=1, history_size=50, tolerance_grad=0.0, tolerance_change=0.0
    )
    step: Callable[[Callable[[], float]], object] = optimizer.step
    values: list[float] = []

    def closure() -> float:
        loss = scale * objective(image)
        (image.grad,) = torch.autograd.grad(loss, image)
        values.append(float(loss.detach()))
        return values[-1]

    while len(values) < most:
        step(closure)
        if not math.isfinite(values[-1]):
            raise ArithmeticError("L-BFGS diverged")
        if len(values) > 50 and abs(values[-51] - values[-1]) < 1e-4 * values[-51]:
            return image.detach(), len(values), True
    return image.detach(), len(values), False


COLUMNS = (
    *("E / input's", "√E", "√E, 12 frames", "ρ median", "ρ last", "ρ highest"),
    *("naked, uncovered", "grain", "luminance", "lag", "jump", "content"),
    *("steps", "converged", "passes", "seconds"),
)


def row(run: Run, scores: Evaluation) -> list[str]:
    """A variant's scores for a table; grain over the input's own, costs of the median frame."""
    mean = scores.mean
    rho = [frame.rho for frame in scores.frames]
    arrivals = ["never" if frames is None else str(frames) for _, frames in scores.jumps]
    values = (
        f"{mean('e') / mean('e_input'):.2f}",
        f"{math.sqrt(mean('e')):.4f}",
        f"{math.sqrt(mean('e_long')):.4f}",
        f"{np.median(rho):.3f}",
        f"{rho[-1]:.3f}",
        f"{max(rho):.3f}",
        f"{100 * scores.naked_uncovered:.1f} %",
        f"{scores.grain('fine') / scores.grain('fine_input'):.3f}",
        f"{100 * scores.drift[0]:+.1f} %",
        f"{scores.lag:.0f}",
        ", ".join(arrivals) or "nan",
        f"{mean('content'):.2f}",
        f"{np.median(run.steps):.0f}",
        f"{100 * np.mean(run.converged):.0f} %",
        f"{np.median(run.passes):.1f}",
        f"{np.median(run.seconds):.2f}",
    )
    return ["–" if "nan" in value else value for value in values]


def neighbours(run: Run) -> Frame:
    """Three frames in a row from the second half, and how the last two differ, four times over."""
    late = 3 * len(run.frames) // 4
    a, b, c = run.frames[late - 1 : late + 2]
    difference = np.clip(128.0 + 4.0 * (c.astype(np.float32) - b), 0, 255).astype(np.uint8)
    return np.hstack([a, b, c, difference])


def painted(path: Path, paint: Paint, setup: Setup, analysis: Analysis) -> Run:
    """What a variant makes of a clip, from `path` where it is there already."""
    if not path.exists():
        frames: list[Frame] = []
        steps: list[int] = []
        converged: list[bool] = []
        passes, seconds = [], []
        runs = paint(setup, analysis)
        while True:
            begun = time.perf_counter()
            with Meter(*setup.size) as meter:
                done = next(runs, None)
            if done is None:
                break
            seconds.append(time.perf_counter() - begun)
            passes.append(meter.passes)
            frame, taken, rests = done
            frames.append(frame)
            steps.append(taken)
            converged.append(rests)
        partial = path.with_name(f"partial-{path.name}")
        np.savez_compressed(
            partial,
            frames=np.stack(frames),
            passes=passes,
            seconds=seconds,
            steps=steps,
            converged=converged,
        )
        partial.replace(path)
    with np.load(path) as saved:
        names = ("passes", "seconds", "steps", "converged")
        return Run(saved["frames"], *(saved[name].tolist() for name in names))


def judged(path: Path, run: Run, setup: Setup, analysis: Analysis) -> Evaluation:
    """The scores of frames as they are, before any encoding; from `path` where they are there."""
    if not path.exists():
        judge = Judge(setup, analysis, None, setup.size)
        content = read_frames(setup.clip, *setup.size)
        scores = [judge(t, c, f) for t, (c, f) in enumerate(zip(content, run.frames, strict=True))]
        path.write_text(json.dumps([asdict(score) for score in scores]))
    read: list[dict[str, Any]] = json.loads(path.read_text())
    frames = []
    for saved in read:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()
        }
        frames.append(FrameScores(**values))
    return Evaluation(tuple(frames), float(setup.clip.times.fps), setup.size)


VARIANTS: dict[str, tuple[Paint, dict[str, Any]]] = {
    "independent": (package, {"warm_start": False, "first_steps": 100}),
    "unwarped": (unwarped, {"first_steps": 100}),
    "ruder": (ruder, {}),
    "draft": (package, {k: v for k, v in read_preset("draft").items() if k != "max_side"}),
    "defaults": (package, {}),
    "fine": (package, read_preset("fine")),
}
OURS = ("draft", "defaults", "fine")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--clip", action="append", default=[], help="PATH or PATH@SECONDS")
    parser.add_argument("--style1", type=Path)
    parser.add_argument("--style2", type=Path)
    parser.add_argument("--tests", default="window,fade,long,crossfade")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    shared = {"style1": arguments.style1, "style2": arguments.style2, "threads": arguments.threads}
    clips = [(SAMPLE, SAMPLE_WINDOW)]
    for text in arguments.clip:
        path, _, start = text.partition("@")
        clips.append((Path(path), float(start or 0)))
    if len({path.stem for path, _ in clips}) < len(clips):
        parser.error("two clips of one name, the sample's `clip` included: rename one")
    for test in arguments.tests.split(","):
        for path, start in clips[:1] if test in ("fade", "crossfade") else clips:
            stem = f"{path.stem}-{'long' if test == 'crossfade' else test}"
            if test in ("window", "fade"):
                begin = start if test == "window" else SAMPLE_FADE
                clip = window(path, begin, WINDOW, arguments.work / f"{stem}.mkv")
            else:
                clip = looped(path, LONG, arguments.work / f"{stem}.mkv")
            gamma = {"fade": FADE, "crossfade": CROSSFADE}.get(test, FIXED)
            print(f"\n{path.stem}, {test}\n\n| | {' | '.join(COLUMNS)} |")
            print("| --- " * (1 + len(COLUMNS)) + "|", flush=True)
            rows: list[Frame] = []
            for name, (paint, options) in VARIANTS.items():
                if name not in arguments.variants.split(","):
                    continue
                if test in ("long", "crossfade") and name not in OURS:
                    continue
                given = {k: v for k, v in shared.items() if v is not None} | options
                setup = prepare(probe(clip), Options(**{"gamma": gamma, **given}))
                analysis = with_faces(setup, analyse(setup))
                file = arguments.work / f"{path.stem}-{test}-{name}.npz"
                run = painted(file, paint, setup, analysis)
                scores = judged(file.with_suffix(".json"), run, setup, analysis)
                rows.append(neighbours(run))
                print(f"| {name} | {' | '.join(row(run, scores))} |", flush=True)
            if rows:
                save_image(np.vstack(rows), arguments.work / f"{path.stem}-{test}.png")


if __name__ == "__main__":
    main()
