"""How many samples an MP4 or MOV claims to have, before anything is made of its index.

Some of its tables need no byte for a sample (ISO/IEC 14496-12): a file of a few bytes can claim any
number, and a reader that believes it fills the memory.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mnst_video.errors import InputError

# Boxes that hold boxes, on the way to the tables.
_HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
# What a file of this kind begins with, after four bytes of length.
_FIRST = frozenset(
    {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp"}
)
# Flags of a run of samples whose entries have bytes of their own.
_RUN_ENTRIES = 0x000F00
_DEEPEST = 8
# The kind of a track of sound. Without compression its samples have one size and last a tick: a
# reader takes them by the chunk.
_SOUND = int.from_bytes(b"soun")
_MEDIA = frozenset({0, int.from_bytes(b"mhlr")})


class _Box(NamedTuple):
    kind: bytes
    begin: int
    end: int


def check_index(path: Path, most: int) -> None:
    """Raise InputError where an MP4 or MOV claims more than `most` samples that take no byte."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(4)
        if file.read(4) not in _FIRST:
            return
        claimed = _claimed(file, size)
    if claimed > most:
        raise InputError(
            f"{path}: this is not a video that can be read: its index claims {claimed} frames, "
            f"more than {most}, and says nothing of them"
        )


def _boxes(file: BinaryIO, begin: int, end: int, depth: int) -> Iterator[_Box]:
    """The boxes that hold no others, in the order of the file."""
    while begin + 8 <= end:
        file.seek(begin)
        length, kind = struct.unpack(">I4s", file.read(8))
        inside = begin + 8
        if length == 1:
            large = file.read(8)
            length, inside = int.from_bytes(large), inside + 8
        elif length == 0:
            length = end - begin
        if length < inside - begin:
            return
        until = min(begin + length, end)
        if kind in _HOLDERS and depth < _DEEPEST:
            yield from _boxes(file, inside, until, depth + 1)
        else:
            yield _Box(kind, inside, until)
        begin += length


def _claimed(file: BinaryIO, size: int) -> int:
    """The samples that tables claim without a byte for each."""
    claimed = 0
    sound = steady = False  # of the track whose boxes follow
    pending = 0
    for box in _boxes(file, 0, size, 0):
        file.seek(box.begin)
        flags, first, second, third = struct.unpack(">IIII", file.read(16).ljust(16, b"\0"))
        if box.kind == b"hdlr" and first in _MEDIA:  # MOV has another one of the data
            claimed += 0 if sound and steady else pending
            sound, steady, pending = second == _SOUND, False, 0
        elif box.kind == b"stts":
            steady = first == 1 and third == 1
        elif box.kind == b"stsz" and first:
            pending += second
        elif box.kind == b"trun" and not flags & _RUN_ENTRIES:
            claimed += first
    return claimed + (0 if sound and steady else pending)
