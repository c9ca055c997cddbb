"""Clips that are pictures in files: numbered ones, or one that stands still."""

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Clip, Decoding, Times
from mnst_video.media.images import HEIC, load_photo
from mnst_video.media.input.animation import moves
from mnst_video.media.input.limits import Limits
from mnst_video.media.numbered import has_counter, names_of

# Frames a second of pictures whose rate nobody has said: that of film.
DEFAULT_RATE = Fraction(24)
# Extensions of pictures. Not among them: .gif, which is a clip.
PICTURES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".avif", ".jp2", ".ppm", ".tga"}
    | HEIC
)
# Missing numbers that an error names.
NAMED = 8

_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)(?P<suffix>\.\w+)", re.DOTALL)


def is_sequence(path: Path) -> bool:
    """Whether a path means pictures: a folder, a pattern such as `shot.%04d.png`, or a picture."""
    if path.is_dir():
        return True
    if path.suffix.lower() not in PICTURES or moves(path):
        return False
    return path.exists() or has_counter(path.name)


def probe_sequence(
    path: Path,
    *,
    rate: Fraction | None = None,
    seconds: float | None = None,
    max_pixels: float | None = None,
) -> Clip:
    """A clip of pictures. rate: frames a second, default `DEFAULT_RATE`; seconds: of one picture.

    Raises InputError for what cannot be read, and for gaps, with the numbers that are missing.
    """
    fps, limits = rate or DEFAULT_RATE, Limits.of(max_pixels)
    pictures: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    if path.is_file():
        if seconds is None:
            raise UsageError(
                f"{path}: is a picture; give --seconds for a clip of it, or use mnst-video still"
            )
        limits.check_length(path, 1, Fraction(seconds))
        count = max(1, round(Fraction(seconds) * fps))
        pictures = (path,) * count
    else:
        pictures = tuple(_numbered(path))
        if rate is None:
            notes = (f"{len(pictures)} pictures at {float(fps):g} fps; --fps takes another rate",)
    limits.check_length(path, len(pictures), Fraction(0))
    first = load_photo(pictures[0], max_pixels)
    height, width = first.frame.shape[:2]
    limits.check_size(pictures[0], width, height)
    numbers = range(len(pictures))
    return Clip(
        path=path,
        width=width,
        height=height,
        times=Times(
            fps=fps,
            begins=tuple(number / fps for number in numbers),
            duration=len(pictures) / fps,
            keyframes=tuple(numbers),
        ),
        decoding=Decoding(
            size=(width, height),
            opencv=False,
            alpha=first.alpha is not None,
            pictures=pictures,
        ),
        notes=notes,
    )


def _numbered(path: Path) -> list[Path]:
    """The pictures of a folder or of a pattern, in the order of their numbers."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: there is no folder {folder}")
    try:
        files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    if path.is_dir():
        numbered = _of_folder(path, files)
    else:
        names = names_of(path.name)
        found = ((names.fullmatch(file.name), file) for file in files)
        numbered = [(int(match[1]), file) for match, file in found if match]
    if not numbered:
        raise InputError(f"{path}: there are no pictures that match")
    numbered.sort()
    for (one, file), (other, twin) in pairwise(numbered):
        if one == other:
            raise InputError(f"{path}: {file.name} and {twin.name} have the same number")
    missing = list(_gaps(number for number, _ in numbered))
    if missing:
        named = ", ".join(missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
        raise InputError(f"{path}: pictures are missing: {named}; a sequence needs all its numbers")
    return [file for _, file in numbered]


def _of_folder(folder: Path, files: Iterable[Path]) -> list[tuple[int, Path]]:
    """The numbered pictures of a folder, which are to be of one kind."""
    kinds: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for file in files:
        match = _NUMBERED.fullmatch(file.name)
        if match and match["suffix"].lower() in PICTURES:
            kind = match["name"], match["suffix"].lower()
            kinds.setdefault(kind, []).append((int(match["number"]), file))
    if not kinds:
        raise InputError(f"{folder}: there are no numbered pictures in this folder")
    if len(kinds) > 1:
        (one, *_), (other, *_) = sorted(kinds.values())[:2]
        raise InputError(
            f"{folder}: holds more than one sequence, such as {one[1].name} and {other[1].name}; "
            "give a pattern, such as shot.%04d.png"
        )
    (numbered,) = kinds.values()
    return numbered


def _gaps(numbers: Iterable[int]) -> Iterable[str]:
    """What is missing between increasing numbers: 3, 7-9."""
    for before, after in pairwise(numbers):
        if after == before + 2:
            yield str(before + 1)
        elif after > before + 2:
            yield f"{before + 1}-{after - 1}"
