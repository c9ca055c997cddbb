"""What a render will take, from a few steps of it."""

import math
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from mnst_video.media.images import encode_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.output.checks import check_output, share_of_frames
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.machine import memory_errors
from mnst_video.painting.shot import stylize_shot
from mnst_video.plan.analysis import analyse
from mnst_video.plan.plan import Plan
from mnst_video.plan.setup import prepare
from mnst_video.plan.shots import shots_within
from mnst_video.plan.source import clip_of

# Steps of the trial that an estimate is made from.
TRIAL_STEPS = 4
# The name of a clip whose name nobody has said.
USUAL = Path("clip.mp4")


@dataclass(frozen=True)
class Estimate:
    """What a render will take: seconds of each shot, and bytes on disk while it works, the clip
    included."""

    shots: tuple[float, ...]
    disk_bytes: int

    @property
    def seconds(self) -> float:
        return sum(self.shots)


def plan(
    source: Path | str, options: Options, output: Path | str | None = None
) -> tuple[Plan, Estimate]:
    """What a render would do, and take, without rendering. Raises what `prepare` raises.

    output: the clip that would be written; what is there already does not matter.
    """
    clip = clip_of(source, options.input)
    output = Path(output) if output is not None else None
    if output is not None:
        check_output(output, (), True, options.encoder, clip)
    with memory_errors(options.machine):
        setup = prepare(clip, options)
        analysis, frames = analyse(setup), setup.frames
        shots = shots_within(analysis.shots, frames.start, frames.stop)
        whole = Plan(setup, analysis, shots, tuple(frames), output)
        return whole, estimate(whole)


def estimate(plan: Plan) -> Estimate:
    """Time and disk of a render, from a few steps on its first two frames."""
    setup, shots = plan.setup, plan.shots
    start = setup.frames.start
    content = list(read_frames(setup.clip, *setup.size, start, min(start + 2, setup.frames.stop)))
    for later in content[1:]:
        later[0, 0] ^= 128  # a repeat would take no step
    faders = [setup.course.fader(start)] * len(content)
    calibrations = plan.analysis.calibration(shots[0])
    styles = setup.styles.in_colors(plan.analysis.palette(shots[0]))
    numbers = range(start, start + len(content))
    masks = list(setup.masks_of(shots, numbers) or ()) or None
    # A network without polish takes no steps.
    trial = min(TRIAL_STEPS, styles.paint.steps) if styles.player else TRIAL_STEPS
    # The first run warms up and is not timed.
    warm_up = styles.with_steps(min(1, trial))
    next(stylize_shot(warm_up, calibrations, content, faders, masks=masks))
    styles = styles.with_steps(trial)
    ends: list[float] = []

    def step_done(*_: object) -> None:
        ends.append(time.monotonic())

    costs, sizes = [], []  # of a first and of a later frame: seconds beside the steps, and a step's
    begun = time.monotonic()
    trials = stylize_shot(styles, calibrations, content, faders, callback=step_done, masks=masks)
    for result in trials:
        sizes.append(len(encode_image(result.frame, ".png")))
        step = median(b - a for a, b in pairwise(ends)) if len(ends) > 1 else 0.0
        costs.append((max(time.monotonic() - begun - trial * step, 0.0), step))
        begun = time.monotonic()
        ends.clear()
    taken: list[float] = []
    for shot in shots:
        seconds = 0.0
        calibrations = plan.analysis.calibration(shot)
        before: Aim | None = None
        for frame in range(shot.start, shot.end):
            aim = Aim.at(setup.styles, calibrations, setup.course.fader(frame))
            beside, step = costs[0] if before is None else costs[-1]
            seconds += beside + step * aim.steps(before)
            before = aim if setup.styles.paint.warm_start else None
        taken.append(seconds)
    frame_bytes = sum(sizes) / len(sizes)
    larger = math.prod(setup.output_size) / math.prod(setup.size)
    shown = sum(setup.clip.times.shown(frame) for frame in setup.frames)
    share = share_of_frames(plan.output or USUAL, setup.options.encoder) * larger
    return Estimate(tuple(taken), round(frame_bytes * (len(setup.frames) + shown * share)))
