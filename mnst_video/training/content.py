"""What a network is shown: frames of clips with the ones before them, and single pictures."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.files import check_source
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.images import load_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.pictures import PICTURES, is_sequence
from mnst_video.media.input.settings import InputOptions
from mnst_video.painting.flow import follow
from mnst_video.plan.analysis import CALIBRATION_FRAMES
from mnst_video.plan.shots import spread
from mnst_video.plan.source import clip_of

# The most frames, of all content together: more teach little, and take memory.
MOST_FRAMES = 120
# How often a picture is looked at: whole, and then parts of at least this share of its sides.
LOOKS, PART = 4, 0.5
# How much nearer a camera was, at most, that goes back from a picture.
NEARER = 0.05
# The most pixels of a frame that a step looks at: of larger ones it is a part.
WINDOW = 48_000
# The share of a picture that the flow has to find in the one before: less is a cut.
LEFT = 0.3
# What is trained on is a multiple of this in width and height, so that content of nearly one shape
# shares the measured styles.
GRID = 16


@dataclass(frozen=True)
class Shown:
    """A frame, and the one before it where it follows from that; uint8 `(H, W, 3)`, RGB.

    Before a picture there is what a camera would have seen that moves a little.
    """

    content: Frame
    before: Frame | None = None


# What was read of one clip, or of pictures of one size.
Group = list[Shown]


def open_all(paths: Sequence[Path], options: InputOptions) -> list[Clip | list[Path]]:
    """Of each path its clip, or the pictures it means: one, or those of a folder.

    Raises InputError or UsageError.
    """
    if not paths:
        raise InputError("nothing to train on: give a clip, a picture, or a folder of them")
    opened: list[Clip | list[Path]] = []
    for path in paths:
        check_source(path)
        if path.is_dir():
            opened.append(_pictures(path))
        elif is_sequence(path) and path.is_file():
            opened.append([path])
        else:
            opened.append(clip_of(path, options))
    return opened


def _pictures(folder: Path) -> list[Path]:
    try:
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    if not files:
        raise InputError(f"{folder}: there are no pictures in this folder")
    return files


def read_all(
    opened: Sequence[Clip | list[Path]], side: int, looked: Callable[[int, int], None]
) -> list[Group]:
    """Frames spread over all content, by clip or by size. side: their longer one, at most.

    looked: called with the frames that were read, and all that will be.
    Raises InputError.
    """
    lengths = [one.times.frames if isinstance(one, Clip) else len(one) for one in opened]
    shares = [max(1, MOST_FRAMES * length // sum(lengths)) for length in lengths]
    counts = [min(share, length) for share, length in zip(shares, lengths, strict=True)]
    total = sum(
        count if isinstance(one, Clip) else LOOKS * count
        for one, count in zip(opened, counts, strict=True)
    )
    groups: list[Group] = []
    by_size: dict[tuple[int, int], Group] = {}
    done = 0
    for one, count in zip(opened, counts, strict=True):
        group: Group = []
        for shown in _of_clip(one, count, side) if isinstance(one, Clip) else _of(one, count, side):
            done += 1
            looked(done, total)
            height, width = shown.content.shape[:2]
            if isinstance(one, Clip):
                group.append(shown)
            else:
                by_size.setdefault((width, height), []).append(shown)
        if group:
            groups.append(group)
    return groups + list(by_size.values())


def training_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size at which content is trained on."""
    small = working_size(width, height, side)
    return max(GRID, GRID * round(small[0] / GRID)), max(GRID, GRID * round(small[1] / GRID))


def _of_clip(clip: Clip, count: int, side: int) -> Iterator[Shown]:
    numbers = spread(0, clip.times.frames, count)
    wanted = numbers | {max(0, number - 1) for number in numbers}
    size = training_size(clip.width, clip.height, side)
    content = read_frames(clip, *size, only=wanted)
    before: Frame | None = None
    last = -1
    with contextlib.closing(content):
        for number, frame in zip(sorted(wanted), content, strict=True):
            if number in numbers:
                yield Shown(frame, _follows(frame, before) if last == number - 1 else None)
            before, last = frame, number


def _follows(frame: Frame, before: Frame | None) -> Frame | None:
    """The frame before, unless a cut lies between."""
    if before is None or np.array_equal(frame, before):
        return before
    return before if float(follow(frame, before)[1].mean()) >= LEFT else None


def _of(pictures: Sequence[Path], count: int, side: int) -> Iterator[Shown]:
    for number in sorted(spread(0, len(pictures), count)):
        picture = load_image(pictures[number])
        height, width = picture.shape[:2]
        size = training_size(width, height, side)
        for look in range(LOOKS):
            rng = np.random.default_rng((13, number, look))
            content = resize(_part(picture, rng) if look else picture, *size)
            yield Shown(content, _nearer(content, rng))


def _part(picture: Frame, rng: np.random.Generator) -> Frame:
    """A part of a picture, of its shape, mirrored or not."""
    height, width = picture.shape[:2]
    share = rng.uniform(PART, 1.0)
    down, across = max(1, round(share * height)), max(1, round(share * width))
    y, x = rng.integers(height - down + 1), rng.integers(width - across + 1)
    part = picture[y : y + down, x : x + across]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def _nearer(frame: Frame, rng: np.random.Generator) -> Frame:
    """A frame from a little nearer, anywhere in it, so that there is nothing beyond its edge."""
    height, width = frame.shape[:2]
    scale = 1.0 / (1.0 + NEARER * rng.random())
    x, y = (rng.random() * (1.0 - scale) * (side - 1) for side in (width, height))
    places = np.array([[scale, 0.0, x], [0.0, scale, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    near = cv2.warpAffine(frame, places, (width, height), flags=flags)
    return np.asarray(near, np.uint8)


def window(shown: Shown, seed: int) -> Shown:
    """A part of a frame that is larger than `WINDOW`, and the same part of the one before.

    A Gram matrix does not ask where something is: what is learned of parts holds for the whole.
    """
    height, width = shown.content.shape[:2]
    scale = math.sqrt(WINDOW / (height * width))
    if scale >= 1.0:
        return shown
    down, across = (max(GRID, GRID * int(scale * side / GRID)) for side in (height, width))
    rng = np.random.default_rng((29, seed))
    y, x = int(rng.integers(height - down + 1)), int(rng.integers(width - across + 1))

    def part(frame: Frame) -> Frame:
        return np.ascontiguousarray(frame[y : y + down, x : x + across])

    return Shown(part(shown.content), None if shown.before is None else part(shown.before))


def calibration_frames(group: Group) -> list[Frame]:
    """Those of a group that styles are measured on."""
    return [group[number].content for number in sorted(spread(0, len(group), CALIBRATION_FRAMES))]
