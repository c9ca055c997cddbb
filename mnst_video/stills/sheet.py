"""A contact sheet: pictures with labels, row below row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnst_video.media.frames import Frame, fit_style
from mnst_video.options import Options
from mnst_video.plan.gamma import Place

# What a JPEG can do, in pixels.
WIDEST_JPEG = 65_000
# Of a sheet, in pixels: the longer side of a picture, the space around each, the size of letters.
TILE_SIDE, GAP, LETTERS = 256, 8, 15


@dataclass(frozen=True)
class Row:
    """A row of a sheet: its label, options, styles, and the places of its pictures."""

    name: str
    options: Options
    styles: Sequence[Frame]
    places: Sequence[Place]


def draw_sheet(
    content: Frame,
    rows: Sequence[Row],
    tiles: Sequence[Frame],
) -> Frame:
    """The content and the first row's styles, and below them the rows of pictures, all labelled."""
    height, width = content.shape[:2]
    styles, options = rows[0].styles, rows[0].options
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
