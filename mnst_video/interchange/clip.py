"""A clip's keys into a file of another program."""

from dataclasses import replace
from pathlib import Path

from mnst_video.interchange.formats import written
from mnst_video.interchange.preset import LaneName, lane_of
from mnst_video.interchange.score import Writing
from mnst_video.media.files import check_target, write_bytes
from mnst_video.options import Options
from mnst_video.plan.analysis import found_cuts
from mnst_video.plan.course import course_on
from mnst_video.plan.source import clip_of
from mnst_video.timeline.clock import moment


def export(
    source: Path,
    output: Path,
    options: Options,
    lane: LaneName,
    form: str | None,
    writing: Writing,
    overwrite: bool,
) -> tuple[str, ...]:
    """Write a lane of a clip; returns notes for a person.

    form: a name of `FORMATS`; None: by the output's ending. Cuts are looked for where the format is
    one that has them. Raises UsageError, InputError or MachineError.
    """
    check_target(output, (source, *options.styles), overwrite)
    has_cuts = output.suffix.lower() == ".otio" or form == "otio"
    clip = clip_of(source, options.input, depth="frames" if has_cuts else "packets")
    course = course_on(clip, options)
    begins = clip.times.begins
    cuts = []
    if isinstance(options.cuts, tuple):
        cuts = [moment("cuts", time, course.clock) for time in options.cuts]
    elif has_cuts and options.cuts == "auto":
        cuts = [begins[frame] for frame in found_cuts(clip)]
    made = lane_of(course, lane, cuts)
    data = written(made, output, form, replace(writing, size=(clip.width, clip.height)))
    write_bytes(output, data)
    return course.notes
