"""What is played: a clip with its timeline, or a camera."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import UsageError
from mnst_video.live.feed import CAMERA_FPS, CameraFeed, ClipFeed
from mnst_video.media.frames import working_size
from mnst_video.options import Options
from mnst_video.plan.setup import passage_frames
from mnst_video.plan.source import clip_of, needed_sound
from mnst_video.timeline.gamma import Course, course_of
from mnst_video.timeline.keys import Timeline


def is_camera(source: str) -> bool:
    """Whether it is no file."""
    return source.startswith("camera:")


def open_source(
    source: str, options: Options, *, once: bool, whole: bool
) -> tuple[ClipFeed | CameraFeed, Course]:
    """What is played, and the course of γ on it; see `CameraFeed` for `whole`.

    Raises UsageError or InputError.
    """
    return _camera(source, options, whole) if is_camera(source) else _clip(source, options, once)


def _clip(source: str, options: Options, once: bool) -> tuple[ClipFeed, Course]:
    clip = clip_of(Path(source), options.input)
    timeline = options.timeline
    sound = needed_sound(timeline, options.audio, clip)
    times = clip.times
    course = course_of(timeline, times.begins, times.fps, sound, times.duration)
    frames = passage_frames(clip, options, course.clock)
    size = working_size(clip.width, clip.height, options.side("cpu"))
    return ClipFeed(clip, size, frames, not once), course


def _camera(source: str, options: Options, whole: bool) -> tuple[CameraFeed, Course]:
    """A camera, and γ where it rests: the first key's, or the middle."""
    number = source.removeprefix("camera:")
    if not number.isdecimal():
        raise UsageError(f"{source}: write camera:0 for the first, camera:1 for the next")
    if options.react:
        raise UsageError(f"react = {options.react[0]}: a camera has no sound and no beats; --mic")
    for name in ("start", "end", "audio"):
        if getattr(options, name) is not None:
            raise UsageError(f"{name}: is for clips, not for a camera")
    timeline = options.timeline
    if timeline.gamma is None and timeline.position is None:
        if timeline.styles == 2:
            timeline = replace(timeline, gamma=Timeline.constant(0.5))
        else:
            timeline = replace(timeline, position=Timeline.constant((1 + timeline.styles) / 2))
    course = course_of(timeline, (Fraction(0),), CAMERA_FPS, None)
    side = options.side("cpu")
    return CameraFeed(int(number), side, whole), course
