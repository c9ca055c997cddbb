"""A first moving impression of a render: few pictures, small, with few steps, in seconds."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from mnst_video.errors import InputError, UsageError
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.media.clip import Times
from mnst_video.media.files import check_source
from mnst_video.media.frames import Frame, Picture, faded, resize, working_size
from mnst_video.media.input.near import read_near
from mnst_video.media.input.pictures import is_sequence
from mnst_video.media.output.checks import check_encoder, check_output, most_frames
from mnst_video.media.output.encode import open_encoder
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.areas import MaskedAim, Masks, aim_of
from mnst_video.painting.flow import follow
from mnst_video.painting.frame import Previous, first_frame, next_frame
from mnst_video.painting.palette import Palette
from mnst_video.painting.settings import Paint
from mnst_video.painting.styles import Calibrations
from mnst_video.plan.analysis import CALIBRATION_FRAMES
from mnst_video.plan.masks import near_masks
from mnst_video.plan.setup import Setup, prepare
from mnst_video.plan.shots import spread
from mnst_video.plan.source import clip_of, default_output

# The working size: its longer side, and its most pixels, which are what a step's time goes with.
SIDE, PIXELS = 160, 160 * 90
# It is written larger: players show so small a picture small, or blurred.
SHOWN_SIDE = 480
# The share of a picture that the flow has to find in the one before, for it to begin there.
LEFT = 0.1
# Seconds that a frame of the preview lasts at most; a picture that lasts longer is repeated, as
# players make little of a clip with a frame a minute.
LONGEST = 4
# Steps of the first picture, and of later ones, which are given more where they change much.
FIRST_STEPS, STEPS = 16, 4
# What all pictures may take, in steps, of which two cores do some twenty a second.
BUDGET = 220
# What a picture takes beside them: flow, and measuring it where each has styles of its own.
FLOW, MEASURING = 1, 1


@dataclass(frozen=True)
class PreviewDone:
    """A finished preview, and what it left out of the render.

    pictures: how many it has, of `frames` in the passage. off: the seconds by which the picture
    that is most off its time is so. size, steps: (width, height) and the steps of a later picture;
    full_size, full_steps: those of the render.
    """

    output: Path
    pictures: int
    frames: int
    off: Fraction
    size: tuple[int, int]
    full_size: tuple[int, int]
    steps: int
    full_steps: int
    duration: Fraction
    seconds: float
    notes: tuple[str, ...]


def render_preview(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    overwrite: bool = False,
    observe: CountObserver | None = None,
) -> PreviewDone:
    """Stylize some frames of a clip, small, into a clip as long as it, with its sound.

    It takes about as long for a long clip as for a short one.
    output: default `NAME_preview.mp4` beside the source.
    observe: called with the pictures painted and all pictures.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    count, source, options = Count(observe), Path(source), options or Options()
    if options.model is not None:
        raise UsageError(f"--model {options.model}: it paints as fast as a preview: leave one out")
    check_source(source)
    output = Path(output) if output else default_output(source, "_preview.mp4")
    # Its pictures have a rate of their own.
    read = options if is_sequence(source) else options.model_copy(update={"fps": "vfr"})
    clip = clip_of(source, read.input, depth="index")
    sound = [options.audio] if options.audio else []
    sources = (*clip.files, *options.styles, *sound)
    check_output(output, sources, overwrite, options.encoder, Fraction(0))
    small = {
        "max_side": min(small_side(clip.width, clip.height), options.max_side or SIDE),
        "first_steps": min(FIRST_STEPS, options.first_steps),
        "steps": min(STEPS, options.steps),
    }
    with at_work(output, options.machine):
        setup = prepare(clip, options.model_copy(update=small), whole=False)
        span, frames = clip.times.span(setup.frames), len(setup.frames)
        length = span.end - span.start
        pictures = min(frames, affordable(setup.styles.paint))
        if (most := most_frames(output, options.encoder)) is not None:
            pictures = max(1, min(pictures, math.floor(most * length)))
        count.total = pictures
        begun = (span.start + i * length / pictures for i in range(pictures))
        numbers = [bisect_right(clip.times.begins, time) - 1 for time in begun]
        taken = read_near(clip, numbers, *setup.size)
        contents = [frame for _, frame in taken]
        calibrations = setup.styles.calibrate(_sample(setup, contents))
        masks = _masks(setup, numbers, contents)
        painted = _paint(setup, numbers, contents, calibrations, masks)
        rate = pictures / length
        repeats = math.ceil(1 / (rate * LONGEST))
        rate *= repeats
        ticks = pictures * repeats
        begins = tuple(tick / rate for tick in range(ticks))
        shown = replace(clip, times=Times(rate, begins, ticks / rate, (0,)))
        size = setup.output_size
        if options.output_size is None:
            size = working_size(clip.width, clip.height, SHOWN_SIDE)
        check_encoder(output, size, options.encoder)
        with open_encoder(
            output,
            shown,
            size,
            sound=setup.soundtrack,
            passage=clip.times.passage(setup.frames),
            asked=options.encoder,
        ) as write:
            for picture in painted:
                for _ in range(repeats):
                    write(resize(picture, *size))
                count.one()
    late = (
        clip.times.begins[near] - clip.times.begins[n]
        for n, (near, _) in zip(numbers, taken, strict=True)
    )
    full_side = options.side(setup.network.device.type)
    return PreviewDone(
        output=output,
        pictures=pictures,
        frames=frames,
        off=max(map(abs, late)),
        size=setup.size,
        full_size=working_size(clip.width, clip.height, full_side),
        steps=setup.options.steps,
        full_steps=options.steps,
        duration=shown.times.duration,
        seconds=count.seconds,
        notes=clip.notes + setup.course.notes + _mask_notes(setup) + setup.output_notes(output),
    )


def _mask_notes(setup: Setup) -> tuple[str, ...]:
    """What is odd about the masks, and what a preview does not do with them."""
    if setup.masks is None:
        return ()
    wipe = setup.options.wipe
    if wipe is None or not wipe.follow:
        return setup.masks.notes
    return (*setup.masks.notes, f"--wipe {wipe}: in a preview it does not follow the picture")


def small_side(width: int, height: int) -> int:
    """The longer side of a preview's pictures, of a clip's shape."""
    shape = max(width, height) / min(width, height)
    return min(SIDE, math.isqrt(round(PIXELS * shape)))


def _sample(setup: Setup, contents: list[Frame]) -> list[Frame]:
    """Frames of the whole clip to calibrate on; of the pictures where it is not whole."""
    among = [contents[i] for i in sorted(spread(0, len(contents), CALIBRATION_FRAMES))]
    clip = setup.clip
    if len(setup.frames) == clip.times.frames:
        return among
    try:
        numbers = sorted(spread(0, clip.times.frames, CALIBRATION_FRAMES))
        return [frame for _, frame in read_near(clip, numbers, *setup.size)]
    except InputError:  # damaged, but not where it is asked for
        return among


def _beside(paint: Paint) -> int:
    """What a picture takes beside its steps, in steps."""
    return FLOW + MEASURING * paint.by_shot


def affordable(paint: Paint) -> int:
    """How many pictures `BUDGET` is enough for, where each later one takes a step more."""
    beside = _beside(paint)
    return 1 + max(0, BUDGET - paint.first_steps - beside) // (paint.steps + 1 + beside)


def _masks(
    setup: Setup, numbers: Sequence[int], contents: Sequence[Frame]
) -> Sequence[Masks] | None:
    """The masks of the pictures, if they have any."""
    if setup.masks is None:
        return None
    shares = [setup.course.fader(number).gamma for number in numbers]
    pictures = near_masks(setup.masks, setup.clip, shares, setup.size, numbers, contents)
    pairs = zip(pictures, numbers, strict=True)
    return [Masks(picture, setup.split(number)) for picture, number in pairs]


def _paint(
    setup: Setup,
    numbers: Sequence[int],
    contents: Sequence[Frame],
    calibrations: Calibrations,
    masks: Sequence[Masks] | None,
) -> Iterator[Frame]:
    """The pictures, each warm-started from the one before unless nearly nothing of it is left.

    What is left of the budget is shared evenly: no cut and no jump of gamma can take more.
    """
    styles, paint, left = setup.styles, setup.styles.paint, BUDGET
    palettes = [Palette.of([resize(picture, *setup.size)]) for picture in setup.pictures]
    previous: Previous | None = None
    for done, (number, content) in enumerate(zip(numbers, contents, strict=True)):
        if paint.by_shot:  # shots are not known: a picture has its own
            styles = setup.styles.in_colors_of([content])
            calibrations = styles.calibrate([content])
        fader, most = setup.course.fader(number), paint.first_steps
        own = masks[done] if masks is not None else None
        if previous is not None:
            share = left // (len(numbers) - done) - _beside(paint)
            most = max(paint.steps, min(most, share))
        able = styles.with_steps(paint.steps, first=most)
        faces = able.faces(content)
        motion = None if previous is None else follow(content, previous.content)
        # Where nearly nothing of a frame is left, a cut lies between them, or a long time.
        left_over = 0.0 if motion is None else float(motion[1].mean())
        if previous is None or not paint.warm_start or left_over < LEFT:
            start = None
            aim = aim_of(able, calibrations, fader, own)
            # Few steps do not reach the colours of the styles, which many do.
            if not paint.keeps_colors:
                start = aim.blended(partial(_in_colors, content, palettes))
            result = first_frame(able, content, aim, start=start, faces=faces)
        else:
            # Where each picture has a σ of its own, that is no move of γ.
            earlier = masks[done - 1] if masks is not None else None
            was = aim_of(able, calibrations, previous.aim.fader, earlier)
            if isinstance(was, MaskedAim) and isinstance(previous.aim, MaskedAim):
                was = replace(was, sides=previous.aim.sides)
            before = replace(previous, aim=was)
            aim = aim_of(able, calibrations, fader, own, was, motion)
            result = next_frame(able, content, aim, before, motion=motion, faces=faces)
        left -= result.steps + _beside(paint)
        previous = Previous(content, result, aim)
        cover = own.paint if own is not None else None
        yield faded(content, result.frame, setup.course.strengths[number], cover)


def _in_colors(content: Frame, palettes: Sequence[Palette], aim: Aim) -> Picture:
    """A frame in the colours of the two styles of an aim."""
    pair = aim.fader.pair
    palette = palettes[pair].mixed(palettes[pair + 1], aim.w)
    return palette.paint(content).astype(np.float32)
