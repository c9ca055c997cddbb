"""The masks of a still's content."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from mnst_video.media.input.pictures import probe_sequence
from mnst_video.options import Options
from mnst_video.painting.areas import Masks
from mnst_video.plan.masks import masks_of, near_masks
from mnst_video.stills.content import Content
from mnst_video.timeline.gamma import Place, split_at

# What a picture is as a clip: a frame at some rate.
RATE = Fraction(24)


def still_masks(
    source: Path,
    content: Content,
    options: Options,
    size: tuple[int, int],
    places: Sequence[Place],
) -> Sequence[Masks | None]:
    """The masks of a content, of a size (width, height), at some places; None where it has none.

    Raises InputError for one that cannot be read, or is of another shape.
    """
    if not options.masks.any:
        return [None] * len(places)
    clip = content.clip or probe_sequence(source, rate=RATE, seconds=float(1 / RATE))
    masks = masks_of(clip, options.masks, whole=False)
    assert masks is not None
    shares = [place.fader.gamma for place in places]
    numbers = [content.number] * len(places)
    contents = [content.photo] * len(places)
    pictures = near_masks(masks, clip, shares, size, numbers, contents)
    mode = options.masks.mode
    splits = (split_at(options.timeline, place, mode) for place in places)
    return [Masks(picture, split) for picture, split in zip(pictures, splits, strict=True)]
