"""Stills from files: a picture, or a frame of a clip, painted into a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mnst_video.errors import UsageError
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.media.files import check_source, check_target
from mnst_video.media.frames import between, faded, resize, working_size
from mnst_video.media.images import Photo, load_image, save_image
from mnst_video.media.input.settings import GROUND
from mnst_video.method.device import to_picture
from mnst_video.options import Options
from mnst_video.painting.machine import load_network
from mnst_video.painting.still import paint_still, still_stages
from mnst_video.plan.source import default_output
from mnst_video.stills.content import load_content
from mnst_video.stills.masks import still_masks
from mnst_video.timeline.gamma import place_of_still
from mnst_video.timeline.timecode import START, Time

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
# 16 bits a channel, and opacity.
DEEP, CLEAR = (".tif", ".tiff"), (".png", ".tif", ".tiff")


@dataclass(frozen=True)
class StillDone:
    """A finished still: its size (width, height), the tiles it was looked at in, and seconds."""

    output: Path
    size: tuple[int, int]
    tiles: int
    seconds: float


def render_still(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    at: Time = START,
    save_every: int | None = None,
    overwrite: bool = False,
    observe: CountObserver | None = None,
) -> StillDone:
    """Stylize a picture, or a clip's frame at a time, into `output`.

    output: .png, .jpg, or .tif with 16 bits (default: `NAME_mnst.png` beside the source).
    save_every: also write the picture after every so many steps, as `NAME_0010.png` and so on.
    observe: called after each step with the steps done and all steps.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    count, source, options = Count(observe), Path(source), options or Options()
    check_source(source)
    output = Path(output) if output else default_output(source, "_mnst.png")
    if output.suffix.lower() not in PICTURES:
        raise UsageError(f"{output}: unknown kind of picture; use one of {', '.join(PICTURES)}")
    sources = (source, *options.styles, *options.masks.paths)
    check_target(output, sources, overwrite)
    if save_every is not None and save_every < 1:
        raise UsageError(f"--save-every {save_every}: give a number of steps, such as 10")
    loaded = load_content(source, options.input, options.timeline, options.audio, at)
    photo, place = loaded.photo, place_of_still(options.timeline)
    pictures = [load_image(path) for path in options.styles]
    clear = options.matte is None and output.suffix.lower() in CLEAR
    with at_work(output, options.machine):
        network, paint = load_network(options.machine), options.paint
        height, width = photo.frame.shape[:2]
        size = working_size(width, height, options.still_side(network.device.type))
        alpha = resize(photo.alpha, *size) if clear and photo.alpha is not None else None
        ground = options.input.ground if alpha is None else _ground(photo)
        content = resize(photo.on(ground), *size)
        (masks,) = still_masks(source, loaded, options, size, [place])
        cover = masks.paint if masks is not None else None
        count.total = sum(taken for _, taken in still_stages(paint, *size))
        steps = {
            step: output.with_name(f"{output.stem}_{step:04d}{output.suffix}")
            for step in range(save_every or count.total + 1, count.total + 1, save_every or 1)
        }
        for path in steps.values():
            check_target(path, sources, overwrite)

        def step_done(_: int, __: object, image: torch.Tensor) -> None:
            if count.done + 1 in steps:
                picture = resize(np.asarray(to_picture(image).round(), np.uint8), *size)
                save_image(faded(content, picture, 1.0, cover), steps[count.done + 1], alpha)
            count.one()

        result = paint_still(network, paint, content, pictures, place.fader, step_done, masks)
        pixels = between(content, result.pixels, 1.0, cover) if masks else result.pixels
        if output.suffix.lower() in DEEP:
            save_image(np.asarray((pixels * 257.0).round(), np.uint16), output, alpha)
        else:
            save_image(np.asarray(pixels.round(), np.uint8), output, alpha)
    tiles = len(network.tiles(size[1], size[0]))
    return StillDone(output, size, tiles, count.seconds)


def _ground(photo: Photo) -> str:
    """The mean colour of what can be seen: what lies under clear places must not stand out."""
    assert photo.alpha is not None
    step = max(1, photo.alpha.size // 10**6)
    weights = photo.alpha.reshape(-1)[::step].astype(np.float64)
    if weights.sum() == 0.0:
        return GROUND
    mean = np.average(photo.frame.reshape(-1, 3)[::step], axis=0, weights=weights)
    return "rgb({:.0f},{:.0f},{:.0f})".format(*mean)
