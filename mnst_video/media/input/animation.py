"""Animated pictures that ffmpeg does not read as clips: WebP and AVIF, by Pillow."""

from collections.abc import Container, Generator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from PIL import Image

from mnst_video.media.clip import Clip, Decoding, Times
from mnst_video.media.files import check_file
from mnst_video.media.images import Photo, photo_in, reading
from mnst_video.media.input.limits import Limits
from mnst_video.media.input.rate import Rate, at_rate, frame_rate

ANIMATIONS = frozenset({".webp", ".avif"})
# Pictures that may move too, and that ffmpeg then reads.
OTHERS = frozenset({".png"})
# Of times in them: a millisecond; and what a picture lasts that says nothing.
TICK, USUAL = Fraction(1, 1000), Fraction(1, 10)


def is_animation(path: Path) -> bool:
    """Whether a path is that of a picture that moves, of a kind that is read here."""
    return path.suffix.lower() in ANIMATIONS and moves(path)


def moves(path: Path) -> bool:
    """Whether a path is that of a picture that moves."""
    if path.suffix.lower() not in ANIMATIONS | OTHERS or not path.is_file():
        return False
    try:
        with Image.open(path, formats=["WEBP", "AVIF", "PNG"]) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def probe_animation(path: Path, *, rate: Rate = "source", max_pixels: float | None = None) -> Clip:
    """A clip of the pictures of an animation; see `probe`. Raises InputError."""
    check_file(path)
    limits = Limits.of(max_pixels)
    lasts: list[Fraction] = []
    alpha = False
    with reading(path, max_pixels) as picture:
        limits.check_size(path, *picture.size)
        limits.check_length(path, getattr(picture, "n_frames", 1), Fraction(0))
        width, height = picture.size
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            photo = photo_in(picture, path)
            alpha = alpha or photo.alpha is not None
            lasts.append(Fraction(str(picture.info.get("duration") or 0)) / 1000 or USUAL)
    begins = tuple(accumulate(lasts[:-1], initial=Fraction(0)))
    fps, varies = frame_rate(begins, None, TICK)
    varies = varies or abs(lasts[-1] - 1 / fps) > 2 * TICK
    times = Times(fps, begins, sum(lasts, Fraction(0)), tuple(range(len(begins))))
    limits.check_length(path, len(begins), times.duration)
    decoding = Decoding((width, height), opencv=False, animated=True, alpha=alpha)
    return at_rate(Clip(path, width, height, times, decoding), rate, varies, limits)


def read_animation(path: Path, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    """The pictures of an animation, in order; None for those that are not wanted."""
    with reading(path, None) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            yield photo_in(picture, path) if number in wanted else None
