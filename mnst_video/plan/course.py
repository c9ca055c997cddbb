"""The course of γ on a clip, as the options ask for it."""

from dataclasses import replace

from mnst_video.media.clip import Clip
from mnst_video.options import Options
from mnst_video.plan.source import needed_sound
from mnst_video.timeline.gamma import Course, course_of


def course_on(clip: Clip, options: Options) -> Course:
    """Raises UsageError, InputError or MachineError; see `course_of` and `needed_sound`."""
    times, timeline = clip.times, options.timeline
    sound = needed_sound(timeline, options.audio, clip)
    course = course_of(timeline, times.begins, times.fps, sound, times.duration)
    return replace(course, replaced=options.masks.mode == "replace")
