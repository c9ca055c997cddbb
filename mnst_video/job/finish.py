"""From finished frames to the clip: faded, with opacity and sound, encoded."""

import contextlib
from collections.abc import Generator
from pathlib import Path

import numpy as np

from mnst_video.errors import MachineError
from mnst_video.job.folder import frame_path
from mnst_video.job.resume import Job
from mnst_video.media.frames import Frame, faded, resize
from mnst_video.media.images import load_frame
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.keying import Levels
from mnst_video.media.output.checks import holds_opacity
from mnst_video.media.output.encode import open_encoder
from mnst_video.plan.masks import read_levels


def encode(job: Job, output: Path) -> None:
    """Encode all frames, with the sound, into the output. Raises MachineError, InputError."""
    setup, clip, asked = job.setup, job.setup.clip, job.setup.options.encoder
    transparent = (
        clip.decoding.alpha and setup.options.matte is None and holds_opacity(output, asked)
    )
    try:
        with (
            open_encoder(
                output,
                clip,
                setup.output_size,
                sound=setup.soundtrack,
                passage=clip.times.passage(setup.frames),
                asked=asked,
                opacity=transparent,
            ) as write,
            job.watched.unchanged(),
            contextlib.closing(_clear(job) if transparent else _painted(job)) as pictures,
        ):
            for frame, picture in zip(setup.frames, pictures, strict=True):
                for _ in range(clip.times.shown(frame)):
                    write(picture)
    except MachineError as error:
        raise MachineError(
            f"{error}; all frames are kept: once that is mended, the same command goes on"
        ) from None


def _clear(job: Job) -> Generator[Frame, None, None]:
    """The finished frames, as transparent as the footage."""
    setup, frames = job.setup, job.setup.frames
    painted = _painted(job)
    opacity = read_opacity(setup.clip, *setup.output_size, frames.start, frames.stop)
    with contextlib.closing(painted), contextlib.closing(opacity):
        for picture, alpha in zip(painted, opacity, strict=True):
            yield np.dstack([picture, alpha])


def _painted(job: Job) -> Generator[Frame, None, None]:
    """The finished frames at the output's size, faded from and to the footage."""
    setup, frames, size = job.setup, job.setup.frames, job.setup.output_size
    strengths = setup.course.strengths[frames.start : frames.stop]
    mask = setup.masks.paint if setup.masks is not None else None
    pictures = (resize(load_frame(frame_path(job.folder, frame)), *size) for frame in frames)
    if min(strengths) == 1.0 and mask is None:
        yield from pictures
        return
    with contextlib.ExitStack() as stack:
        footage = read_frames(setup.clip, *size, frames.start, frames.stop)
        stack.enter_context(contextlib.closing(footage))
        levels: Generator[Levels, None, None] | None = None
        if mask is not None:
            levels = read_levels(mask, setup.clip, size, frames)
            stack.enter_context(contextlib.closing(levels))
        for source, picture, strength in zip(footage, pictures, strengths, strict=True):
            yield faded(source, picture, strength, None if levels is None else next(levels))
