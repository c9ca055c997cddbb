"""The masks of a clip's frames: from files, from the clip itself, and wipes."""

import contextlib
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.images import Photo, load_photo
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.keying import Levels, in_range, keyed, luminance, people
from mnst_video.media.input.mask_source import MASKS, MaskOptions, MaskSource
from mnst_video.media.input.near import read_at, read_near
from mnst_video.media.input.pictures import is_sequence
from mnst_video.media.input.settings import InputOptions
from mnst_video.painting.flow import follow, sources
from mnst_video.plan.shots import Shot, spread
from mnst_video.plan.source import clip_of
from mnst_video.timeline.wipe import Field, uncovered

# What a mask says where nobody asks for one: white's side, paint everywhere, nothing held.
SAYING = (255, 255, 0)
# How far the shapes of a mask and of its clip may be apart.
SAME_SHAPE = 0.02
# Frames of a mask that are looked at before it is used, and the longer side that they are seen at.
LOOKED_AT, SEEN_SIDE = 8, 64
# What is said of a mask that is black.
BLACK = {
    "gamma_mask": "γ is what black stands for, everywhere",
    "strength_mask": "nothing is painted",
    "content_mask": "nothing is held",
}


@dataclass(frozen=True)
class Mask:
    """A mask of a clip, ready to be read.

    clip: that of the file; None where it is made of the footage, or is one picture.
    numbers: which of its frames belongs to each frame of the footage.
    photo: of a file that is one picture.
    notes: what is odd about it.
    """

    name: str
    source: MaskSource
    clip: Clip | None = None
    numbers: tuple[int, ...] = ()
    photo: Photo | None = None
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from, beside the footage."""
        if self.clip is not None:
            return self.clip.files
        return (self.source.path,) if self.photo is not None else ()

    def of(self, photo: Photo, size: tuple[int, int]) -> Levels:
        """What it is of a picture: of its own file, or of the footage; uint8 `(H, W)`."""
        source = self.source
        if source.kind == "alpha" or source.channel == "alpha":
            return self.finished(resize(photo.opacity, *size))
        ground = "black" if source.kind == "file" else "white"
        return self.seen(resize(photo.on(ground), *size))

    def seen(self, frame: Frame) -> Levels:
        """The same of a frame at the size that is asked for, without opacity."""
        source = self.source
        if source.kind == "luma":
            return self.finished(in_range(frame, source.low, source.high))
        if source.kind == "key":
            return self.finished(keyed(frame, source.color, source.tolerance))
        return self.finished(people(frame) if source.kind == "person" else luminance(frame))

    def finished(self, levels: Levels) -> Levels:
        """Blurred and inverted as it is asked for."""
        if self.source.blur:
            deviation = self.source.blur * max(levels.shape)
            levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), deviation), np.uint8)
        return np.asarray(255 - levels if self.source.invert else levels, np.uint8)


@dataclass(frozen=True)
class MaskSet:
    """All masks of a clip. options: what they were asked for with."""

    options: MaskOptions
    masks: tuple[Mask, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that they are read from, beside the clip's own."""
        return tuple(path for mask in self.masks for path in mask.files)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for mask in self.masks for note in mask.notes)

    @cached_property
    def paint(self) -> Mask | None:
        """Where paint is, if a mask says it."""
        return next((mask for mask in self.masks if mask.name == "strength_mask"), None)


def masks_of(clip: Clip, options: MaskOptions, *, whole: bool = True) -> MaskSet | None:
    """The masks of a clip, if any are asked for. whole: whether damage in files is looked for.

    Raises InputError for one that cannot be read, or is not as long, or of another shape.
    """
    if not options.any:
        return None
    found = []
    for name, source in options.sources.items():
        if source.kind == "file":
            found.append(_of_file(name, source, clip, whole))
        elif source.kind == "alpha" and not clip.decoding.alpha:
            raise InputError(f"--{_flag(name)} alpha: {clip.path} has no opacity")
        else:
            found.append(Mask(name, source))
    return MaskSet(options, tuple(found))


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _of_file(name: str, source: MaskSource, clip: Clip, whole: bool) -> Mask:
    path = source.path
    if is_sequence(path) and path.is_file():
        photo = load_photo(path)
        height, width = photo.frame.shape[:2]
        _check_shape(path, (width, height), clip)
        return _checked(Mask(name, source, photo=photo), [photo])
    still = is_sequence(path)
    read = InputOptions(fps=clip.times.fps if still else "vfr")
    own = clip_of(path, read, depth="frames" if whole else "index")
    if own.damage is not None:
        raise InputError(f"{path}: is damaged, and a mask has to be whole; export it once more")
    _check_shape(path, (own.width, own.height), clip)
    mask = Mask(name, source, clip=own, numbers=_numbers(path, source, own, clip))
    wanted = sorted(spread(0, own.times.frames, LOOKED_AT))
    return _checked(mask, [photo for _, photo in read_at(own, wanted)] if whole else [])


def _check_shape(path: Path, size: tuple[int, int], clip: Clip) -> None:
    shapes = size[0] / size[1], clip.width / clip.height
    if max(shapes) / min(shapes) > 1.0 + SAME_SHAPE:
        raise InputError(
            f"{path}: is {size[0]}×{size[1]}, and the clip {clip.width}×{clip.height}, which is of "
            "another shape; crop or pad the mask"
        )


def _numbers(path: Path, source: MaskSource, own: Clip, clip: Clip) -> tuple[int, ...]:
    """Which frame of a mask belongs to each frame of a clip: the one that is shown then."""
    lasts, needed = own.times.duration, clip.times.duration
    # A frame more or less is how containers round.
    near = max(1 / own.times.fps, 1 / clip.times.fps)
    shown = f"lasts {float(lasts):.3f} s, and the clip {float(needed):.3f} s"
    if lasts > needed + near:
        raise InputError(f"{path}: {shown}; cut the mask to the clip's length")
    if lasts < needed - near and source.short is None:
        raise InputError(
            f"{path}: {shown}; let it stay at its last frame with [short=hold], or begin again "
            "with [short=loop], after its name"
        )
    early = 1 / (4 * clip.times.fps)
    found = []
    for begins in clip.times.begins:
        time = begins + early
        if source.short == "loop" and lasts < needed - near:
            time = time % lasts
        found.append(max(bisect_right(own.times.begins, Fraction(time)) - 1, 0))
    return tuple(found)


def _checked(mask: Mask, photos: Sequence[Photo]) -> Mask:
    """The same with notes. Raises InputError where it has no opacity, and that is asked for."""
    path = mask.source.path
    clear = any(photo.alpha is not None for photo in photos)
    if photos and mask.source.channel == "alpha" and not clear:
        raise InputError(f"{path}: has no opacity; leave [channel=alpha] out")
    if not photos:
        return mask
    size = working_size(photos[0].frame.shape[1], photos[0].frame.shape[0], SEEN_SIDE)
    sharp = replace(mask, source=replace(mask.source, blur=0.0))
    if max(int(sharp.of(photo, size).max()) for photo in photos) > 0:
        return mask
    where = "" if mask.photo is not None else f" in the {len(photos)} frames that were looked at"
    if where and mask.source.invert:
        where = f",{where}"
    shown = "white, and inverted" if mask.source.invert else "black"
    note = f"{path.name}: is {shown}{where}: {BLACK[mask.name]}"
    if clear and mask.source.channel != "alpha":
        note += "; it has opacity, which [channel=alpha] reads"
    return replace(mask, notes=(note,))


def read_masks(
    masks: MaskSet,
    clip: Clip,
    shares: Sequence[float],
    shots: Sequence[Shot],
    size: tuple[int, int],
    numbers: Sequence[int],
) -> Generator[Frame, None, None]:
    """The masks of some frames, as `areas.Masks` has them: uint8 `(H, W, 3)`.

    shares: of the picture that a wipe uncovers, of each frame of the clip. numbers: increasing.
    Raises InputError where a frame can no longer be decoded.
    """
    with contextlib.ExitStack() as stack:
        channels: list[Iterator[Levels] | None] = [None] * len(MASKS)
        for mask in masks.masks:
            read = read_levels(mask, clip, size, numbers)
            channels[MASKS.index(mask.name)] = stack.enter_context(contextlib.closing(read))
        if masks.options.wipe is not None:
            orders = _orders(masks.options, clip, shots, size, numbers)
            read = _wiped(masks.options, shares, numbers, orders)
            channels[0] = stack.enter_context(contextlib.closing(read))
        for _ in numbers:
            yield _together(size, [None if c is None else next(c) for c in channels])


def near_masks(
    masks: MaskSet,
    clip: Clip,
    shares: Sequence[float],
    size: tuple[int, int],
    numbers: Sequence[int],
    contents: Iterable[Photo | Frame],
) -> Iterator[Frame]:
    """The same of any frames, in a time that does not grow with the clip.

    shares: of the picture that a wipe uncovers, of each of them; it does not follow the picture.
    contents: the frames themselves, of any size.
    """
    wipe, opacity = masks.options.wipe, {}
    order = None if wipe is None else wipe.order(*size)
    files = {}
    for mask in masks.masks:
        if mask.clip is not None:
            wanted = [mask.numbers[number] for number in numbers]
            if mask.source.channel == "alpha":
                photos = dict(read_at(mask.clip, sorted({*wanted})))
                files[mask.name] = [mask.of(photos[number], size) for number in wanted]
            else:
                on_black = replace(mask.clip, decoding=replace(mask.clip.decoding, matte="black"))
                files[mask.name] = [
                    mask.seen(frame) for _, frame in read_near(on_black, wanted, *size)
                ]
        elif mask.source.kind == "alpha":
            opacity = dict(read_at(clip, sorted({*numbers})))
    for place, (number, content) in enumerate(zip(numbers, contents, strict=True)):
        channels: list[Levels | None] = [None] * len(MASKS)
        photo = content if isinstance(content, Photo) else Photo(content)
        for mask in masks.masks:
            at = MASKS.index(mask.name)
            if mask.name in files:
                channels[at] = files[mask.name][place]
            elif mask.photo is not None:
                channels[at] = mask.of(mask.photo, size)
            else:
                channels[at] = mask.of(opacity.get(number, photo), size)
        if order is not None:
            channels[0] = _uncovered(order, shares[place], masks.options.softness)
        yield _together(size, channels)


def _together(size: tuple[int, int], channels: Sequence[Levels | None]) -> Frame:
    shape = size[1], size[0]
    planes = [
        np.full(shape, saying, np.uint8) if channel is None else channel
        for saying, channel in zip(SAYING, channels, strict=True)
    ]
    return np.dstack(planes)


def read_levels(
    mask: Mask, clip: Clip, size: tuple[int, int], numbers: Sequence[int]
) -> Generator[Levels, None, None]:
    """A mask of some frames: uint8 `(H, W)`. numbers: increasing."""
    if mask.photo is not None:
        levels = mask.of(mask.photo, size)
        for _ in numbers:
            yield levels
        return
    if mask.clip is not None:
        for run in _runs([mask.numbers[number] for number in numbers]):
            yield from _of_own(mask, mask.clip, size, run)
        return
    if not numbers:
        return
    span, only = (numbers[0], numbers[-1] + 1), frozenset(numbers)
    if mask.source.kind == "alpha":
        with contextlib.closing(read_opacity(clip, *size, *span, only)) as opacity:
            for levels in opacity:
                yield mask.finished(levels)
        return
    with contextlib.closing(read_frames(clip, *size, *span, only)) as frames:
        for frame in frames:
            yield mask.seen(frame)


def _runs(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Numbers in stretches that do not decrease: a clip is read forwards."""
    begin = 0
    for at, (one, other) in enumerate(pairwise(numbers), 1):
        if other < one:
            yield numbers[begin:at]
            begin = at
    yield numbers[begin:]


def _of_own(
    mask: Mask, own: Clip, size: tuple[int, int], numbers: Sequence[int]
) -> Iterator[Levels]:
    """A mask's own frames, of numbers that do not decrease, some of them more than once."""
    if not numbers:
        return
    span, only = (numbers[0], numbers[-1] + 1), frozenset(numbers)
    by_opacity = mask.source.channel == "alpha"
    on_black = replace(own, decoding=replace(own.decoding, matte="black"))
    read = (read_opacity if by_opacity else read_frames)(on_black, *size, *span, only)
    with contextlib.closing(read):
        last: int | None = None
        for number in numbers:
            if number != last:
                shown, last = next(read), number
                levels = mask.finished(shown) if by_opacity else mask.seen(shown)
            yield levels


def _wiped(
    options: MaskOptions,
    shares: Sequence[float],
    numbers: Sequence[int],
    orders: Iterator[Field],
) -> Generator[Levels, None, None]:
    for number, order in zip(numbers, orders, strict=True):
        yield _uncovered(order, shares[number], options.softness)


def _uncovered(order: Field, share: float, softness: float) -> Levels:
    return np.asarray((255.0 * uncovered(order, share, softness)).round(), np.uint8)


def _orders(
    options: MaskOptions,
    clip: Clip,
    shots: Sequence[Shot],
    size: tuple[int, int],
    numbers: Sequence[int],
) -> Iterator[Field]:
    """The order in which each of some frames is uncovered.

    One that follows the picture goes with it from the first frame of the shot on, which all frames
    since are looked at for.
    """
    assert options.wipe is not None
    begun = options.wipe.order(*size)
    if not options.wipe.follow or not numbers:
        yield from (begun for _ in numbers)
        return
    wanted = frozenset(numbers)
    starts = {shot.start for shot in shots}
    first = max((start for start in starts if start <= numbers[0]), default=0)
    order, before = begun, None
    with contextlib.closing(read_frames(clip, *size, first, numbers[-1] + 1)) as frames:
        for number, frame in enumerate(frames, first):
            if before is None or number in starts:
                order = begun
            else:
                order = _followed(order, begun, frame, before)
            before = frame
            if number in wanted:
                yield order


def _followed(order: Field, begun: Field, frame: Frame, before: Frame) -> Field:
    """An order along the picture; what is uncovered by the picture itself has its own again.

    So a place stays what it is on, and the area is that of the shot's first frame.
    """
    flow, trust = follow(frame, before)
    moved = cv2.remap(order, *sources(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(begun + trust * (moved - begun), np.float32)
