"""A moving sweep: one picture whose look moves between the styles."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mnst_video.errors import UsageError
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.media.files import check_source
from mnst_video.media.frames import Frame, between, resize, working_size
from mnst_video.media.images import load_image
from mnst_video.media.output.checks import check_encoder, check_output
from mnst_video.media.output.containers import CONTAINERS, EncoderSettings, is_clip
from mnst_video.media.output.encode import open_encoder
from mnst_video.method.device import pick_device
from mnst_video.options import SWEEP_FPS, SWEEP_SECONDS, Options
from mnst_video.painting.areas import Masks
from mnst_video.painting.frame import Result
from mnst_video.painting.machine import load_network
from mnst_video.painting.still import paint_sweep
from mnst_video.stills.content import load_content
from mnst_video.stills.masks import still_masks
from mnst_video.stills.still import PICTURES
from mnst_video.timeline.gamma import places_of
from mnst_video.timeline.timecode import START, Time

# Seconds at most.
LONGEST = 600


@dataclass(frozen=True)
class SweepDone:
    """A finished sweep, or sheet: how many pictures were painted, and the seconds that it took."""

    output: Path
    pictures: int
    seconds: float


def render_sweep(
    source: Path | str,
    output: Path | str,
    options: Options | None = None,
    *,
    at: Time = START,
    seconds: float = SWEEP_SECONDS,
    fps: Fraction = SWEEP_FPS,
    loop: bool = False,
    overwrite: bool = False,
    observe: CountObserver | None = None,
) -> SweepDone:
    """Paint a picture, or a clip's frame at a time, along the timeline, each from the one before.

    Without a timeline that is γ from 0 to 1, or a setlist from 1 to its end.
    output: a clip (of `CONTAINERS`) of `seconds` at `fps`.
    loop: there in half the time and back, so that it can be played over and over.
    observe: called with the pictures painted and all pictures.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    count, source, output = Count(observe), Path(source), Path(output)
    options = options or Options()
    check_source(source)
    if not is_clip(output):
        raise unknown_kind(output)
    check_output(
        output, (source, *options.styles, *options.masks.paths), overwrite, options.encoder, fps
    )
    check_seconds(seconds)
    frames = round(seconds * fps)
    count.total = frames // 2 + 1 if loop else frames
    if count.total < 2:
        raise UsageError("a sweep needs at least two pictures")
    pictures = [load_image(path) for path in options.styles]
    places = places_of(options.timeline, count.total, fps)
    loaded = load_content(source, options.input, options.timeline, options.audio, at)
    photo = loaded.photo.on(options.input.ground)
    with at_work(output, options.machine):
        side = options.still_side(pick_device(options.machine.device).type)
        content = resize(photo, *working_size(photo.shape[1], photo.shape[0], side))
        check_encoder(output, (content.shape[1], content.shape[0]), options.encoder)
        faders = [place.fader for place in places]
        size = (content.shape[1], content.shape[0])
        masks = still_masks(source, loaded, options, size, places)
        network = load_network(options.machine)
        done = []
        painted = paint_sweep(network, options.paint, content, pictures, faders, masks)
        for result, place, own in zip(painted, places, masks, strict=True):
            done.append(at_strength(content, result, place.strength, own))
            count.one()
        _write(output, done, fps, loop, frames, options.encoder)
    return SweepDone(output, count.total, count.seconds)


def check_seconds(seconds: float) -> None:
    """Raise UsageError for a sweep that is too short or too long."""
    if not 0.0 < seconds <= LONGEST:
        raise UsageError(f"--seconds {seconds:g}: a sweep lasts more than 0 and up to {LONGEST} s")


def unknown_kind(output: Path) -> UsageError:
    """What is said of an output that is neither a sheet nor a moving sweep."""
    known = ", ".join((*PICTURES, *CONTAINERS))
    return UsageError(f"{output}: unknown kind of sweep; use one of {known}")


def at_strength(content: Frame, result: Result, strength: float, masks: Masks | None) -> Frame:
    """Between the content, at strength 0, and what was painted, at 1; where a mask has paint."""
    cover = masks.paint if masks is not None else None
    return np.asarray(between(content, result.pixels, strength, cover).round(), np.uint8)


def _write(
    output: Path,
    pictures: list[Frame],
    fps: Fraction,
    loop: bool,
    frames: int,
    asked: EncoderSettings,
) -> None:
    """Write pictures as a silent clip; with `loop` there and back."""
    if loop:
        # Of an odd number the last one stands twice.
        pictures += pictures[:0:-1] if frames % 2 else pictures[-2:0:-1]
    height, width = pictures[0].shape[:2]
    with open_encoder(output, fps, (width, height), asked=asked) as write:
        for picture in pictures:
            write(picture)
