"""Sweeps over γ: a contact sheet of stills, or one picture whose look moves between the styles."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mnst_video.errors import UsageError
from mnst_video.job.lock import alone, lock_of
from mnst_video.job.processes import Tell, divide, on_device, run, share
from mnst_video.media.files import check_name, check_target
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.images import load_image, save_image
from mnst_video.media.output.checks import check_output
from mnst_video.media.output.containers import CONTAINERS, EncoderSettings, is_clip
from mnst_video.media.output.encode import open_encoder
from mnst_video.method.device import pick_device
from mnst_video.options import QUALITY, STILL_SIDE, Options
from mnst_video.painting.machine import load_network, memory_errors
from mnst_video.painting.still import paint_still, paint_sweep
from mnst_video.painting.styles import Result
from mnst_video.plan.gamma import Place, course
from mnst_video.presets import make_options
from mnst_video.stills.content import load_content
from mnst_video.stills.sheet import GAP, TILE_SIDE, WIDEST_JPEG, Row, draw_sheet
from mnst_video.stills.still import PICTURES
from mnst_video.timeline.timecode import START, Time

# Seconds of a moving sweep, and pictures in a sheet's row.
LONGEST, WIDEST = 600, 101
# What a sheet's rows can vary, besides presets: the rest is the same for all, or for clips only.
VARIED = QUALITY | {"style1", "style2", "gamma", "position", "strength"}
VARIED -= {"temporal_weight", "uncovered_weight", "warm_start", "steps", "rate", "fresh_rate"}
VARIED -= {"settled", "max_side", "crf"}

# Called with the pictures painted and all pictures.
Observer = Callable[[int, int], None]


@dataclass(frozen=True)
class SweepDone:
    """A finished sweep: how many pictures were painted, and the seconds that it took."""

    output: Path
    pictures: int
    seconds: float


def render_sweep(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    at: Time = START,
    pictures: int = 11,
    rows: str | None = None,
    seconds: float = 4.0,
    fps: Fraction = Fraction(24),
    loop: bool = False,
    overwrite: bool = False,
    jobs: int = 1,
    observe: Observer | None = None,
) -> SweepDone:
    """Paint a picture, or a clip's frame at a time, along the timeline of the options.

    Without one that is γ from 0 to 1, or a setlist from 1 to its end.
    output: a sheet (.png, .jpg, .tif) with the content, the styles and a row of `pictures`
        pictures, evenly spaced over `seconds`, or a moving one (of `CONTAINERS`) of `seconds` at
        `fps` (default: `NAME_sweep.png` beside the source).
    rows: a second parameter of a sheet, `NAME=VALUE,VALUE…`: an option's name or `preset`.
    jobs: pictures of a sheet painted at once, each with its part of the threads.
    loop: there in half the time and back, so that a moving one can be played over and over.
    observe: called with the pictures painted and all pictures.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    begun = time.monotonic()
    source, options = Path(source), share(options or Options(), jobs)
    check_name(source)
    output = Path(output) if output else source.with_name(f"{source.stem}_sweep.png")
    moves = is_clip(output)
    if not moves and output.suffix.lower() not in PICTURES:
        known = ", ".join((*PICTURES, *CONTAINERS))
        raise UsageError(f"{output}: unknown kind of sweep; use one of {known}")
    chosen = row_options(options, rows)
    styles = [path for _, row in chosen for path in row.styles]
    if moves:
        check_output(output, (source, *styles), overwrite, EncoderSettings(), fps)
    else:
        check_target(output, (source, *styles), overwrite)
    if moves and rows is not None:
        raise UsageError(f"{output}: moves, and --rows is for a sheet: use .png")
    if moves and jobs > 1:
        raise UsageError(f"--jobs {jobs}: in {output} each picture begins at the one before")
    if not 0.0 < seconds <= LONGEST:
        raise UsageError(f"--seconds {seconds:g}: a sweep lasts more than 0 and up to {LONGEST} s")
    frames = round(seconds * fps)
    if not moves:
        count, fps = pictures, pictures / Fraction(seconds)
    else:
        count = frames // 2 + 1 if loop else frames
    if count < 2:
        raise UsageError("a sweep needs at least two pictures")
    if not moves and count > WIDEST:
        raise UsageError(f"--pictures {count}: a sheet's row has up to {WIDEST}")
    variants = [
        Row(name, row, [load_image(path) for path in row.styles], course(row, count, fps))
        for name, row in chosen
    ]
    photo = load_content(source, options, at).on(options.matte or "white")
    with alone(lock_of(output), output, "--output"), memory_errors(options):
        kind = pick_device(options.device).type
        side = options.max_side or (STILL_SIDE[kind] if moves else TILE_SIDE)
        content = resize(photo, *working_size(photo.shape[1], photo.shape[0], side))
        if moves:
            (row,) = variants
            faders = [place.fader for place in row.places]
            painted = paint_sweep(load_network(options), options, content, row.styles, faders)
            faded = (_faded(content, *pair) for pair in zip(painted, row.places, strict=True))
            done = _watched(faded, count, observe)
            _write_moving(output, list(done), fps, loop, frames)
        else:
            width = GAP + max(count, 1 + len(options.styles)) * (content.shape[1] + GAP)
            if width > WIDEST_JPEG and output.suffix.lower() in (".jpg", ".jpeg"):
                raise UsageError(f"{output}: {width} pixels are too wide for a JPEG; use .png")
            count *= len(variants)
            tiles = _tiles(options, variants, content, jobs, observe)
            save_image(draw_sheet(content, variants, tiles), output)
    return SweepDone(output, count, time.monotonic() - begun)


def row_options(options: Options, rows: str | None) -> list[tuple[str, Options]]:
    """A label and options for each row of a sheet. Raises UsageError."""
    if rows is None:
        return [("", options)]
    name, equals, values = rows.partition("=")
    if not equals or not values.strip():
        raise UsageError(f"--rows {rows}: write NAME=VALUE,VALUE, such as content_weight=0.03,0.3")
    name = name.strip().replace("-", "_")
    if name in Options.model_fields and name not in VARIED:
        raise UsageError(f"--rows {name}: a sheet's pictures do not depend on it")
    given = {key: getattr(options, key) for key in options.model_fields_set}
    variants = []
    for text in (value.strip() for value in values.split(",")):
        if name == "preset":
            made = make_options((text,), given)
        else:
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = text
            made = make_options((), {**given, name: value})
        variants.append((f"{name} = {text}", made))
    return variants


def _watched(pictures: Iterator[Frame], count: int, observe: Observer | None) -> Iterator[Frame]:
    for done, picture in enumerate(pictures, 1):
        if observe is not None:
            observe(done, count)
        yield picture


@dataclass(frozen=True)
class _Part:
    """Pictures of a sheet, by their number, with the row and the place of each."""

    options: Options
    content: Frame
    pictures: Mapping[int, tuple[Row, Place]]


def _paint_part(part: _Part, tell: Tell) -> None:
    """The work of a process, or of the only one: each picture is painted from the content."""
    with memory_errors(part.options):
        network = load_network(part.options)
        for number, (row, place) in part.pictures.items():
            result = paint_still(network, row.options, part.content, row.styles, place.fader)
            tell((number, _faded(part.content, result, place)))


def _tiles(
    options: Options, rows: Sequence[Row], content: Frame, jobs: int, observe: Observer | None
) -> list[Frame]:
    """The pictures of a sheet, row after row."""
    pictures = dict(enumerate((row, place) for row in rows for place in row.places))
    parts = [
        _Part(on_device(options, job), content, {number: pictures[number] for number in numbers})
        for job, numbers in enumerate(divide([1] * len(pictures), jobs))
    ]
    done: dict[int, Frame] = {}

    def take(message: tuple[int, Frame]) -> None:
        number, done[number] = message
        if observe is not None:
            observe(len(done), len(pictures))

    run(_paint_part, parts, take)
    return [done[number] for number in pictures]


def _faded(content: Frame, result: Result, place: Place) -> Frame:
    """The picture at a place, between the content and what was painted by its strength."""
    mixed = content + place.strength * (result.pixels - content)
    return np.asarray(mixed.round(), np.uint8)


def _write_moving(
    output: Path, pictures: list[Frame], fps: Fraction, loop: bool, frames: int
) -> None:
    """Write pictures as a silent clip; with `loop` there and back."""
    if loop:
        # Of an odd number the last one stands twice.
        pictures += pictures[:0:-1] if frames % 2 else pictures[-2:0:-1]
    height, width = pictures[0].shape[:2]
    with open_encoder(output, fps, (width, height)) as write:
        for picture in pictures:
            write(picture)
