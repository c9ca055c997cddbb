"""Painting what is missing of some shots, frame after frame onto the disk."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnst_video.errors import DivergedError
from mnst_video.job.events import StepDone
from mnst_video.job.folder import frame_path
from mnst_video.media.clip import Clip
from mnst_video.media.files import file_digest
from mnst_video.media.frames import Frame, Picture
from mnst_video.media.images import load_frame, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.method.device import leaves_cores_idle
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import Previous, Result
from mnst_video.painting.machine import memory_errors
from mnst_video.painting.prefetch import ahead
from mnst_video.painting.shot import stylize_shot
from mnst_video.plan.analysis import Analysis
from mnst_video.plan.setup import Setup, prepare
from mnst_video.plan.shots import Shot
from mnst_video.timeline.fader import Fader

# Of a frame's `Result`, what its line in the log holds.
FIGURES = ("steps", "content", "style", "temporal")


def figures_of(result: Result) -> dict[str, float | None]:
    """A result's figures as JSON can have them."""
    values = ((name, getattr(result, name)) for name in FIGURES)
    return {name: None if math.isnan(value) else value for name, value in values}


def result_of(pixels: Picture, entry: Mapping[str, Any]) -> Result:
    """A result from its pixels and from its line in the log."""
    figures: dict[str, Any] = {
        name: math.nan if entry[name] is None else entry[name] for name in FIGURES
    }
    return Result(pixels, **figures)


@dataclass(frozen=True)
class Painted:
    """A frame that is on disk, with its digest; `shot` is the shot's index."""

    frame: int
    shot: int
    result: Result
    seconds: float
    sha256: str | None


@dataclass(frozen=True)
class Part:
    """Shots to paint, and what a process needs for it.

    log: the lines of the frames that are there already, of each shot the first ones.
    """

    clip: Clip
    options: Options
    analysis: Analysis
    folder: Path
    log: Mapping[int, Mapping[str, Any]]
    shots: Sequence[Shot]


def paint_part(part: Part, tell: Callable[[StepDone | Painted], None]) -> None:
    """The work of a process."""
    with memory_errors(part.options.machine):
        paint_shots(prepare(part.clip, part.options), part, tell)


def paint_shots(setup: Setup, part: Part, tell: Callable[[StepDone | Painted], None]) -> None:
    """Paint what is missing of a part's shots, frame after frame onto the disk."""
    missing = {
        shot: [frame for frame in shot.frames if frame not in part.log] for shot in part.shots
    }
    # To go on inside a shot, the frame before is needed too.
    wanted = {f for shot in part.shots for f in shot.frames if f >= missing[shot][0] - 1}
    content = read_frames(setup.clip, *setup.size, end=part.shots[-1].end, only=wanted)
    with contextlib.closing(content):
        for shot, frames in missing.items():
            _paint_shot(setup, part, shot, frames, content, tell)


def _paint_shot(
    setup: Setup,
    part: Part,
    shot: Shot,
    frames: Sequence[int],
    content: Iterator[Frame],
    tell: Callable[[StepDone | Painted], None],
) -> None:
    """`frames` are the shot's last ones; `content` stands at the one before them, if any."""
    styles = setup.styles.in_colors(part.analysis.palette(shot))
    calibrations = part.analysis.calibration(shot)
    frame, previous = frames[0], None
    if (last := frame - 1) in shot.frames:
        pixels = np.asarray(load_frame(frame_path(part.folder, last)), np.float32)
        done = result_of(pixels, part.log[last])
        aim = Aim.at(styles, calibrations, setup.course.fader(last))
        previous = Previous(next(content), done, aim)

    def faders() -> Iterator[Fader]:
        """Asked for one by one, as each frame is begun."""
        nonlocal frame
        for frame in frames:
            yield setup.course.fader(frame)

    def step_done(step: int, *_: object) -> None:
        tell(StepDone(frame, step + 1))

    results = stylize_shot(
        styles,
        calibrations,
        (next(content) for _ in frames),
        faders(),
        previous,
        step_done,
        [part.analysis.faces.get(frame, ()) for frame in frames],
    )
    if leaves_cores_idle(setup.network.device):
        results = ahead(results)  # a frame is written while the next one is painted
    with contextlib.closing(results):
        for number in frames:
            begun = time.monotonic()
            try:
                result = next(results)
            except DivergedError as error:
                raise DivergedError(f"frame {number}: {error}") from None
            path = frame_path(part.folder, number)
            save_image(result.frame, path)
            seconds = time.monotonic() - begun
            tell(Painted(number, shot.index, result, seconds, file_digest(path)))
