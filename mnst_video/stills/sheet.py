"""A contact sheet of stills over γ: pictures with labels, row below row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnst_video.errors import UsageError
from mnst_video.job.processes import Tell, divide, on_device, run, share
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.media.files import check_source, check_target
from mnst_video.media.frames import Frame, fit_style, resize, working_size
from mnst_video.media.images import load_image, save_image
from mnst_video.option_types import Mark
from mnst_video.options import SHEET_PICTURES, SWEEP_SECONDS, Options, marked
from mnst_video.painting.areas import Masks
from mnst_video.painting.machine import load_network, memory_errors
from mnst_video.painting.settings import Machine, Paint
from mnst_video.painting.still import paint_still
from mnst_video.plan.source import default_output
from mnst_video.presets import make_options
from mnst_video.stills.content import load_content
from mnst_video.stills.masks import still_masks
from mnst_video.stills.still import PICTURES
from mnst_video.stills.sweep import SweepDone, at_strength, check_seconds, unknown_kind
from mnst_video.timeline.gamma import Place, places_of
from mnst_video.timeline.timecode import START, Time

# What rows can vary, besides presets: the rest is the same for all, or for clips only.
VARIED = frozenset(field.name for field in fields(Paint)) - marked(Mark.FOLLOWS)
VARIED |= marked(Mark.SHEETS)
# Pictures of a row at most.
WIDEST = 101
# What a JPEG can do, in pixels.
WIDEST_JPEG = 65_000
# In pixels: the longer side of a picture, the space around each, the size of letters.
TILE_SIDE, GAP, LETTERS = 256, 8, 15


@dataclass(frozen=True)
class Row:
    """A row of a sheet: its label, options, style images, and the places of its pictures.

    masks: of each picture, if it has some.
    """

    name: str
    options: Options
    pictures: Sequence[Frame]
    places: Sequence[Place]
    masks: Sequence[Masks | None] = ()


def render_sheet(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    at: Time = START,
    pictures: int = SHEET_PICTURES,
    rows: str | None = None,
    seconds: float = SWEEP_SECONDS,
    overwrite: bool = False,
    jobs: int = 1,
    observe: CountObserver | None = None,
) -> SweepDone:
    """Paint a picture, or a clip's frame at a time, for places of the timeline, onto one sheet.

    Without a timeline that is γ from 0 to 1, or a setlist from 1 to its end.
    output: .png, .jpg or .tif, with the content, the styles and a row of `pictures` pictures,
        evenly spaced over `seconds` (default: `NAME_sweep.png` beside the source).
    rows: a second parameter, `NAME=VALUE,VALUE…`: an option's name or `preset`.
    jobs: pictures painted at once, each with its part of the threads.
    observe: called with the pictures painted and all pictures.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    count, source, asked = Count(observe), Path(source), options or Options()
    options = asked.on(share(asked.machine, jobs))
    check_source(source)
    output = Path(output) if output else default_output(source, "_sweep.png")
    if output.suffix.lower() not in PICTURES:
        raise unknown_kind(output)
    chosen = row_options(options, rows)
    read = (path for _, row in chosen for path in (*row.styles, *row.masks.paths))
    check_target(output, (source, *read), overwrite)
    check_seconds(seconds)
    if pictures < 2:
        raise UsageError("a sweep needs at least two pictures")
    if pictures > WIDEST:
        raise UsageError(f"--pictures {pictures}: a sheet's row has up to {WIDEST}")
    fps = pictures / Fraction(seconds)
    variants = [
        Row(
            name=name,
            options=row,
            pictures=[load_image(path) for path in row.styles],
            places=places_of(row.timeline, pictures, fps),
        )
        for name, row in chosen
    ]
    loaded = load_content(source, options.input, options.timeline, options.audio, at)
    photo = loaded.photo.on(options.input.ground)
    with at_work(output, options.machine):
        side = options.max_side or TILE_SIDE
        content = resize(photo, *working_size(photo.shape[1], photo.shape[0], side))
        size = (content.shape[1], content.shape[0])
        variants = [
            replace(row, masks=still_masks(source, loaded, row.options, size, row.places))
            for row in variants
        ]
        width = GAP + max(pictures, 1 + len(options.styles)) * (content.shape[1] + GAP)
        if width > WIDEST_JPEG and output.suffix.lower() in (".jpg", ".jpeg"):
            raise UsageError(f"{output}: {width} pixels are too wide for a JPEG; use .png")
        tiles = _paint(options.machine, variants, content, jobs, count)
        save_image(_draw(content, variants, tiles), output)
    return SweepDone(output, count.total, count.seconds)


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
    # Masks have commas of their own.
    for text in (value.strip() for value in values.split(";" if ";" in values else ",")):
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


@dataclass(frozen=True)
class _Part:
    """Pictures of a sheet, by their number, with the row and the place of each."""

    machine: Machine
    content: Frame
    pictures: Mapping[int, tuple[Row, Place, Masks | None]]


def _paint_part(part: _Part, tell: Tell) -> None:
    """The work of a process, or of the only one: each picture is painted from the content."""
    with memory_errors(part.machine):
        network = load_network(part.machine)
        for number, (row, place, masks) in part.pictures.items():
            paint = row.options.paint
            result = paint_still(
                network, paint, part.content, row.pictures, place.fader, masks=masks
            )
            tell((number, at_strength(part.content, result, place.strength, masks)))


def _paint(
    machine: Machine, rows: Sequence[Row], content: Frame, jobs: int, count: Count
) -> list[Frame]:
    """The pictures of a sheet, row after row."""
    pictures = dict(
        enumerate(
            (row, place, masks)
            for row in rows
            for place, masks in zip(row.places, row.masks, strict=True)
        )
    )
    parts = [
        _Part(on_device(machine, job), content, {number: pictures[number] for number in numbers})
        for job, numbers in enumerate(divide([1] * len(pictures), jobs))
    ]
    count.total = len(pictures)
    done: dict[int, Frame] = {}

    def take(message: tuple[int, Frame]) -> None:
        number, done[number] = message
        count.one()

    run(_paint_part, parts, take)
    return [done[number] for number in pictures]


def _draw(
    content: Frame,
    rows: Sequence[Row],
    tiles: Sequence[Frame],
) -> Frame:
    """The content and the first row's styles, and below them the rows of pictures, all labelled."""
    height, width = content.shape[:2]
    styles, options = rows[0].pictures, rows[0].options
    setlist = len(styles) > 2 or options.position is not None
    value = "position" if setlist else "gamma"  # Pillow's own font has no γ
    head = [(content, "content")]
    for number, (style, path) in enumerate(zip(styles, options.styles, strict=True), 1):
        shown = number if setlist else 2 - number
        head.append((fit_style(style, width, height), f"{value} {shown}: {path.name}"))
    lines = [("", head)]
    cells = iter(tiles)
    for row in rows:
        labels = [f"{value} {place.value:.3g}" for place in row.places]
        lines.append((row.name, [(next(cells), label) for label in labels]))
    font = ImageFont.load_default(LETTERS)
    text = LETTERS + GAP
    heights = [height + text + GAP + (text if name else 0) for name, _ in lines]
    widest = max(len(line) for _, line in lines)
    sheet = Image.new("RGB", (GAP + widest * (width + GAP), GAP + sum(heights)), "white")
    draw = ImageDraw.Draw(sheet)
    y = GAP
    for (name, line), used in zip(lines, heights, strict=True):
        top = y + text if name else y
        draw.text((GAP, y), name, fill="black", font=font)
        for column, (picture, label) in enumerate(line):
            x = GAP + column * (width + GAP)
            sheet.paste(Image.fromarray(picture), (x, top))
            while len(label) > 1 and font.getlength(label) > width + GAP // 2:
                label = label[:-1]  # else it would run into the next one
            draw.text((x, top + height + GAP // 4), label, fill="black", font=font)
        y += used
    return np.asarray(sheet)
