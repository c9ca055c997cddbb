"""What really comes out of a clip, found by decoding all of it."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import av

from mnst_video.media.input.demux import Decoder, open_container, readable, stamp_of, stream_at


@dataclass(frozen=True)
class Survey:
    """The frames that come out of a stream, in the decoder's order.

    stamps: when each is shown, on the clock of its stream; None where it does not say.
    broken: the numbers of those that the decoder had to patch up.
    interlaced: how many are. resized: the number of the first one that has another size.
    reason: what the decoder said first of what it could not decode.
    """

    stamps: tuple[int | None, ...]
    broken: frozenset[int]
    interlaced: int
    resized: int | None
    reason: str


def survey(path: Path, index: int, *, opacity: bool, most: int) -> Survey:
    """Decode a whole stream, by its number among all streams; not much more than `most` frames."""
    found = _survey(path, index, opacity, most, damaged=False)
    return _survey(path, index, opacity, most, damaged=True) if found.reason else found


def _survey(path: Path, index: int, opacity: bool, most: int, *, damaged: bool) -> Survey:
    stamps: list[int | None] = []
    broken: set[int] = set()
    interlaced, resized, size, reason = 0, None, None, ""
    with contextlib.suppress(av.error.FFmpegError), open_container(path) as container:
        stream = stream_at(container, index)
        decoder = Decoder(stream, opacity=opacity, damaged=damaged)
        for number, frame in enumerate(decoder.frames(readable(container.demux(stream)))):
            stamps.append(stamp_of(frame))
            if frame.is_corrupt:
                broken.add(number)
            interlaced += bool(frame.interlaced_frame)
            size = size or (frame.width, frame.height)
            if resized is None and size != (frame.width, frame.height):
                resized = number
            if number > most:
                break
        reason = decoder.reason
    return Survey(tuple(stamps), frozenset(broken), interlaced, resized, reason)
